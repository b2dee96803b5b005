"""Titles of cases and quantities: what people read in place of names."""

import pytest

from conftest import SCHEMA_1, SCHEMA_2
from forkcost import titles
from forkcost.load import load


@pytest.mark.parametrize("name, title", [
    ("fork/path:fork/heap:256MiB", "fork, 256 MiB"),
    ("fork/path:fork/heap:256MiB/backing:thp", "fork, 256 MiB, transparent huge pages"),
    ("fork/path:vfork/heap:0/placement:other-cpu", "vfork, empty parent, another CPU"),
    ("fork/path:fork/heap:1GiB/backing:mthp-64k", "fork, 1 GiB, 64 KiB mTHP"),
    ("spawn/path:posix_spawn/image:static/heap:0", "posix_spawn to main, static, empty parent"),
    ("exec/image:text-16MiB/heap:0", "exec, 16 MiB of text, empty parent"),
    ("cow/writer:child/heap:64MiB", "touches after fork, by the child, 64 MiB"),
    ("load/libraries:1/shape:chain", "program start, 1 library, in a chain"),
    ("load/libraries:16/relocations:10000", "program start, 16 libraries, 10,000 relocations each"),
    ("switch/between:threads/by:futex/touch:0", "hand-over by futex, threads, no page touched"),
    # An axis or value that nobody knows is said, never left out.
    ("fork/path:fork/heap:0/weather:bad", "fork, empty parent, weather bad"),
    ("fork/path:fork/heap:0/placement:moon", "fork, empty parent, placement moon"),
    ("fork/path:fork/libraries:some", "fork, libraries some"),
    ("exec/image:text-/heap:much", "exec, image text-, heap much"),
    # A benchmark that nobody knows, or one without the axes of its head.
    ("ipc/by:pipe/heap:4MiB", "ipc, by pipe, 4 MiB"),
    ("fork/heap:4MiB", "fork, 4 MiB"),
    ("switch/by:futex", "switch, by futex"),
    # Google Benchmark's own names
    ("BM_fork/8", "BM_fork, 8"), ("", "")])
def test_a_case_is_called_by_its_axes(name, title):
    assert titles.case(name) == title


def test_a_family_of_cases_says_what_its_slope_is_per():
    assert titles.case("fork/path:fork", "page", 4096) == "fork, per 4 KiB page"
    assert titles.case("fork/path:fork/backing:thp", "page", 65536) == (
        "fork, transparent huge pages, per 64 KiB page")
    assert titles.case("load/shape:chain", "library", 4096) == (
        "program start, in a chain, per library")


def test_a_quantity_has_the_title_of_its_file_else_ours_else_its_name():
    assert titles.quantity("blocked_cpu_ns", {}) == "caller blocked, CPU time"
    assert titles.quantity("blocked_cpu_ns", {"blocked_cpu_ns": {"title": "of the file"}}) == (
        "of the file")
    for odd in ({"title": 3}, {"title": ""}, None):
        assert titles.quantity("blocked_ns", {"blocked_ns": odd}) == "caller blocked"
    assert titles.quantity("new_ns", {}) == "new_ns"
    assert titles.quantity("instructions:k parent", {}) == "kernel instructions, parent"
    assert titles.quantity("instructions", {}) == "instructions"


@pytest.mark.parametrize("schema", [SCHEMA_1, SCHEMA_2])
def test_both_schemas_have_the_same_titles(schema):
    cases = load([schema]).cases
    assert {titles.case(name) for name in cases} == {
        titles.case(name) for name in load([SCHEMA_2]).cases}
    quantities = {name for case in cases.values() for name in case.quantities}
    assert quantities and {name for name in quantities if titles.quantity(name, {}) == name} <= {
        "pages", "inodes"}


def test_no_two_cases_of_a_whole_run_have_one_title(reference):
    names = load([reference]).cases
    found = {}
    for name in names:
        found.setdefault(titles.case(name), []).append(name)
    assert len(found) == len(names) > 500, [n for n in found.values() if len(n) > 1]
    assert max(map(len, found)) < 100


def test_every_axis_of_a_run_has_words(reference):
    cases = load([reference]).cases.values()
    bare = {axis for case in cases for axis, value in case.axes.items()
            if f"{axis} {value}" in titles.case(case.name).split(", ")}
    assert bare == {"overcommit"}  # is called by its number
