"""bench_load after the start: dlopen, calls, touches, zygotes; and that no process stays behind."""

import json
import os
import signal
import subprocess

import pytest

from programs import (
    BIN, checks_of, children_of, evicting, has_ended, measure, medians_of, wait_for,
)

PAGE = os.sysconf("SC_PAGESIZE")
START = ("load/libraries:64/shape:flat/relocations:1000/kind:rela/binding:lazy/hash:gnu/"
         "page-cache:warm")


def measure_load(tmp_path, pattern, **options):
    return measure(tmp_path, "bench_load", f"--benchmark_filter={pattern}", "--samples=3",
                   **options)


@pytest.fixture(scope="module")
def dlopens(tmp_path_factory):
    done, document = measure_load(tmp_path_factory.mktemp("dlopen"), "dlopen/libraries:16/")
    assert done.returncode == 0, document["unmeasured"]
    return {tuple(e["axes"][axis] for axis in ("mode", "scope", "time")): e
            for e in document["benchmarks"]}


def test_the_second_dlopen_does_nothing(dlopens):
    for mode in ("lazy", "now"):
        first, second, other, namespace = (
            medians_of(dlopens[mode, "local", time])
            for time in ("first", "second", "other-process", "namespace"))
        assert second["minor_faults"] <= 1 and second["dlopen_ns"] < first["dlopen_ns"] / 10
        # Its own mappings, wherever the text is already, and again in another namespace.
        assert other["minor_faults"] > 16 and namespace["minor_faults"] > 16
        assert {m["major_faults"] for m in (first, second, other, namespace)} == {0}


def test_dlopen_binds_and_shows_what_its_flags_say(dlopens):
    assert len(dlopens) == 14
    for (mode, scope, time), entry in dlopens.items():
        observed = checks_of(entry)
        assert observed["jump slots bound by loading"] == ("1600" if mode == "now" else "0")
        assert observed["libraries that everybody finds"] == ("16" if scope == "global" else "0")
        assert observed["libraries loaded a second time"] == ("16" if time == "namespace" else "0")


# The text is read back in every sample, page by page: fewer are enough.
@pytest.mark.parametrize("pattern, made, samples", [
    ("dlopen/libraries:16/mode:lazy/scope:local/time:first", "flat-plt-100-lazy-gnu", 300),
    ("call/binding:lazy/time:first", "flat-plt-1000-lazy-gnu", 300),
    ("text-touch/pattern:sequential/.*warm", "text", 60),
    ("zygote/path:exec/libraries:16/", "flat-rela-1000-lazy-gnu", 300),
])
def test_warm_libraries_that_are_put_out_are_no_warm_figure(tmp_path, pattern, made, samples):
    _, document = measure_load(tmp_path, "text-touch/pattern:sequential/.*cold")
    if document["unmeasured"]:
        pytest.skip(document["unmeasured"][0]["outcome"]["reason"])
    library = BIN.parent / "libexec" / "forkcost" / "libraries" / made / "libfc-000.so"
    with evicting(library):
        _, document = measure(tmp_path, "bench_load", f"--benchmark_filter={pattern}",
                              f"--samples={samples}")
    (entry,) = document["unmeasured"]
    assert entry["outcome"]["status"] == "skipped" and entry["outcome"]["by_chance"], entry


@pytest.mark.parametrize("clock", ["", "vdso"])
def test_only_the_first_lazy_call_looks_up(tmp_path, clock):
    done, document = measure_load(tmp_path, "call/", env={**os.environ, "FORKCOST_CLOCK": clock})
    assert done.returncode == 0, document["unmeasured"]
    calls = {(e["axes"]["binding"], e["axes"]["time"]): e for e in document["benchmarks"]}
    assert len(calls) == 4
    for (binding, _), entry in calls.items():
        assert entry["quantities"]["call_ns"]["n"] == 3000
        assert checks_of(entry)["of them bound before"] == ("1000" if binding == "now" else "0")
        assert checks_of(entry)["and after"] == "1000"
    slow = medians_of(calls["lazy", "first"])["call_ns"]
    for other in (("lazy", "second"), ("now", "first"), ("now", "second")):
        assert medians_of(calls[other])["call_ns"] < slow / 2


def test_text_is_touched_page_by_page_and_faults_map_several(tmp_path):
    done, document = measure_load(tmp_path, "text-touch/")
    assert done.returncode == 0, document["unmeasured"]
    for entry in document["benchmarks"]:
        found, pages = medians_of(entry), int(entry["axes"]["pages"])
        assert entry["quantities"]["touch_ns"]["n"] == 3 * pages
        assert found["resident_pages"] == pages
        assert 1 <= found["fault_around_pages"] <= pages
        cold = entry["axes"]["page-cache"] == "cold"
        assert (found["major_faults"] > 0) == cold
        assert pages / 512 <= found["faults"] + found["major_faults"] <= pages


@pytest.fixture(scope="module")
def zygotes(tmp_path_factory):
    done, document = measure_load(tmp_path_factory.mktemp("zygote"), "zygote/.*libraries:(0|64)/")
    assert done.returncode == 0, document["unmeasured"]
    return {(e["axes"]["path"], int(e["axes"]["libraries"])): e for e in document["benchmarks"]}


def test_forks_of_a_server_share_what_an_exec_makes_anew(zygotes):
    for libraries in (0, 64):
        forked, executed = (medians_of(zygotes[path, libraries])
                            for path in ("fork-server", "exec"))
        assert forked["main_start_ns"] < executed["main_start_ns"]
        assert forked["private_dirty_bytes"] < executed["private_dirty_bytes"] / 2
        assert forked["pss_bytes"] < executed["pss_bytes"]
    added = {path: medians_of(zygotes[path, 64])["private_dirty_bytes"]
             - medians_of(zygotes[path, 0])["private_dirty_bytes"]
             for path in ("fork-server", "exec")}
    assert added["exec"] >= 64 * 3 * PAGE and added["fork-server"] < 64 * PAGE


def test_both_paths_have_the_libraries(zygotes):
    for (_, libraries), entry in zygotes.items():
        assert checks_of(entry)["generated libraries in the process"] == str(libraries)


def processes_of(process):
    """Its children and theirs: servers, and what they forked."""
    below = children_of(process.pid)
    return below + [grandchild for child in below for grandchild in children_of(child)]


def start_long(tmp_path, pattern):
    process = subprocess.Popen(
        [BIN / "bench_load", "--samples=100000", f"--benchmark_filter={pattern}",
         f"--benchmark_out={tmp_path}/run.json"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True)
    return process, wait_for(lambda: processes_of(process), "a process of its own")


@pytest.mark.parametrize("pattern", ["zygote/path:fork-server/libraries:64/",
                                     "zygote/path:exec/libraries:64/",
                                     "dlopen/libraries:16/mode:now/scope:local/time:other-process",
                                     START])
@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGKILL])
def test_a_signal_leaves_no_process(tmp_path, pattern, sign):
    process, _ = start_long(tmp_path, pattern)
    wait_for(lambda: len(processes_of(process)) >= (1 if pattern == START else 2),
             "server and child")
    found = processes_of(process)
    os.kill(process.pid, sign)
    process.communicate(timeout=60)
    assert process.returncode == -sign
    for pid in found:
        wait_for(lambda: has_ended(pid), f"the end of {pid}")
    assert not (tmp_path / "run.json").exists()


def test_a_server_that_is_killed_is_a_failure(tmp_path):
    process, (server, *_) = start_long(tmp_path, "zygote/path:fork-server/libraries:16/")
    wait_for(lambda: children_of(server) or process.poll() is not None, "a fork")
    os.kill(server, signal.SIGKILL)
    process.communicate(timeout=60)
    assert process.returncode == 1
    (entry,) = json.loads((tmp_path / "run.json").read_text())["unmeasured"]
    assert entry["outcome"]["status"] == "failed" and "fork server" in entry["outcome"]["reason"]


def test_a_case_without_children_ends_by_the_time_limit(tmp_path):
    done, document = measure(tmp_path, "bench_load", "--samples=1000000", "--time-limit-s=0.3",
                             "--case=text-touch/pattern:sequential/pages:1024/page-cache:warm")
    assert done.returncode == 1
    assert "--time-limit-s" in document["unmeasured"][0]["outcome"]["reason"]
