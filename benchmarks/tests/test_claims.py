"""bench_claims, called as a user calls it. What a claim says is not asserted here, the experiments
must be able to come out either way; only what the kernel's own rules leave no choice about."""

import json
import os
import pathlib
import resource
import signal
import struct
import subprocess

import pytest

from programs import (BIN, NOBODY, as_root, check_smoke, children_of, forbid, measure, run,
                      wait_for)

PAGES = (16 << 20) // os.sysconf("SC_PAGE_SIZE")
BASE = f"{os.sysconf('SC_PAGE_SIZE') // 1024}k"
IDS = {"text-unrelated", "text-addresses", "text-no-alloc", "text-cow-independent", "lib-mmap",
       "lib-lazy", "lib-second", "heap-not-copied", "heap-pagewise", "heap-everything",
       "heap-grandchild", "vfork-why", "zero-page", "data-cow", "big-parent-enomem",
       "shell-out-copies", "gc-dirties", "fork-bomb", "same-va", "last-owner",
       "exec-ends-sharing"}
# Read from page frames and map counts: absent, and not 0, where these are hidden.
BY_FRAMES = {"equal_frames", "equal_frames_before", "equal_frames_after", "new_frames",
             "new_frames_after_write", "distinct_frames", "present_pages",
             "parent_child_equal_frames", "grandchild_new_frames", "frame_is_page_cache_before",
             "frame_is_page_cache_after", "mapped_twice_before", "mapped_twice_after",
             "parent_copied_pages"}


def frames_are_told():
    place = bytearray(b"x")
    page = id(place) // os.sysconf("SC_PAGE_SIZE")
    with open("/proc/self/pagemap", "rb") as pagemap:
        pagemap.seek(page * 8)
        return struct.unpack("Q", pagemap.read(8))[0] & ((1 << 55) - 1) != 0


def observe(tmp_path, pattern="", **options):
    """All samples of each quantity, by case."""
    done, document = measure(tmp_path, "bench_claims", "--preset=quick", "--budget-ms=1",
                             f"--benchmark_filter={pattern or '.'}", **options)
    assert done.returncode == 0, done.stdout + done.stderr + json.dumps(document["unmeasured"])
    return {b["name"].removeprefix("claim/id:"): {
        name: quantity["samples"] for name, quantity in b["quantities"].items()}
        for b in document["benchmarks"]}, document


def expect(seen, case, **figures):
    """Every sample has these figures; frames only where they can be read."""
    for name, value in figures.items():
        if name in BY_FRAMES and not frames_are_told():
            assert name not in seen[case]
            continue
        assert set(seen[case][name]) == {value}, (case, name, seen[case][name])


def test_smoke_cases_are_verified_and_have_figures(tmp_path):
    check_smoke("bench_claims", tmp_path)


def test_every_observation_is_in_the_quick_preset():
    listed = json.loads(run("bench_claims", "--list-cases", "--preset=quick").stdout)
    assert {case["axes"]["id"] for case in listed["cases"]} == IDS
    full = json.loads(run("bench_claims", "--list-cases", "--preset=full").stdout)
    names = [case["name"] for case in full["cases"]]
    assert len(names) == len(set(names)) > len(listed["cases"])
    # Only the mode that is in force: the others would be skipped.
    modes = {c["axes"]["overcommit"] for c in listed["cases"] if "overcommit" in c["axes"]}
    assert modes == {pathlib.Path("/proc/sys/vm/overcommit_memory").read_text().strip()}


def test_all_quick_observations_are_made_and_verified(tmp_path):
    done, document = measure(tmp_path, "bench_claims", "--preset=quick", "--budget-ms=1")
    for entry in document["unmeasured"]:
        assert entry["outcome"]["status"] == "skipped", entry
    assert done.returncode in (0, 3), done.stderr
    for entry in document["benchmarks"]:
        assert entry["outcome"]["status"] == "ok"
        assert entry["verification"] and all(check["ok"] for check in entry["verification"])
        assert entry["primary"] == "sample_ns" and entry["quantities"]["sample_ns"]["min"] > 0
        assert len(entry["quantities"]) > 1, entry["name"]
        for name, quantity in entry["quantities"].items():
            unit = "ns" if name.endswith("_ns") else "bytes" if "bytes" in name else "1"
            assert quantity["unit"] == unit, name


def test_base_pages_are_counted_exactly(tmp_path):
    seen, _ = observe(tmp_path, f"heap-not-copied|heap-pagewise/backing:{BASE}|heap-grandchild|"
                      f"zero-page|same-va|last-owner/backing:{BASE}|memory:heap|exec-ends-sharing")
    expect(seen, "heap-not-copied", pages=PAGES, faults=0, equal_frames=PAGES, copied_bytes=0)
    for written in (1, 16, 256):
        expect(seen, f"heap-pagewise/written:{written}", faults=written,
               new_frames=written, copied_bytes=written * os.sysconf("SC_PAGE_SIZE"))
    expect(seen, "heap-grandchild", grandchild_faults=PAGES, grandchild_new_frames=PAGES,
           parent_child_equal_frames=PAGES, parent_child_shared_bytes=16 << 20)
    expect(seen, "zero-page", read_faults=PAGES, present_pages=PAGES, distinct_frames=1,
           write_faults=PAGES, new_frames=PAGES, write_rss_bytes=16 << 20)
    expect(seen, "same-va", equal_addresses=1, equal_frames_before=PAGES, equal_frames_after=0)
    expect(seen, "last-owner", faults=PAGES, new_frames=0)
    expect(seen, "text-cow-independent/memory:heap", equal_frames_before=PAGES,
           new_frames_after_write=PAGES)
    expect(seen, "exec-ends-sharing", parent_faults=PAGES, new_frames=0)


def test_one_page_of_each_region_is_one_fault(tmp_path):
    seen, _ = observe(tmp_path, "heap-everything|data-cow")
    regions = {name.rpartition(":")[2]: name for name in seen if "region" in name}
    assert set(regions) == {"heap", "stack", "data", "bss", "library"}
    for case in regions.values():
        expect(seen, case, faults=1, new_frames=1, equal_frames_before=1)
    size = os.sysconf("SC_PAGE_SIZE")
    expect(seen, "data-cow", faults=1, private_dirty_before_bytes=0,
           private_dirty_after_bytes=size)


def test_forks_child_has_page_tables_of_its_own_and_vforks_has_not(tmp_path):
    seen, _ = observe(tmp_path, "vfork-why")
    expect(seen, "vfork-why/path:vfork", table_bytes_copied=0, parent_faults_after=0)
    expect(seen, "vfork-why/path:fork", parent_faults_after=4 * PAGES)
    assert min(seen["vfork-why/path:fork"]["table_bytes_copied"]) >= 4 * PAGES * 8


def test_without_kcmp_nobody_says_whose_page_tables_the_child_has(tmp_path):
    seen, _ = observe(tmp_path, "vfork-why", preexec_fn=forbid("kcmp"))
    assert len(seen) == 2
    for figures in seen.values():
        assert "table_bytes_copied" not in figures and "parent_faults_after" in figures


def test_pages_of_a_file_come_in_by_faults(tmp_path):
    seen, _ = observe(tmp_path, "lib-lazy|text-no-alloc")
    for case, touched in (("lib-lazy/pattern:one", 1), ("lib-lazy", PAGES // 4),
                          ("lib-lazy/pattern:random", PAGES // 256)):
        figures = seen[case]
        assert set(figures["touched"]) == {touched} and min(figures["faults"]) > 0
        assert min(figures["resident_pages"]) >= touched
    assert min(seen["text-no-alloc/processes:16"]["pages"]) >= 15


def test_an_idle_parent_has_no_figures_of_a_writer(tmp_path):
    seen, _ = observe(tmp_path, "shell-out-copies/writers:0")
    figures = seen["shell-out-copies/writers:0"]
    assert "parent_faults" not in figures and "parent_written_pages" not in figures
    assert min(figures["child_faults_before_exec"]) > 0
    expect(seen, "shell-out-copies/writers:0", parent_copied_pages=0)


def test_a_separator_of_ld_preload_in_the_path_is_a_reason(tmp_path):
    for name in ("a place", "a:place"):
        place = tmp_path / name
        place.mkdir()
        done, document = measure(
            tmp_path, "bench_claims", "--case=claim/id:lib-second/state:second", "--samples=1",
            env={**os.environ, "TMPDIR": str(place)})
        outcome = document["unmeasured"][0]["outcome"]
        assert done.returncode == 3 and outcome["status"] == "skipped", done.stderr
        assert "LD_PRELOAD" in outcome["reason"] and "TMPDIR" in outcome["reason"]
        assert not scratch_directories(place)


def test_a_thread_that_cannot_be_made_is_a_reason(tmp_path):
    done, document = measure(
        tmp_path, "bench_claims", "--case=claim/id:shell-out-copies/writers:1", "--samples=1",
        preexec_fn=forbid("clone3"))
    outcome = document["unmeasured"][0]["outcome"]
    assert done.returncode == 3 and outcome["status"] == "skipped", done.stderr
    assert "a thread: Operation not permitted (EPERM)" in outcome["reason"]


@as_root
def test_a_limit_on_processes_is_not_taken_for_a_lack_of_memory(tmp_path):
    os.chown(tmp_path, NOBODY, NOBODY)
    for parent in tmp_path.parents[:2]:
        parent.chmod(0o755)
    done, document = measure(
        tmp_path, "bench_claims", "--preset=quick", "--samples=1",
        "--benchmark_filter=big-parent|shell-out", user=NOBODY, group=NOBODY,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NPROC, (1, 1)))
    assert done.returncode == 1 and not document["benchmarks"], done.stderr
    for entry in document["unmeasured"]:
        if entry["outcome"]["status"] != "skipped":  # too large a parent, in strict mode
            assert "(EAGAIN); a limit on processes" in entry["outcome"]["reason"]


def test_marks_in_objects_copy_the_heap_and_marks_in_a_bitmap_the_bitmap(tmp_path):
    seen, _ = observe(tmp_path, "gc-dirties")
    expect(seen, "gc-dirties/marks:in-place", copied_pages=PAGES, objects=262144)
    bitmap = 262144 // 8 // os.sysconf("SC_PAGE_SIZE")
    expect(seen, "gc-dirties/marks:bitmap", copied_pages=max(bitmap, 1), objects=262144)


def test_settings_of_the_machine_are_left_alone_unless_the_user_allows_it(tmp_path):
    setting = pathlib.Path("/proc/sys/vm/overcommit_memory")
    now = setting.read_text().strip()
    other = "1" if now != "1" else "0"
    environment = {k: v for k, v in os.environ.items() if k != "FORKCOST_CHANGE_SETTINGS"}
    done, document = measure(tmp_path, "bench_claims", "--preset=full",
                             f"--benchmark_filter=big-parent.*overcommit:{other}", env=environment)
    assert done.returncode == 3
    assert len(document["unmeasured"]) == 6
    for entry in document["unmeasured"]:
        assert entry["outcome"] == {
            "status": "skipped", "reason": f"vm.overcommit_memory is {now} here; changing it "
            "needs root and FORKCOST_CHANGE_SETTINGS=1"}
    assert setting.read_text().strip() == now


@as_root
def test_works_as_an_ordinary_user(tmp_path):
    os.chown(tmp_path, NOBODY, NOBODY)
    for parent in tmp_path.parents[:2]:
        parent.chmod(0o755)
    done, document = measure(tmp_path, "bench_claims", "--preset=quick", "--budget-ms=1",
                             user=NOBODY, group=NOBODY)
    assert done.returncode in (0, 3), document["unmeasured"]
    for entry in document["unmeasured"]:
        assert entry["outcome"]["status"] == "skipped", entry
    assert not BY_FRAMES & {name for b in document["benchmarks"] for name in b["quantities"]}
    figures = {b["name"]: b["quantities"] for b in document["benchmarks"]}
    assert set(figures["claim/id:heap-not-copied"]["faults"]["samples"]) == {0}
    assert figures["claim/id:text-unrelated"]["shared_bytes"]["min"] > 0


def scratch_directories(tmp_path):
    return list(tmp_path.glob("forkcost-*"))


@pytest.mark.parametrize("case", ["text-no-alloc/processes:16", "text-unrelated",
                                  "lib-second/state:second", "heap-grandchild"])
def test_killed_it_leaves_no_process_and_no_file(tmp_path, case):
    process = subprocess.Popen(
        [BIN / "bench_claims", "--samples=1000000", f"--case=claim/id:{case}"],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
        env={**os.environ, "TMPDIR": str(tmp_path)})

    def family(pid):
        found = children_of(pid)
        return found + [descendant for child in found for descendant in family(child)]

    at_work = wait_for(lambda: len(family(process.pid)) > 1 and family(process.pid),
                       "two processes of its own")
    process.send_signal(signal.SIGKILL)
    assert process.wait(30) == -signal.SIGKILL
    for pid in at_work:
        wait_for(lambda: not alive(pid), f"the end of process {pid}")
    wait_for(lambda: not scratch_directories(tmp_path), "the end of the scratch directory")


def alive(pid):
    """Not when it is dead and init has yet to reap it."""
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_a_writer_without_a_cpu_of_its_own_is_no_accident(tmp_path):
    cpu = {max(os.sched_getaffinity(0))}
    _, document = measure(tmp_path, "bench_claims", "--samples=1",
                          "--case=claim/id:shell-out-copies/writers:1",
                          preexec_fn=lambda: os.sched_setaffinity(0, cpu))
    for entry in document["unmeasured"]:  # measured, if others give it the time to
        assert "second CPU" in entry["outcome"]["reason"]
        assert entry["outcome"]["status"] == "skipped" and "by_chance" not in entry["outcome"]
