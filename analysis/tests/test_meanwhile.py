"""The figure of the yardsticks: how much the machine moved from round to round."""

import dataclasses
import json

import numpy as np
import pytest

from forkcost.compare import engine, sides, thresholds
from forkcost.plots import common
from forkcost.plots import meanwhile as figure
from conftest import write
from test_compare_adjust import ROUNDS, document
from test_compare_outputs import made
from test_report import Page


def test_each_yardstick_is_drawn_by_round_against_its_usual(meanwhile):
    drawing = figure.draw(meanwhile)
    rounds = max(len(case.entries) for case in meanwhile.cases.values())
    assert "a walk +0.0 to +10.0%, a run +0.0 to +0.0%" in drawing.message
    assert f"{len(meanwhile.cases)} cases in up to {rounds} rounds" in drawing.basis
    walk, run = (ax.lines[0].get_ydata() for ax in drawing.figure.axes)
    assert walk == pytest.approx([0.0, 10.0] + [0.0] * (rounds - 2)) and len(walk) == rounds
    assert set(run) == {0.0}
    ticks = drawing.figure.axes[0].yaxis.get_major_formatter()
    assert [ticks(x) for x in (-2.5, 0, 5)] == ["−2.5%", "0", "+5%"]
    common.plt.close("all")


def compared(tmp_path, *documents):
    paths = [write(document, tmp_path / f"{i}.json") for i, document in enumerate(documents)]
    return engine.compare(*(sides.read(label, [path]) for label, path in zip(("base", "new"), paths)),
                          thresholds.read())


@pytest.mark.parametrize("session", [(None, None), ("a", "b")])
def test_a_comparison_draws_both_sides_against_the_bases_usual(tmp_path, session):
    found = compared(tmp_path, document(1, session[0]), document(2, session[1], drift=0.2))
    random, arithmetic = found.yardsticks
    assert random.title == "random loads" and len(random.base) == len(random.new) == ROUNDS and random.cases == 1
    drawing = figure.compared(found)
    assert "new against base, median over the rounds: random loads +2" in drawing.message
    assert "arithmetic +0.0%" in drawing.message
    assert ("took turns" if session[0] else "not at the same time") in drawing.basis
    assert f"n: 1 case in up to {ROUNDS} rounds" in drawing.basis.replace("cases", "case")
    base, new = (line.get_ydata() for line in drawing.figure.axes[0].lines)
    assert np.median(base) == pytest.approx(0, abs=1e-9)
    assert np.median(np.log((new / 100 + 1) / (base / 100 + 1))) == pytest.approx(0.2, abs=0.05)
    low, high = drawing.figure.axes[0].get_ylim()
    assert low < np.quantile(base, 0.05) and np.quantile(new, 0.95) < high
    assert [t.get_text() for t in drawing.figure.legends[0].get_texts()] == ["base", "new"]
    common.plt.close("all")


def test_a_side_without_yardsticks_or_of_other_cases_is_not_drawn(tmp_path):
    without, other = document(2, None), document(2, None)
    for entry in without["benchmarks"]:
        del entry["yardsticks"]
    del without["context"]["forkcost"]["yardsticks"]
    assert compared(tmp_path, document(1, None), without).yardsticks == ()
    single = [e for e in other["benchmarks"] if e["repetition_index"] == 0]
    for entry in other["benchmarks"][1:]:
        del entry["yardsticks"]
    assert single and compared(tmp_path, document(1, None), other).yardsticks == ()


def test_rounds_have_their_number_and_one_that_stood_still_hides_no_other(tmp_path):
    base, new = document(1, None), document(2, None)
    for entry in base["benchmarks"][1:4]:
        del entry["yardsticks"]["arithmetic_ns"]
    stood = new["benchmarks"][5]["yardsticks"]["random_load_ns"]
    stood |= {key: stood[key] * 100 for key in ("min", "p50", "p90")} | {"samples": [stood["p50"] * 100]}
    found = compared(tmp_path, base, new)
    numbers = {y.title: [number for number, *_ in y.base] for y in found.yardsticks}
    assert numbers == {"random loads": list(range(1, ROUNDS + 1)), "arithmetic": [1, *range(5, ROUNDS + 1)]}
    ax = figure.compared(found).figure.axes[0]
    assert max(ax.lines[1].get_ydata()) > 5000 and ax.get_ylim()[1] < 100
    common.plt.close("all")


def test_the_page_of_a_comparison_has_it(tmp_path):
    found = compared(tmp_path, document(1, None), document(2, None, drift=0.2))
    page = Page(made("html", found))
    assert page.figures == ["forest-1", "meanwhile-1"]
    assert "meanwhile-1" not in Page(made("html", dataclasses.replace(found, yardsticks=()))).figures
    told = json.loads(made("json", found))["comparisons"][0]["yardsticks"][0]
    assert told["title"] == "random loads" and len(told["base"]) == len(told["new"]) == ROUNDS


def test_a_single_round_is_set_against_nothing(meanwhile):
    first = {name: dataclasses.replace(case, yardsticks={
        y: {(0, 0): taken[0, 0]} for y, taken in case.yardsticks.items()}) for name, case in meanwhile.cases.items()}
    assert figure.draw(dataclasses.replace(meanwhile, cases=first)) == figure.NOTHING


def test_a_run_without_yardsticks_says_so(full):
    assert figure.draw(full) == figure.NOTHING
