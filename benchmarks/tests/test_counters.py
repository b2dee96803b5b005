"""Counters and kernel functions of the bench binaries, as a user asks for them."""

import collections
import json
import os
import re
import shutil
import subprocess

import pytest

from programs import BIN, KILLED, NOBODY, as_root, forbid, measure, run

FORK = "--case=fork/path:fork/heap:64MiB/backing:4k/placement:same-cpu"
SOFTWARE = ["minor-faults", "major-faults", "context-switches", "cpu-migrations", "task-clock"]


def entry_of(tmp_path, program, *arguments, **options):
    done, document = measure(tmp_path, program, *arguments, **options)
    assert done.returncode == 0, done.stdout + done.stderr
    return document["benchmarks"][0]


def test_a_software_event_is_counted_for_parent_child_and_family(tmp_path):
    events = entry_of(tmp_path, "bench_fork", FORK, "--counters")["counters"]["events"]
    for name in SOFTWARE:
        event = events[name]
        assert event["unit"] == ("ns" if name == "task-clock" else "1")
        assert event["running_share"] == 1
        assert event["child"]["n"] == event["family"]["n"] >= 3 <= event["parent"]["n"]
    faults = events["minor-faults"]
    assert faults["family"]["p50"] == faults["parent"]["p50"] + faults["child"]["p50"]
    assert faults["child"]["p50"] > 0  # its own stack, at least


def test_what_cannot_be_counted_has_a_reason_and_no_figure(tmp_path):
    events = entry_of(tmp_path, "bench_fork", FORK, "--counters")["counters"]["events"]
    assert set(SOFTWARE) < set(events)
    for event in events.values():
        assert ("reason" in event) != ("parent" in event)


@pytest.mark.parametrize("writer, other", [("parent", "child"), ("child", "parent")])
def test_the_faults_of_the_touches_are_counted_exactly(writer, other, tmp_path):
    case = f"cow/writer:{writer}/state:first/access:write/pattern:random/heap:8MiB/backing:4k"
    entry = entry_of(tmp_path, "bench_cow", f"--case={case}", "--heap=8MiB",
                     "--counters=minor-faults")
    faults = entry["counters"]["events"]["minor-faults"]
    pages = (8 << 20) // 4096
    assert entry["quantities"]["faults"]["p50"] == pages
    assert faults[writer]["samples"] == [pages] * faults[writer]["n"]
    assert faults[other]["max"] == 0
    assert faults["family"]["p50"] == pages


def test_a_childs_end_is_in_the_counts_of_its_cpu(tmp_path):
    """On one CPU all of a fork is CPU time, from the call until the child has given its tables back."""
    entry = entry_of(tmp_path, "bench_fork", FORK.replace("64MiB", "256MiB"),
                     "--counters=task-clock", "--samples=15")
    clock = entry["counters"]["events"]["task-clock"]
    if entry["counters"]["child_end_counted"]:
        assert "cpu" not in clock
        assert clock["child"]["p50"] > 0.3 * clock["parent"]["p50"]
        return
    assert clock["child"]["p50"] < 0.3 * clock["parent"]["p50"]
    if "cpu" not in clock:
        pytest.skip("only root may count a CPU")
    # Whoever else runs on this CPU is in its counts, and makes us wait: the least of CPU times.
    taken = sum(entry["quantities"][name]["min"] for name in ("blocked_cpu_ns", "child_cpu_ns"))
    assert 0.5 < clock["cpu"]["min"] / taken < 2
    assert clock["cpu"]["p50"] > 1.3 * clock["family"]["p50"]


def test_a_cpu_is_not_counted_where_the_child_may_leave_it(tmp_path):
    entry = entry_of(tmp_path, "bench_fork", FORK.replace("same-cpu", "free"),
                     "--counters=minor-faults")
    assert "cpu" not in entry["counters"]["events"]["minor-faults"]


def test_an_image_counts_as_the_child_that_it_was(tmp_path):
    entry = entry_of(tmp_path, "bench_exec", "--benchmark_filter=image:dynamic/.*heap:0",
                     "--preset=smoke", "--counters=minor-faults", "--samples=5")
    faults = entry["counters"]["events"]["minor-faults"]
    # by wait4, which counts from the child's first instruction on
    assert faults["child"]["p50"] == pytest.approx(
        entry["quantities"]["child_minor_faults"]["p50"], rel=0.1, abs=2)


def test_counts_of_a_round_trip_are_those_of_one(tmp_path):
    entry = entry_of(tmp_path, "bench_switch", "--case=switch/between:forked/by:futex/touch:0",
                     "--counters=context-switches", "--samples=5")
    counters = entry["counters"]
    assert counters["quantity"] == "round_trip_ns"
    switches = counters["events"]["context-switches"]
    # One for every turn that is waited for, none less; and of 1,000 round trips a few are preempted
    # by whoever else runs here, which are switches too.
    for side in ("parent", "child"):
        assert 1 <= switches[side]["p50"] <= 1.01, switches


@pytest.mark.parametrize("files, what", [("one-inode", "text"), ("forks", "library")])
def test_the_last_process_of_several_is_watched(files, what, tmp_path):
    entry = entry_of(tmp_path, "bench_share", f"--case=share/what:{what}/files:{files}/"
                     "processes:4/page-cache:warm", "--counters=minor-faults", "--samples=3")
    faults = entry["counters"]["events"]["minor-faults"]
    # it touches all of 1 MiB, by fault-around at most 16 pages a time, and no other does meanwhile
    assert 16 <= faults["child"]["p50"] < 2000


def test_a_case_without_an_operation_says_so(tmp_path):
    entry = entry_of(tmp_path, "bench_harness", "--case=harness/figure:stamp", "--counters",
                     "--profile", "--budget-ms=1")
    assert entry["counters"]["reason"].startswith("not watched")
    assert entry["profile"]["reason"].startswith("not watched")


def test_nothing_is_opened_that_was_not_asked_for(tmp_path):
    for program in ("bench_fork", "bench_cow", "bench_spawn", "bench_exec"):
        done, document = measure(tmp_path, program, "--preset=smoke", "--budget-ms=1",
                                 preexec_fn=forbid("perf_event_open", action=KILLED))
        assert done.returncode == 0 and document["unmeasured"] == [], (program, done.stderr)
        assert not any("counters" in b or "profile" in b for b in document["benchmarks"])
    # the trap is one: with counters it is fallen into
    assert run("bench_fork", FORK, "--counters=page-faults",
               preexec_fn=forbid("perf_event_open", action=KILLED)).returncode < 0


def test_times_stand_where_counters_are_forbidden(tmp_path):
    entry = entry_of(tmp_path, "bench_fork", FORK, "--counters=page-faults,cycles", "--profile",
                     preexec_fn=forbid("perf_event_open"))
    assert entry["quantities"]["total_ns"]["p50"] > 0
    reasons = [event["reason"] for event in entry["counters"]["events"].values()]
    for reason in [*reasons, entry["profile"]["reason"]]:
        assert reason.startswith("forbidden by seccomp"), reason


@as_root
def test_a_user_is_told_the_setting_that_forbids(tmp_path):
    with open("/proc/sys/kernel/perf_event_paranoid") as file:
        paranoid = int(file.read())
    if paranoid < 2:
        pytest.skip(f"perf_event_paranoid is {paranoid} here: users may count")
    os.chown(tmp_path, NOBODY, NOBODY)
    for parent in tmp_path.parents[:2]:
        parent.chmod(0o755)
    entry = entry_of(tmp_path, "bench_fork", FORK, "--counters=page-faults", "--profile",
                     user=NOBODY, group=NOBODY)
    for reason in (entry["counters"]["events"]["page-faults"]["reason"],
                   entry["profile"]["reason"]):
        assert reason.startswith(f"perf_event_paranoid is {paranoid}") and "sysctl" in reason


@pytest.mark.parametrize("flags, words", [
    (["--counters=cyclse"], "CYCLES"),
    (["--counters=page-faults:u"], "without its modifier"),
    (["--counters=cycles,cycles"], "twice"),
    (["--profile=cycles,instructions"], "one event"),
    (["--profile=cpu-clock:freq=99"], "period"),
    (["--profile=cpu-clock:period=5000"], "10000 ns"),
])
def test_a_wrong_name_is_told_before_anything_is_measured(flags, words):
    done = run("bench_fork", FORK, *flags)
    assert done.returncode == 2
    assert words in done.stderr
    # so that forkcost-run, which asks for the list first, measures nothing either
    assert run("bench_fork", "--list-cases", *flags).returncode == 2


def test_the_list_tells_what_opens_here():
    listed = run("bench_fork", "--list-counters")
    assert listed.returncode == 0
    here = listed.stdout.partition("can be counted here")[2]
    assert "PAGE-FAULTS" in here
    some = run("bench_fork", "--list-counters=page.faults")
    assert "PAGE-FAULTS" in some.stdout and "CONTEXT-SWITCHES" not in some.stdout
    assert run("bench_fork", "--list-counters=no such event").returncode == 2


def test_a_fork_is_taken_apart_by_kernel_function(tmp_path):
    profile = entry_of(tmp_path, "bench_fork", "--profile=cpu-clock",
                       FORK.replace("64MiB", "256MiB"))["profile"]
    if "reason" in profile:
        pytest.skip(profile["reason"])
    parts = profile["functions"] + profile["images"]
    assert sum(part["samples"] for part in parts) == profile["samples"] > 100
    assert profile["event"] == "cpu-clock" and profile["unit"] == "ns"
    assert profile["lost"] == 0 and profile["operations"] >= 3
    # on one CPU an operation is all CPU time: samples and clock must agree on how long it took
    names = {part["name"] for part in profile["functions"][:8]}
    assert any("copy" in name for name in names), names
    if profile["child_end_sampled"]:
        assert any("unmap" in name or "zap" in name for name in names), names


def cpu_time_of(quantities):
    """Median CPU time of a fork, by other clocks: the caller's and, by wait4, the child's."""
    return quantities["blocked_cpu_ns"]["p50"] + quantities["child_cpu_ns"]["p50"]


def test_the_samples_are_those_of_the_operation(tmp_path):
    """Populating the heap, which takes longer than a fork, is not among its samples."""
    entry = entry_of(tmp_path, "bench_fork", "--profile=cpu-clock",
                     FORK.replace("64MiB", "256MiB"))
    profile = entry["profile"]
    if "reason" in profile or not profile["child_end_sampled"]:
        pytest.skip("the child's end is not sampled here")
    per_operation = profile["samples"] * profile["period"] / profile["operations"]
    assert 0.3 < per_operation / cpu_time_of(entry["quantities"]) < 3
    clearing = sum(part["samples"] for part in profile["functions"] if "clear_page" in part["name"])
    assert clearing < 0.2 * profile["samples"]


def test_what_comes_before_the_operation_is_not_among_its_samples(tmp_path):
    """The other process writes all pages before the writes that are watched: as long as these."""
    entry = entry_of(tmp_path, "bench_cow", "--case=cow/writer:parent/state:after-other/access:write/"
                     "pattern:sequential/heap:256MiB/backing:4k", "--samples=3",
                     "--profile=cpu-clock", "--budget-ms=1")
    profile = entry["profile"]
    if "reason" in profile:
        pytest.skip(profile["reason"])
    assert profile["operations_left_out"] == 0
    per_operation = profile["samples"] * profile["period"] / profile["operations"]
    assert 0.3 < per_operation / entry["quantities"]["debt_cpu_ns"]["p50"] < 3
    copying = sum(part["samples"] for part in profile["functions"] if "copy_mc" in part["name"])
    assert copying < 0.1 * profile["samples"]  # pages are reused, and copied before


def shares_by_perf(data, operations):
    """Function → share of the samples of bench_fork and its children during its last `operations`
    forks: before lie populating and verifying the heap, and after them reading kallsyms."""
    script = subprocess.run(
        ["perf", "script", "-i", data, "--show-task-events", "-F", "comm,pid,tid,time,ip,sym"],
        capture_output=True, text=True, errors="replace", timeout=120).stdout
    family, samples, forks = set(), [], []
    for line in script.splitlines():
        found = re.match(r"\s*(.*?)\s+(\d+)/\d+\s+([\d.]+):\s+(.*)", line)
        if not found:
            continue
        comm, pid, time, rest = found[1], int(found[2]), float(found[3]), found[4]
        fork = re.match(r"PERF_RECORD_FORK\((\d+):\d+\):\((\d+)", rest)
        if fork and comm == "bench_fork":
            family |= {int(fork[1]), int(fork[2])}
            forks.append(time)
        elif not rest.startswith("PERF_RECORD"):
            samples.append((pid, time, rest.split()[-1]))
    counts = collections.Counter(
        name for pid, time, name in samples if pid in family and forks[-operations] <= time <= forks[-1])
    return {name: count / counts.total() for name, count in counts.items()}


@as_root
@pytest.mark.skipif(shutil.which("perf") is None, reason="apt-get install linux-perf")
def test_the_largest_shares_are_those_that_perf_finds(tmp_path):
    out, data = tmp_path / "fork.json", tmp_path / "perf.data"
    done = subprocess.run(
        ["perf", "record", "-a", "-o", data, "-e", "cpu-clock", "-c", "100003", "--",
         BIN / "bench_fork", FORK.replace("64MiB", "1GiB"), "--samples=3", "--budget-ms=300",
         "--profile=cpu-clock", f"--benchmark_out={out}"],
        capture_output=True, text=True, timeout=120)
    if not data.exists():
        pytest.skip(f"perf record: {done.stderr}")
    profile = json.loads(out.read_text())["benchmarks"][0]["profile"]
    if not profile.get("child_end_sampled"):
        pytest.skip(profile.get("reason", "not all CPUs may be sampled"))
    ours = {f["name"]: f["samples"] / profile["samples"] for f in profile["functions"]}
    theirs = shares_by_perf(data, profile["operations"])
    for name in sorted(theirs, key=theirs.get)[-5:]:
        assert ours.get(name, 0) == pytest.approx(theirs[name], abs=0.03), name
