"""Captions as data: what of them is said."""

import importlib
import string

import pytest

import synthetic
import synthetic_exec
from forkcost import plots
from forkcost.plots import FIGURES, caption, common
from forkcost.plots.caption import Caption
from forkcost.units import NBSP


def said(message, basis=(), **facts):
    drawing = Caption(message=message, basis=basis).of(None, **facts)
    return drawing.message, drawing.basis


def test_facts_are_written_as_the_clause_asks():
    assert said("{a:time} {a:time 1} {b:percent} {c}", a=1234.0, b=0.31, c="{a}") == (
        f"1.23{NBSP}µs 1{NBSP}µs 31% {{a}}", "")


def test_a_clause_without_its_facts_is_left_out():
    clauses = ("of {size}", "n: {n}")
    for lacking in ({}, {"size": None}, {"size": False}, {"size": ""}):
        assert said("{n}.", clauses, n=3, **lacking) == ("3.", "n: 3")
    assert said("{n}.", clauses, n=0, size="x") == ("0.", "of x; n: 0")  # 0 is a fact


def test_of_several_forms_the_first_that_can_be_said_stands():
    message = (("{a} and {b}", "{a} alone", "nothing"), ".")
    assert [said(message, a=a, b=b)[0] for a, b in ((1, 2), (1, None), (None, 2))] == [
        "1 and 2.", "1 alone.", "nothing."]


def test_a_condition_says_nothing():
    clauses = ("always", "{cold?}cold", ("{cold?}{warm?}both", "one"))
    assert said("", clauses, cold=True, warm=True)[1] == "always; cold; both"
    assert said("", clauses, cold=0 > 1, warm=True)[1] == "always; one"


def test_a_fact_that_no_clause_names_is_a_mistake():
    with pytest.raises(AssertionError, match="no clause names wrong"):
        said("{right}", right=1, wrong=2)


def fields(*clauses):
    for clause in clauses:
        if isinstance(clause, str):
            yield from (field.removesuffix("?") for _, field, _, _ in string.Formatter().parse(clause) if field)
        else:
            yield from fields(*clause)


def test_every_fact_that_a_caption_names_is_given_by_its_figure(whole, meanwhile, made, monkeypatch):
    """A clause that names a fact by another name than its figure would never be said."""
    given = {}

    def of(self, figure, **facts):
        given.setdefault(self.title, set()).update(facts)
        return original(self, figure, **facts)

    original = caption.Caption.of
    monkeypatch.setattr(caption.Caption, "of", of)
    without_flat = synthetic_exec.load_libraries(synthetic.Maker(rounds=3), [("chain", "warm")])
    for run in (whole, made(without_flat), meanwhile):
        for _, draw in FIGURES.values():
            draw(run)
            common.plt.close("all")
    modules = [importlib.import_module(f"{plots.__name__}.{stem.replace('-', '_')}") for stem in FIGURES]
    assert {m.FIGURE.title: set(fields(m.FIGURE.message, m.FIGURE.basis)) for m in modules} == given
