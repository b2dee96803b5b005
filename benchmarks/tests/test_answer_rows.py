"""What the programs declare as their answer: every figure finds what it names.

A row whose axis was renamed would be left out of every answer without a word.
"""

import json

import pytest

from programs import BIN, run

PROGRAMS = sorted(path.name for path in BIN.glob("bench_*"))


def listed(program):
    done = run(program, "--list-cases", "--preset", "full")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def figures_of(section):
    """(benchmark, axes, figure) of each, with what it inherits."""
    for row in section.get("rows", []):
        for figure in section.get("columns") or row["figures"]:
            axes = figure.get("axes", {})
            if "benchmark" not in figure:
                axes = {**section.get("axes", {}), **row.get("axes", {}), **axes}
            yield figure.get("benchmark") or row.get("benchmark") or section["benchmark"], axes, figure


def selected(document, benchmark, axes, free):
    """As forkcost-run does it: an axis that is not named has its default, where it has one."""
    defaults = {axis: row["default"] for axis, row in document["axes"].items() if row["default"] is not None}

    def fits(case):
        wanted = {axis: defaults[axis] for axis in case["axes"] if axis in defaults} | axes
        return all(case["axes"].get(axis) == value for axis, value in wanted.items() if axis not in free)
    return [case for case in document["cases"] if case["benchmark"] == benchmark and fits(case)]


@pytest.mark.parametrize("program", PROGRAMS)
def test_every_figure_selects_one_case_or_a_series(program):
    document = listed(program)
    for section in document["answer"]:
        for benchmark, axes, figure in figures_of(section):
            free = {axis for axis, value in axes.items() if value == "largest"}
            free |= {figure["over"]} if "over" in figure else set()
            found = selected(document, benchmark, axes, free)
            if "cold" in axes.values() and not found:
                continue  # an image that has no cold case
            assert len(found) >= (2 if "over" in figure else 1), (section["title"], axes)
            others = [tuple(v for a, v in case["axes"].items() if a not in free) for case in found]
            assert len(set(others)) == 1, f"an axis is left open: {section['title']} {axes}"


def test_the_sections_of_all_programs_have_places_of_their_own():
    places = [section["place"] for program in PROGRAMS for section in listed(program)["answer"]
              if section["layout"] != "trust"]
    assert len(set(places)) == len(places) > 5


def test_the_debug_warning_of_google_benchmarks_library_is_not_ours():
    """It is about a loop that times nothing of ours; Debian's library always says it."""
    done = run("bench_harness", "--benchmark_filter=figure:stamp")
    assert done.returncode == 0
    assert "Run on (" in done.stderr, "the rest of what it says is there"
    assert "built as DEBUG" not in done.stderr + done.stdout
