"""The figure of the yardsticks: how much the machine moved from round to round."""

import dataclasses

import pytest

from forkcost.plots import common
from forkcost.plots import meanwhile as figure


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


def test_a_single_round_is_set_against_nothing(meanwhile):
    first = {name: dataclasses.replace(case, yardsticks={
        y: {(0, 0): taken[0, 0]} for y, taken in case.yardsticks.items()}) for name, case in meanwhile.cases.items()}
    assert figure.draw(dataclasses.replace(meanwhile, cases=first)) == figure.NOTHING


def test_a_run_without_yardsticks_says_so(full):
    assert figure.draw(full) == figure.NOTHING
