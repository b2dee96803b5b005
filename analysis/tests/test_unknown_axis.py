"""An axis that no figure knows: its values never share a figure, and the report says what it left
out."""

import copy
import re

import pytest

import synthetic
import synthetic_claims
import synthetic_counts
import synthetic_exec
from conftest import write
from forkcost import claims, report
from forkcost.load import load
from forkcost.plots import FIGURES, common

AXIS = "descriptors"


def everything():
    return synthetic_counts.everything(synthetic_exec.everything(synthetic.full_run(rounds=3)))


def with_axis(document, values):
    """The document with each case once more per further value of AXIS, in front of those there are:
    what draws whichever row comes first would draw these. They cost ten times as much."""
    document["context"]["forkcost"]["axes"] = {}
    for kind in ("benchmarks", "unmeasured"):
        further = []
        for value in values[1:]:
            for entry in copy.deepcopy(document[kind]):
                entry["axes"] = {**entry["axes"], AXIS: value}
                entry["name"] = entry["run_name"] = f"{entry['name']}/{AXIS}:{value}"
                for found in entry.get("quantities", {}).values():
                    _dearer(found)
                further.append(entry)
        for entry in document[kind]:
            if values[0] is not None:  # a name leaves a default out
                entry["axes"] = {**entry["axes"], AXIS: values[0]}
        document[kind][:0] = further
    return document


def _dearer(quantity):
    for key in ("min", "p50", "p90", "p99", "max", "mean"):
        if key in quantity:
            quantity[key] *= 10
    if "samples" in quantity:
        quantity["samples"] = [v if v is None else 10 * v for v in quantity["samples"]]
    if "histogram" in quantity:
        quantity["histogram"] = [[10 * low, 10 * high, n] for low, high, n in quantity["histogram"]]


def read(document, path, default):
    """The Run. Files of schema 1 cannot name a default: it is put where schema 2 has it."""
    run = load([write(document, path)])
    if default is not None:
        run.context["axes"][AXIS] = {"default": default}
    return run


def drawn(run):
    """Each figure's message and basis, or why there is none."""
    found = {}
    for stem, (_, draw) in FIGURES.items():
        drawing = draw(run)
        found[stem] = drawing if isinstance(drawing, str) else (drawing.message, drawing.basis)
    common.plt.close("all")
    return found


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    """What the figures say without the axis."""
    return drawn(read(everything().document(), tmp_path_factory.mktemp("plain") / "run.json", None))


def test_an_axis_with_a_default_is_held_there(plain, tmp_path):
    document = with_axis(everything().document(), ("3", "1000"))
    run = read(document, tmp_path / "run.json", "3")
    assert drawn(run) == plain
    assert run.looks.left_out and not any("1000" in run.cases[name].axes[AXIS]
                                          for name in run.looks.selected)


def test_an_axis_without_a_default_is_not_drawn_where_it_has_a_value(plain, tmp_path):
    document = with_axis(everything().document(), (None, "3", "1000"))
    run = read(document, tmp_path / "run.json", None)
    assert drawn(run) == plain
    assert not any(AXIS in run.cases[name].axes for name in run.looks.selected)


@pytest.mark.parametrize("default, left_out, why", [
    ("3", 25, r"not at its default 3 \(1000\)"),
    (None, 50, r"not at a default, as it has none \(1000, 3\)")])
def test_the_report_names_the_axis_and_what_it_leaves_out(tmp_path, default, left_out, why):
    document = with_axis(synthetic.Maker(rounds=3).fork(backings=("4k",)).document(), ("3", "1000"))
    page = report.write(read(document, tmp_path / "run.json", default),
                        tmp_path / "report").read_text(encoding="utf-8")
    assert re.search(f"{left_out} cases with {AXIS} {why}: in no figure", page)
    assert ("<svg" in page.split('id="loading"')[0]) == (default is not None)


@pytest.mark.parametrize("values, default", [(("3", "1000"), "3"), ((None, "1000"), None)])
def test_no_claim_rests_on_an_axis_that_it_does_not_know(tmp_path, values, default):
    def judged(document, name, default):
        return claims.judge(read(document, tmp_path / name, default))
    world = synthetic_claims.world(synthetic.Maker(rounds=3, samples=5, noise=0.01)).document()
    expected = judged(copy.deepcopy(world), "plain.json", None)
    assert sum(claim.testable for claim in expected) > 20
    assert judged(with_axis(world, values), "run.json", default) == expected


def test_a_run_of_known_axes_leaves_nothing_out(whole):
    drawn(whole)
    assert whole.looks.selected and not whole.in_no_figure(whole.looks)
