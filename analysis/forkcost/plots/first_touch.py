"""The first touch of text pages, and the first call of a library's function."""

import pandas as pd

from forkcost import units
from forkcost.plots import common
from forkcost.plots.caption import Figure
from forkcost.plots.kinds import distributions

FIGURE = Figure(
    "Exec and libraries", 50, "First touch of text, first call",
    message=(("A page of text out of the page cache{cold?}", "A page of text{touch?}"),
             " costs {touch:time} on average at its first touch",
             ", with one fault for {pages_per_fault:number 2} pages",
             "; a single touch makes {around:whole} pages resident", "{touch?}.", "{touch?}{lazy?} ",
             "The first call takes {lazy:time} with lazy binding, {now} where it is bound at once.",
             "{neither?}Only parts of this were measured: see the legend."),
    basis=("the timer's own cost is subtracted, and what is below it not drawn", "{n}",
           "{no_touches?}this run has no `text-touch` cases", "{no_calls?}this run has no `call` cases"))
# (pattern, page cache) and (binding, time) -> label, colour, line
TOUCHES = {("sequential", "warm"): ("text, sequential", common.BLUE, "-"),
           ("random", "warm"): ("text, random", common.RED, "-"),
           ("sequential", "cold"): ("text, cold, sequential", common.SKY, "-."),
           ("random", "cold"): ("text, cold, random", common.PINK, "-.")}
CALLS = {("lazy", "first"): ("call, lazy, first", common.ORANGE, "--"),
         ("now", "first"): ("call, bound, first", common.GREEN, "--"),
         ("lazy", "second"): ("call, lazy, second", common.ORANGE, ":"),
         ("now", "second"): ("call, bound, second", common.GREEN, ":")}


def draw(run):
    touches = _by(run, TOUCHES, "text-touch", "touch_ns", ("pattern", "page-cache"), ("pages",))
    calls = _by(run, CALLS, "call", "call_ns", ("binding", "time"))
    if not touches and not calls:
        return "this run has neither `text-touch` cases with touch_ns nor `call` cases with call_ns"
    curves = [distributions.Curve(row, f"{name}: {_typical(run, row)}", colour, line)
              for rows, looks in ((touches, TOUCHES), (calls, CALLS))
              for key, row in rows.items() for name, colour, line in [looks[key]]]
    figure = distributions.draw(run, curves, "one touch of one page, or one call", "touches or calls")
    lazy, now = (calls.get((binding, "first")) for binding in ("lazy", "now"))
    both = lazy is not None and now is not None
    return FIGURE.of(figure, n=common.counts(pd.DataFrame([curve.row for curve in curves])), no_touches=not touches,
                     no_calls=not calls, lazy=both and lazy.p50, now=both and common.time_above(now.p50, run),
                     neither=not touches and not both, **_of_text(run, touches))


def _of_text(run, touches):
    """The facts of the message about text."""
    if not touches:
        return {}
    (_, cache), row = next(iter(touches.items()))
    share, around = _faults_per_page(run, row), run.quantity(row["name"], "fault_around_pages")
    return {"cold": cache == "cold", "touch": row["mean"], "pages_per_fault": 1 / share if share else None,
            "around": around and around.quantile(0.5)}


def _by(run, looks, benchmark, quantity, axes, further=()):
    """Values of two axes (keys of `looks`) -> row; of several that one with most pages."""
    rows, columns = run.select(benchmark, quantity, (*axes, *further)), [f"axis.{axis}" for axis in axes]
    found = {}
    for key in looks if set(columns) <= set(rows) else ():
        there = rows[(rows[columns] == key).all(axis=1)]
        if len(there):
            found[key] = max((row for _, row in there.iterrows()), key=lambda row: _pages(run, row) or 0)
    return found


def _pages(run, row):
    """Pages touched: from the axis, or as recorded; or None."""
    axis = row.get("axis.pages")
    if isinstance(axis, str) and axis.isdecimal():
        return int(axis)
    pages = run.quantity(row["name"], "pages")
    return pages and pages.quantile(0.5)


def _faults_per_page(run, row):
    faults, pages = run.quantity(row["name"], "faults"), _pages(run, row)
    return faults.quantile(0.5) / pages if faults is not None and pages else None


def _typical(run, row):
    """Of touches the mean: the few that fault are the cost. Of calls the median."""
    if row.quantity == "call_ns":
        return f"median {common.time_above(row.p50, run)}"
    share = _faults_per_page(run, row)
    return f"mean {units.time(row['mean'], 2)}" + (
        f", {units.number(share, 2)} faults each" if share is not None else "")
