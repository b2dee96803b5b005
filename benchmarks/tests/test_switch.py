"""bench_switch: handing over between two sides on one CPU."""

import json
import os
import shutil
import signal
import subprocess

import pytest

from programs import BIN, check_smoke, children_of, has_ended, measure, wait_for


def test_smoke_cases_are_verified_and_have_figures(tmp_path):
    check_smoke("bench_switch", tmp_path)


def test_every_pair_hands_over_on_one_cpu(tmp_path):
    done, document = measure(tmp_path, "bench_switch", "--benchmark_filter=.", "--samples=3")
    assert done.returncode == 0, document["unmeasured"]
    assert len(document["benchmarks"]) == 3 * 2 * 2
    cpu = str(document["context"]["forkcost"]["run"]["cpu"])
    for entry in document["benchmarks"]:
        axes, quantities = entry["axes"], entry["quantities"]
        checks = {c["check"]: c["observed"] for c in entry["verification"]}
        assert checks["CPU of the first side"] == checks["CPU of the partner"] == cpu
        for side in ("first side", "partner"):
            assert int(checks[f"context switches of the {side}"]) >= 1000, axes
        common = set(entry["quantities"]["memory_in_common"]["samples"])
        assert common == {1 if axes["between"] == "threads" else 0}
        program = "partner" if axes["between"] == "exec" else "bench_switch"
        assert checks["the partner's program"].endswith(f"/{program}")
        if axes["touch"] != "0":
            assert int(checks["the partner's pages, resident"]) >= 256 * os.sysconf("SC_PAGESIZE")
        assert quantities["round_trip_ns"]["n"] == 3 * 1000
        assert quantities["handover_ns"]["min"] > 0 and quantities["primitive_ns"]["min"] > 0
        waits = quantities["waits_per_turn"]
        if axes["by"] == "pipe":  # every turn is read
            assert waits["min"] == 1 and waits["samples"] == [1, 1, 1]
        else:  # somebody has waited, if both were switched to
            assert 0 < waits["min"] and waits["max"] < 2


def test_reading_pages_is_in_the_primitive(tmp_path):
    _, document = measure(tmp_path, "bench_switch", "--benchmark_filter=threads/by:futex")
    primitive = {b["axes"]["touch"]: b["quantities"]["primitive_ns"]["min"]
                 for b in document["benchmarks"]}
    assert primitive["256"] > primitive["0"]


def test_works_with_the_kernels_clock(tmp_path):
    done, _ = measure(tmp_path, "bench_switch", "--preset=quick", "--samples=1",
                      env={**os.environ, "FORKCOST_CLOCK": "vdso"})
    assert done.returncode == 0, done.stdout + done.stderr


def start_long(tmp_path, between, by):
    process = subprocess.Popen(
        [BIN / "bench_switch", "--samples=1000000", f"--benchmark_out={tmp_path}/run.json",
         f"--case=switch/between:{between}/by:{by}/touch:0"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True)
    partner = wait_for(lambda: children_of(process.pid), "the partner")[0]
    if between == "exec":
        wait_for(lambda: os.readlink(f"/proc/{partner}/exe").endswith("/partner"), "its exec")
    return process, partner


@pytest.mark.parametrize("between", ["forked", "exec"])
@pytest.mark.parametrize("by", ["futex", "pipe"])
def test_a_partner_killed_from_outside_is_a_failure_that_says_so(tmp_path, between, by):
    process, partner = start_long(tmp_path, between, by)
    os.kill(partner, signal.SIGKILL)
    process.communicate(timeout=30)  # long before the time limit of 60 s
    assert process.returncode == 1
    (entry,) = json.loads((tmp_path / "run.json").read_text())["unmeasured"]
    assert entry["outcome"]["status"] == "failed"
    assert "SIGKILL" in entry["outcome"]["reason"]


@pytest.mark.parametrize("between", ["forked", "exec"])
@pytest.mark.parametrize("by", ["futex", "pipe"])
@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGKILL])
def test_the_partner_ends_with_us(tmp_path, between, by, sign):
    process, partner = start_long(tmp_path, between, by)
    os.kill(process.pid, sign)
    process.communicate(timeout=30)
    assert process.returncode == -sign
    wait_for(lambda: has_ended(partner), "the end of the partner")


@pytest.mark.parametrize("between", ["forked", "exec"])
def test_a_stopped_partner_is_ended_by_the_time_limit(tmp_path, between):
    process = subprocess.Popen(
        [BIN / "bench_switch", "--samples=1000000", f"--benchmark_out={tmp_path}/run.json",
         "--time-limit-s=2", f"--case=switch/between:{between}/by:futex/touch:0"],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    partner = wait_for(lambda: children_of(process.pid), "the partner")[0]
    os.kill(partner, signal.SIGSTOP)
    assert process.wait(30) == 1
    (entry,) = json.loads((tmp_path / "run.json").read_text())["unmeasured"]
    assert "--time-limit-s" in entry["outcome"]["reason"]


def test_a_missing_image_is_named(tmp_path):
    program = tmp_path / "bin" / "bench_switch"
    program.parent.mkdir()
    shutil.copy(BIN / "bench_switch", program)
    out = tmp_path / "run.json"
    done = subprocess.run([program, "--case=switch/between:exec/by:futex/touch:0",
                           f"--benchmark_out={out}"], capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    reason = json.loads(out.read_text())["unmeasured"][0]["outcome"]["reason"]
    assert "libexec/forkcost/partner" in reason and "ENOENT" in reason
