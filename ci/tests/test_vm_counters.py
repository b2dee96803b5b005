"""Counters where they are proved: bench_fork and bench_cow on an emulated aarch64, whose PMU is real
to the kernel and whose counts repeat.

Needs FORKCOST_AARCH64_BUILD: the build tree of the preset release-aarch64. Kernel and shell come from
Debian's packages (forkcost-boot keeps them). vm_python.sh skips it where these cannot be had.
"""

import concurrent.futures
import json
import os
import pathlib
import subprocess
import sys

import numpy
import pytest

BUILD = pathlib.Path(os.environ["FORKCOST_AARCH64_BUILD"]).absolute()
BOOT = pathlib.Path(__file__).parents[1] / "forkcost-boot"
LIMIT_S = 170  # of both boots together: less than three minutes
EVENTS = "instructions:u,instructions:k,cycles:k,minor-faults"
HEAPS = {f"{mib}MiB": mib << 20 for mib in (4, 8, 16, 32, 64)}
PAGE = 4096

FORK = (f"bench_fork --heap={','.join(HEAPS)} --benchmark_filter='^fork/path:fork/heap:[^/]+$'"
        f" --samples=5 --counters={EVENTS} --time-limit-s=100 --benchmark_out=/tmp/fork.json")
COW = (f"bench_cow --heap=4MiB --benchmark_filter='^cow(/writer:child)?/heap:4MiB$' --samples=3 --counters={EVENTS} --time-limit-s=100"
       " --benchmark_out=/tmp/cow.json")
# Skips itself where there is no PMU; not here.
LOOP = "harness_tests --gtest_filter=OnThisKernel.InstructionsOfALoop*"


def boot(directory):
    """One boot; the entries of both programs by the name of their case."""
    directory.mkdir()
    programs = [f"--file={BUILD}/bin/{name}:/bin/{name}"
                for name in ("bench_fork", "bench_cow", "forkcost-events", "harness_tests")]
    done = subprocess.run(
        [sys.executable, BOOT, "--kernel=debian:linux-image-cloud-arm64", "--arch=aarch64",
         f"--init={BUILD}/libexec/forkcost/init", "--file=debian:busybox-static/bin/busybox:/bin/sh", *programs,
         f"--out=/tmp/fork.json:{directory}/fork.json", f"--out=/tmp/cow.json:{directory}/cow.json",
         f"--console={directory}/console", "--memory=1G", f"--time-limit-s={LIMIT_S}", "--",
         "/bin/sh", "-c", f"{FORK} && {COW} && {LOOP}"],
        capture_output=True, text=True, timeout=2 * LIMIT_S)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "[  PASSED  ] 1 test." in done.stdout, done.stdout  # n times its length, within 0.1%
    entries = {}
    for name in ("fork", "cow"):
        document = json.loads((directory / f"{name}.json").read_text())
        assert document["unmeasured"] == []
        entries |= {entry["name"]: entry for entry in document["benchmarks"]}
    return entries


@pytest.fixture(scope="module")
def boots(tmp_path_factory):
    """Two boots of the same, at once."""
    directory = tmp_path_factory.mktemp("boots")
    with concurrent.futures.ThreadPoolExecutor() as pool:
        return list(pool.map(boot, [directory / "first", directory / "second"]))


def count(entry, event, who):
    """Median per operation."""
    counted = entry["counters"]["events"][event]
    assert "reason" not in counted, counted
    assert counted["running_share"] == 1
    return counted[who]["p50"]


def forks(entries):
    """(pages, entry) of bench_fork, from the smallest heap on."""
    found = [(HEAPS[entry["axes"]["heap"]] // PAGE, entry)
             for entry in entries.values() if entry["name"].startswith("fork/")]
    assert len(found) == len(HEAPS)
    return sorted(found, key=lambda item: item[0])


def fit(pages, counts):
    """(slope, offset, R²) of a straight line through the points."""
    slope, offset = numpy.polyfit(pages, counts, 1)
    return slope, offset, numpy.corrcoef(pages, counts)[0, 1] ** 2


def test_kernel_instructions_of_a_fork_grow_linearly_with_the_arena(boots):
    pages, counts = zip(*((n, count(entry, "instructions:k", "parent"))
                          for n, entry in forks(boots[0])))
    slope, offset, r_squared = fit(pages, counts)
    print(f"\nfork: {slope:.1f} kernel instructions per page, and {offset:,.0f}; "
          f"R² {r_squared:.6f}")
    assert r_squared > 0.999 and slope > 1


def test_and_so_do_those_of_the_childs_end(boots):
    """In the child's counts, or where the kernel takes the events off it before, in the CPU's."""
    def end(entry):
        if entry["counters"]["child_end_counted"]:
            return count(entry, "instructions:k", "child")
        return count(entry, "instructions:k", "cpu") - count(entry, "instructions:k", "family")
    pages, counts = zip(*((n, end(entry)) for n, entry in forks(boots[0])))
    slope, offset, r_squared = fit(pages, counts)
    print(f"\na child's end: {slope:.1f} kernel instructions per page, and {offset:,.0f}; "
          f"R² {r_squared:.6f}")
    assert r_squared > 0.999 and slope > 1


def test_the_family_is_parent_and_child(boots):
    """Of single samples exactly (the loop); medians add up but for a timer's tick."""
    for entries in boots:
        for entry in entries.values():
            for event in EVENTS.split(","):
                parent, child, family = (count(entry, event, who)
                                         for who in ("parent", "child", "family"))
                assert family == pytest.approx(parent + child, rel=0.005, abs=2), (
                    entry["name"], event)


def test_user_and_kernel_are_told_apart(boots):
    """The kernel copies; of the parent's user code there is only what surrounds the call."""
    user = [count(entry, "instructions:u", "parent") for _, entry in forks(boots[0])]
    kernel = [count(entry, "instructions:k", "parent") for _, entry in forks(boots[0])]
    assert max(user) < 1.5 * min(user) and kernel[-1] > 4 * kernel[0]


@pytest.mark.parametrize("writer, other", [("parent", "child"), ("child", "parent")])
def test_who_writes_after_a_fork_has_the_faults(boots, writer, other):
    (entry,) = (e for e in boots[0].values() if e["axes"].get("writer") == writer)
    pages = (4 << 20) // PAGE
    assert count(entry, "minor-faults", writer) == pages
    assert count(entry, "minor-faults", other) == 0
    per_fault = count(entry, "instructions:k", writer) / pages
    print(f"\ncow by the {writer}: {per_fault:.0f} kernel instructions per fault")
    assert per_fault > 500  # a page is 512 words


def test_two_boots_agree(boots):
    assert boots[0].keys() == boots[1].keys()
    worst = (0, "")
    for name, entry in boots[0].items():
        for event in ("instructions:u", "instructions:k", "cycles:k"):
            first, second = (count(e, event, "family") for e in (entry, boots[1][name]))
            worst = max(worst, (abs(first - second) / first, f"{event} of {name}"))
    print(f"\ntwo boots differ by at most {100 * worst[0]:.3f}% ({worst[1]})")
    assert worst[0] < 0.002, worst
