"""The page of a comparison, and its figures."""

import re
from dataclasses import replace

import pytest

from forkcost.compare.result import FASTER, SAME, SLOWER, UNCLEAR, Change
from forkcost.plots import before_after, common, forest
from test_compare_outputs import (  # noqa: F401: some are fixtures
    change, empty, exact, family, made, row, whole)
from test_report import Page



def page(*comparisons, **more):
    text = made("html", *comparisons, **more)
    return text, re.sub(r"<svg.*?</svg>", "", text, flags=re.S), Page(text)


def test_the_page_needs_nothing_and_says_everything(whole, exact):
    text, said, read = page(whole, exact)
    assert [load for load in read.loads if not load.startswith("#")] == []
    assert read.scripts == [] and re.findall(r"@import|url\((?!#)", text) == []
    assert len(read.ids) == len(set(read.ids))
    assert read.figures == ["forest-1", "family-1-1", "forest-2", "family-2-1"]
    assert read.drawings == 4
    assert "<h2>base → new</h2>" in said and '<p class="short">Regression.</p>' in said
    assert "half of the rounds were disturbed" in said
    assert "makes the comparison meaningless" in said
    assert "copy_page_range" in said and "instructions:k" in said
    assert said.count("<tr>") - said.count("<thead><tr>") == 16 + 2 + 2  # all rows, causes
    assert "7 more rounds per side would settle it" in said
    assert "<b>&amp;" not in said and "odd/a|b:&lt;b&gt;&amp;" in said
    assert not re.search(r"\bnan\b|\bNone\b|\binf\b", said)


def test_a_page_without_changes(empty):
    quiet = replace(empty, rows=(row("c", "q", change(SAME)),))
    for comparison, expected, drawings in ((quiet, "No change found.", 1), (empty, "Nothing compared", 0)):
        _, said, read = page(comparison)
        assert expected in said and ("No figure:" in said) == (not drawings)
        assert read.drawings == drawings
        assert 'class="answer bad"' not in said


def drawn(drawing):
    """(drawing, its texts), closed."""
    texts = [t.get_text() for ax in drawing.figure.axes for t in ax.texts]
    common.plt.close(drawing.figure)
    return drawing, texts


def test_the_forest_has_a_line_per_change(whole):
    drawing, texts = drawn(forest.draw(whole))
    finds = [t for t in texts if t.startswith("finds ")]
    texts = [t for t in texts if t not in finds]
    names = [t.replace("\n", "") for t in texts[::2]]
    assert names[:3] == ["fork, 4k, blocked_ns (slope over 4 sizes)",
                         "spawn/path:vfork main_start_ns", names[2]]
    assert names[-1] == "fork/heap:0 blocked_ns"  # the same, in the core: there is room for it
    assert texts[1::2] == ["+12%", "+30%", "+20%", "+7.0%", "−50%", "+3.0%", "+3.0%", "+0.2%"]
    assert finds and set(finds) == {"finds 8.0%"}
    assert drawing.message == ("Largest regression: fork, 4k, blocked_ns, +12% (95% +10…+14%). 1 case "
                               "failed.")
    assert "not drawn" not in drawing.basis and "1 that are the same" in drawing.basis
    ax = drawing.figure.axes[0]
    low, high = ax.get_xlim()
    assert low < 0.5 and high > 1.32 and ax.get_xscale() == "log"


def test_the_forest_has_titles_with_the_name_in_small(empty):
    called = replace(row("fork/path:fork/heap:256MiB", "blocked_ns", change(SLOWER)), title="fork, 256 MiB",
                     quantity_title="caller blocked")
    drawing, texts = drawn(forest.draw(replace(empty, rows=(called,))))
    assert texts == ["fork, 256 MiB: caller blocked", "fork/path:fork/heap:256MiB blocked_ns", texts[2]]
    title, name, figure = drawing.figure.axes[0].texts
    assert name.get_fontsize() < title.get_fontsize() and figure.get_text().endswith("%")


def test_the_forest_says_what_it_leaves_out(whole):
    rows = tuple(row(f"c{n}", "q", change(SLOWER, ratio=2 - n / 100)) for n in range(60))
    crossed = row("c", "q", change(FASTER, ratio=-2.0))
    drawing, texts = drawn(forest.draw(replace(whole, rows=(*rows, crossed))))
    assert len(texts) == 2 * forest.MOST
    assert "not drawn: 21 more of 61" in drawing.basis
    assert "1 without a ratio above 0" in drawing.basis


def test_the_band_of_a_threshold_is_a_factor(empty):
    wide = Change(1e3, 1.1e3, "ns", "median", 1.1, (0.7, 2.1), 0.4, 1.0, UNCLEAR)
    drawing, _ = drawn(forest.draw(replace(empty, rows=(row("c", "q", wide),))))
    band, = drawing.figure.axes[0].patches
    assert (band.get_x(), band.get_x() + band.get_width()) == (0.5, 2.0)


def test_an_interval_beyond_the_forest_gets_an_arrow(empty):
    wide = Change(1e3, 1.1e3, "ns", "median", 1.1, (0.02, 90.0), 0.4, 0.05, UNCLEAR)
    drawing, _ = drawn(forest.draw(replace(empty, rows=(row("c", "q", wide),))))
    markers = [line.get_marker() for line in drawing.figure.axes[0].lines]
    assert "<" in markers and ">" in markers and drawing.figure.axes[0].get_xlim()[1] < 3


def test_before_and_after(whole):
    slope = whole.families[0]
    assert before_after.chosen(whole) == [slope]
    drawing, texts = drawn(before_after.draw(slope, whole))
    above, below = drawing.figure.axes
    assert texts == ["base", "new"]
    assert above.get_ylabel() == "blocked_ns"
    assert below.get_xlabel() == "resident size of the parent"
    assert list(above.lines[0].get_ydata()) == [base for _, base, _ in slope.points]
    assert list(below.lines[0].get_ydata()) == pytest.approx([1.12] * 4)
    assert drawing.message == "ns per page 21.4 → 24.0, +12% (95% +10…+14%)."


def test_curves_of_what_no_logarithm_takes(whole):
    slope = replace(whole.families[0], points=((0, 5.0, 6.0), (1, 0.0, 1.0), (4, 9.0, 7.0)),
                    per="library")
    drawing, _ = drawn(before_after.draw(slope, whole))
    assert "not drawn: 1 size" in drawing.basis
    assert drawing.figure.axes[1].get_xlabel() == "library"
    assert before_after.chosen(replace(whole, families=(replace(slope, points=()),))) == []


def test_the_page_says_which_curves_are_not_drawn(whole):
    families = tuple(family(SLOWER, 1.1 + n / 100, f"fork, {n}k") for n in range(8))
    _, said, read = page(replace(whole, families=families))
    assert len(read.figures) == 1 + before_after.MOST
    assert "Not drawn: 2 families of cases" in said
