"""A fault count is exact wherever the process's own pages begin.

A page of the writer's own that is written first inside the counted span is one fault too many. Whether
there is one depends on where the stack lies, which the environment's size moves: without the harness
writing its stack before, a window of 64 bytes in each page of 4,096 does it (one process in 64).
"""

import ctypes
import json
import os
import subprocess
import sys

import pytest

from programs import BIN, run

ADDR_NO_RANDOMIZE = 0x0040000
HEAP = "1MiB"
STEP = 64  # bytes: what a window of that width cannot slip through


def without_aslr():
    """So that the environment's size alone says where the stack begins. Where a container forbids it,
    chance says so."""
    ctypes.CDLL(None).personality(ADDR_NO_RANDOMIZE)


def listed_cases():
    """Each case whose faults are the table's, on base pages: by name, with its axes and its pages."""
    base = f"{os.sysconf('SC_PAGESIZE') // 1024}k"
    listed = json.loads(run("bench_cow", "--list-cases", "--preset=full", f"--heap={HEAP}").stdout)
    for case in listed["cases"]:
        axes = case["axes"]
        centre = {"backing": base, "pattern": "sequential", "state": "first"}
        if any(axes.get(axis, value) != value for axis, value in centre.items()):
            continue
        if case["benchmark"] in ("cow", "zero-page", "first-touch"):
            yield case


def expected(case):
    """Faults of (parent, child and its children)."""
    axes, pages = case["axes"], case["heap_bytes"] // os.sysconf("SC_PAGESIZE")
    if axes.get("access") == "read" and case["benchmark"] == "cow":
        pages = 0
    return (pages, 0) if axes.get("writer", "parent") == "parent" else (0, pages)


def deviations(cases, tmp_path, environment, **options):
    """What one process counted otherwise, in any sample: of the first attempt."""
    out = tmp_path / "cow.json"
    names = "|".join(case["name"].replace(".", r"\.") for case in cases)
    done = subprocess.run(
        [BIN / "bench_cow", f"--heap={HEAP}", "--preset=full", f"--benchmark_filter=^({names})$",
         "--counters=minor-faults", "--samples=3", "--budget-ms=1", f"--benchmark_out={out}"],
        env=environment, capture_output=True, text=True, timeout=60, **options)
    assert done.returncode == 0, done.stdout + done.stderr
    entries = {entry["name"]: entry for entry in json.loads(out.read_text())["benchmarks"]}
    assert entries.keys() == {case["name"] for case in cases}
    for case in cases:
        entry = entries[case["name"]]
        assert "attempts" not in entry.get("outcome", {}), entry["outcome"]
        faults = entry["counters"]["events"]["minor-faults"]
        if "reason" in faults:
            pytest.skip(faults["reason"])
        for who, pages in zip(("parent", "child"), expected(case)):
            counted = faults[who]
            if counted["min"] != pages or len(set(counted.get("samples", [0]))) != 1:
                yield case["name"], who, pages, counted


def layouts():
    """Environments of each size within a page, without ASLR; then some with it."""
    page = os.sysconf("SC_PAGESIZE")
    for size in range(0, min(page, 4096), STEP):
        yield size, without_aslr
    for size in range(0, 2 * 4096, 1024):
        yield size, None


def test_no_layout_of_the_address_space_adds_a_fault(tmp_path):
    cases = list(listed_cases())
    assert {case["axes"].get("writer") for case in cases} >= {"parent", "child", "grandchild"}
    path = {"PATH": os.environ["PATH"]}
    busy = subprocess.Popen([sys.executable, "-c", "while True: pass"])  # whoever shares the machine
    try:
        found = [(size, prepare is None, *deviation) for size, prepare in layouts()
                 for deviation in deviations(cases, tmp_path, {**path, "PAD": "x" * size},
                                             preexec_fn=prepare)]
    finally:
        busy.kill()
        busy.wait()
    assert not found, "\n".join(map(str, found))
