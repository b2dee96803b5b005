"""forkcost-run from end to end, against a mock bench program: what it measures and writes."""

import gzip
import json
import os
import pathlib
import re
import shlex
import signal
import subprocess
import time

import pytest

from running import PATIENCE, is_alive, many, wait_until

COMPARE = pathlib.Path("/usr/share/benchmark/compare.py")


# What is measured, and in which order


def test_every_case_once_in_every_round_in_an_order_that_the_seed_gives(runner):
    runner.set_cases(*many(6))
    orders = []
    for seed in (7, 7, 8):
        assert runner.run("--rounds", "2", "--seed", str(seed), "--force").returncode == 0
        orders.append([name for name, *_ in runner.logged("begin")])
        runner.forget_log()
        assert runner.result()["context"]["forkcost"]["run"]["seed"] == seed
    assert orders[0] == orders[1]
    assert orders[0] != orders[2]
    for order in orders:
        assert sorted(order[:6]) == sorted(order[6:]) == many(6)
    assert orders[0][:6] != orders[0][6:]


def test_every_round_is_a_process_of_its_own(runner):
    runner.set_cases(*many(2))
    assert runner.run("--rounds", "2").returncode == 0
    pids = [entry["pid"] for entry in runner.result()["benchmarks"]]
    assert len(set(pids)) == 4


def test_the_clock_is_calibrated_by_the_first_process_of_a_side_alone(runner):
    runner.set_cases(*many(2))
    assert runner.run("--rounds", "2").returncode == 0
    assert runner.logged("clock") == [["None"], *3 * [['{"source":"tsc"}']]]
    runner.set_cases("a/mode:crash")
    runner.forget_log()
    runner.run("--rounds", "2", "--force")
    assert runner.logged("clock") == [["None"], ["None"]], "it said none"


def test_a_heap_is_asked_for_by_its_size(runner):
    runner.set_cases("a/mode:ok/heap:17GiB")
    assert runner.run("--preset", "smoke").returncode == 0
    assert runner.logged("begin")[0][2] == "17GiB"


def test_counters_and_profile_are_the_programs_affair(runner):
    assert runner.run("--preset", "smoke").returncode == 0
    assert runner.logged("passes") == [["None", "None"]]
    assert "counters" not in runner.result()["context"]["forkcost"]["run"]
    assert runner.run("--preset", "smoke", "--force", "--counters=cycles:u,page-faults",
                      "--profile").returncode == 0
    assert runner.logged("passes")[-1] == ["cycles:u,page-faults", "default"]
    run = runner.result()["context"]["forkcost"]["run"]
    assert (run["counters"], run["profile"]) == ("cycles:u,page-faults", "")


def test_a_wrong_event_is_told_before_anything_is_measured(runner):
    done = runner.run("--counters=wrong")
    assert done.returncode == 2
    assert "wrong: event not found" in done.err
    assert runner.logged("begin") == [] and not runner.journal.exists()


def test_a_limit_is_that_of_each_pass(runner):
    """Else a case that is counted and profiled would be ended for taking all of its passes."""
    runner.set_cases("a/mode:hang")
    begun = time.monotonic()
    assert runner.run("--preset", "smoke", "--time-limit-s", "0.5", "--counters",
                      "--profile").returncode == 1
    assert time.monotonic() - begun > 5 * 0.5
    assert "2.5 s" in runner.result()["unmeasured"][0]["outcome"]["reason"]


def test_labels_stand_in_the_file(runner):
    assert runner.run("--preset", "smoke", "--label", "kernel=A", "--label", "b=c=d").returncode == 0
    assert runner.result()["context"]["forkcost"]["run"]["label"] == {"kernel": "A", "b": "c=d"}


def test_filter_and_list(runner):
    runner.set_cases(*many(12))
    listed = runner.run("--list", "--filter", "n:1$|n:11")
    assert (listed.returncode, listed.out.split()) == (0, ["a/mode:ok/n:1", "a/mode:ok/n:11"])
    assert not runner.out.exists() and runner.logged("begin") == []


def test_a_program_has_the_three_descriptors(runner):
    assert runner.run("--preset", "smoke").returncode == 0
    assert runner.logged("descriptors") == [["3"]]


def test_the_time_limit_reaches_the_program_a_little_shorter(runner):
    """Else a case that may take 600 s would fail at the program's own 60."""
    assert runner.run("--preset", "smoke", "--time-limit-s", "500").returncode == 0
    ((limit, _),) = runner.logged("given")
    assert float(limit) == 450


# The result file


def test_merged_file(runner):
    runner.set_cases("b/mode:ok", "a/mode:ok/heap:1MiB", "a/mode:skip")
    done = runner.run("--rounds", "3", "--filter", "mode", "--cpu", "0")
    assert done.returncode == 0
    document = runner.result()
    entries = document["benchmarks"]
    assert [(e["name"], e["repetition_index"]) for e in entries] == [
        ("b/mode:ok", 0), ("b/mode:ok", 1), ("b/mode:ok", 2),
        ("a/mode:ok/heap:1MiB", 0), ("a/mode:ok/heap:1MiB", 1), ("a/mode:ok/heap:1MiB", 2)]
    assert {e["repetitions"] for e in entries} == {3}
    assert [(e["name"], e["repetition_index"]) for e in document["unmeasured"]] == [
        ("a/mode:skip", 0)]
    forkcost = document["context"]["forkcost"]
    assert forkcost["cases"] == {
        "b/mode:ok": {"benchmark": "b", "primary": "blocked_ns", "primary_cpu": "blocked_cpu_ns",
                      "verification": []},
        "a/mode:ok/heap:1MiB": {"benchmark": "a", "heap_bytes": 1 << 20, "primary": "blocked_ns",
                                "primary_cpu": "blocked_cpu_ns", "verification": []},
        "a/mode:skip": {"benchmark": "a"}}
    assert set(forkcost["axes"]) == {"mode", "heap"}
    assert set(forkcost["quantities"]) == {"blocked_ns", "blocked_cpu_ns"}
    assert all(e["quantities"]["blocked_ns"]["samples"] == [0, 1, 2] for e in entries)
    assert document["context"]["host_name"] == "mock"
    assert forkcost["schema"] == 2
    assert forkcost["clock"] == {"source": "tsc"}
    assert forkcost["environment"]["process"]["uid"] == 4711, "as the bench program saw it"
    assert "loadavg" in forkcost["environment"]["load"]
    assert set(forkcost["suite"]) == {"version", "revision"}
    assert all(set(w) == {"id", "message", "remedy"} for w in forkcost["warnings"])
    run = forkcost["run"]
    assert run["program"] == "forkcost-run"
    assert (run["preset"], run["filter"], run["cpu"]) == ("quick", "mode", 0)
    assert (run["rounds"], run["rounds_done"], run["interrupted"]) == (3, 3, False)
    assert run["command"][0] == runner.program
    assert not runner.journal.exists()
    lines = done.out.splitlines()
    assert lines[-1] == str(runner.out)
    assert any(line.startswith("b/mode:ok") and "µs" in line for line in lines)
    assert any(re.fullmatch("skipped +1 case: the mock skipped it", line) for line in lines)


def test_a_file_named_gz_is_compressed_and_holds_the_same(runner):
    runner.set_cases(*many(2))
    done = runner.run("--rounds", "2", "--seed", "7")
    plain = runner.result()
    runner.out = runner.out.with_name("run.json.gz")
    done = runner.run("--rounds", "2", "--seed", "7")
    assert done.returncode == 0, done.err
    assert done.out.splitlines()[-1] == str(runner.out)
    compressed = json.loads(gzip.decompress(runner.out.read_bytes()))
    names = [[(e["name"], e["quantities"]) for e in d["benchmarks"]] for d in (plain, compressed)]
    assert names[0] == names[1]


def test_a_journal_of_an_older_schema_is_not_gone_on_with(runner):
    runner.journal.write_text('{"plan": {"preset": "quick", "cases": []}}\n')
    done = runner.run("--resume")
    assert done.returncode == 2
    assert "the journal is of schema 1" in done.err and "--force" in done.err


def test_a_program_of_another_version_is_refused_before_anything_is_measured(runner):
    old = json.dumps({"binary": "bench_old", "cases": [{"name": "a/mode:ok"}]})
    program = runner.bin_dir / "bench_old"
    program.write_text(f"#!/bin/sh\necho {shlex.quote(old)}\n")
    program.chmod(0o755)
    done = runner.run("--rounds", "1")
    assert done.returncode == 2 and "bench_old is of another version" in done.err
    assert runner.logged("begin") == []


@pytest.mark.skipif(not COMPARE.exists() or subprocess.run(
    ["/usr/bin/python3", "-c", "import scipy"], capture_output=True).returncode != 0,
    reason="apt-get install libbenchmark-tools")
def test_google_benchmarks_own_tool_reads_two_runs(runner, tmp_path):
    runner.set_cases(*many(2), "a/mode:skip", "a/mode:fail")
    other = tmp_path / "other.json"
    runner.run("--rounds", "2")
    runner.out.rename(other)
    runner.run("--rounds", "2")
    compared = subprocess.run(
        ["/usr/bin/python3", COMPARE, "--no-color", "benchmarks", other, runner.out],
        capture_output=True, text=True, timeout=PATIENCE)
    assert (compared.returncode, compared.stderr) == (0, "")
    assert "a/mode:ok/n:1_pvalue" in compared.stdout


def test_a_reader_that_goes_away_costs_no_result(runner):
    """forkcost-run … 2>&1 | head -0"""
    runner.set_cases(*many(2))
    read_end, write_end = os.pipe()
    os.close(read_end)
    subprocess.run(runner.command("--rounds", "1"), env=runner.environment(), stdout=write_end,
                   stderr=write_end, timeout=PATIENCE)
    os.close(write_end)
    assert len(runner.result()["benchmarks"]) == 2
    assert list(runner.temporary.iterdir()) == []


# Programs that misbehave


@pytest.mark.parametrize("mode, reasons", [
    ("fail", ["the mock failed it"]),
    ("crash", ["signal 11", "about to crash"]),
    ("torn", ["result file is damaged"]),
    ("nofile", ["exit status 7 and wrote no result file", "first | last words"]),
    ("liar", ["exit status 66, but its result file says 'ok'"]),
])
def test_a_case_that_fails(runner, mode, reasons):
    runner.set_cases(f"a/mode:{mode}", "a/mode:ok")
    done = runner.run("--rounds", "2")
    assert done.returncode == 1
    outcome = runner.outcomes()[f"a/mode:{mode}"]
    assert outcome["status"] == "failed"
    assert all(reason in outcome["reason"] for reason in reasons), outcome["reason"]
    assert len(runner.result()["unmeasured"]) == 2, "each failure is kept"
    assert len(runner.result()["benchmarks"]) == 2, "the others go on"
    assert f"a/mode:{mode}" in done.out


def test_the_time_limit_kills_what_ignores_signals(runner):
    runner.set_cases("a/mode:hang", "a/mode:ok")
    done = runner.run("--preset", "smoke", "--time-limit-s", "0.5")
    assert done.returncode == 1
    assert "did not finish within 0.5 s" in runner.outcomes()["a/mode:hang"]["reason"]
    assert not any(is_alive(pid) for _, pid, _ in runner.logged("begin"))


def test_a_program_that_is_stopped_may_clean_up_first(runner):
    """It may have made a cgroup, or reserved huge pages."""
    runner.set_cases("a/mode:tidy")
    assert runner.run("--preset", "smoke", "--time-limit-s", "2").returncode == 1
    assert len(runner.logged("tidied")) == 1
    runner.forget_log()
    process = runner.start("--preset", "smoke", "--force")
    wait_until(lambda: runner.logged("blocked"), "the case works")
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=PATIENCE)
    assert len(runner.logged("tidied")) == 1


@pytest.mark.parametrize("mode", ["straggler", "daemon"])
def test_what_a_program_leaves_behind_is_killed(runner, mode):
    runner.set_cases(f"a/mode:{mode}")
    assert runner.run("--preset", "smoke").returncode == 0
    (pid,), = runner.logged("straggler")
    assert not is_alive(pid)


def test_skipped_in_the_first_round_is_not_tried_again(runner):
    runner.set_cases("a/mode:skip", "a/mode:ok")
    assert runner.run("--rounds", "3").returncode == 0
    assert [name for name, *_ in runner.logged("begin")].count("a/mode:skip") == 1


def test_nothing_measured(runner):
    runner.set_cases("a/mode:skip")
    done = runner.run("--rounds", "3")
    assert done.returncode == 3
    assert runner.result()["context"]["forkcost"]["run"]["rounds_done"] == 1
    assert runner.outcomes()["a/mode:skip"]["status"] == "skipped"


# Wrong calls: exit status 2, nothing measured, nothing written


@pytest.mark.parametrize("arguments, said", [
    (["--label", "kernel"], "not NAME=VALUE"),
    (["--label", "kernel=A", "--label", "kernel=B"], "kernel has a value already"),
    (["--preset", "huge"], "smoke, quick, gate, standard and full"),
    (["--filter", "a/mode:okay"], "a/mode:ok/n:0"),
    (["--filter", "("], "not a regular expression"),
    (["--heap", "1XiB"], "'1XiB' is not a size"),
    (["--max-heap", "-1"], "is not a size"),
    (["--rounds", "0"], "--rounds"),
    (["--cpu", "4095"], "--cpu 4095"),
    (["--bogus"], "--bogus"),
    (["--resume"], "nothing to resume"),
    (["--bin-dir", "/nonexistent"], "No such file or directory"),
    (["--out", "/nonexistent/run.json"], "cannot write /nonexistent/run.json"),
    (["--out", "/dev/null"], "not a regular file"),
])
def test_wrong_calls(runner, arguments, said):
    runner.set_cases(*many(3))
    command = [runner.program]
    if "--bin-dir" not in arguments:
        command += ["--bin-dir", str(runner.bin_dir)]
    if "--out" not in arguments:
        command += ["--out", str(runner.out)]
    done = subprocess.run(command + arguments, env=runner.environment(), capture_output=True,
                          text=True, timeout=PATIENCE)
    assert done.returncode == 2
    assert said in done.stderr
    assert done.stdout == ""
    assert runner.logged("begin") == []
    assert not runner.out.exists() and not runner.journal.exists()


def test_no_programs(runner):
    (runner.bin_dir / "bench_mock").unlink()
    done = runner.run()
    assert (done.returncode, "no program bench_*" in done.err) == (2, True)


def test_a_program_that_is_not_ours(runner):
    (runner.bin_dir / "bench_other").write_text("#!/bin/sh\necho hello\n")
    (runner.bin_dir / "bench_other").chmod(0o755)
    done = runner.run()
    assert (done.returncode, "bench_other --list-cases does not print" in done.err) == (2, True)


def test_an_existing_result_is_kept_unless_forced(runner):
    runner.out.write_text("precious")
    done = runner.run("--preset", "smoke")
    assert (done.returncode, "--force" in done.err) == (2, True)
    assert runner.out.read_text() == "precious"
    assert runner.run("--preset", "smoke", "--force").returncode == 0
    assert len(runner.result()["benchmarks"]) == 1


def test_the_doctor_says_what_the_machine_does_meanwhile(runner):
    said = runner.run("--doctor").out
    for title in ("arithmetic", "atomic increment"):
        [[median, slow]] = re.findall(rf"^    {title} +([\d.]+) ns, one in ten ([\d.]+) ns or more$", said, re.M)
        assert 0 < float(median) <= float(slow)


@pytest.mark.parametrize("flag", ["--help", "--version", "--doctor"])
def test_what_only_says_something(runner, flag):
    done = runner.run(flag)
    assert done.returncode == 0 and done.out != ""
    assert not runner.out.exists() and runner.logged("begin") == []
