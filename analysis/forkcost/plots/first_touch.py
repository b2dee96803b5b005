"""The first touch of text pages, and the first call of a library's function."""

import pandas as pd

from forkcost import units
from forkcost.plots import common

FIGURE = common.Figure("Exec and libraries", 50, "First touch of text, first call")

TOUCHES = {("sequential", "warm"): ("text, sequential", common.BLUE, "-"),
           ("random", "warm"): ("text, random", common.RED, "-"),
           ("sequential", "cold"): ("text, cold, sequential", common.SKY, "-."),
           ("random", "cold"): ("text, cold, random", common.PINK, "-.")}
CALLS = {("lazy", "first"): ("call, lazy, first", common.ORANGE, "--"),
         ("now", "first"): ("call, bound, first", common.GREEN, "--"),
         ("lazy", "second"): ("call, lazy, second", common.ORANGE, ":"),
         ("now", "second"): ("call, bound, second", common.GREEN, ":")}


def draw(run):
    touches, calls = first_touches(run), first_calls(run)
    if not touches and not calls:
        return ("this run has neither `text-touch` cases with touch_ns nor `call` cases with "
                "call_ns")
    used = [(quantity, row, look) for quantity, rows, looks in (
        ("touch_ns", touches, TOUCHES), ("call_ns", calls, CALLS))
        for key, row in rows.items() for look in [looks[key]]]
    figure, ax = common.new_figure(3.0 + 0.17 * len(used))
    lines, texts = [], []
    stamp = run.context.get("clock", {}).get("stamp_cost_ns", 1)
    for quantity, row, (name, colour, style) in used:
        lines += common.cumulative(ax, [(run.cases[row["name"]], {
            "color": colour, "linestyle": style})], quantity)
        texts.append(f"{name}: {_typical(run, row, quantity, stamp)}")
    rows = pd.DataFrame([row for _, row, _ in used])
    ax.set_xlim(max(stamp, rows.p10.min()) * 0.8, 2 * rows.p99.max())
    ax.set_ylabel("touches or calls that are faster, %")
    common.time_axis(ax.xaxis, "one touch of one page, or one call")
    common.legend_above(ax, lines, texts)
    return common.Drawing(figure, message(run, touches, calls, stamp), _basis(rows, touches, calls))


def first_touches(run):
    """(pattern, page cache) -> row of touch_ns, of the text with most pages."""
    rows = run.select("text-touch", "touch_ns", ("pattern", "page-cache", "pages"))
    if "axis.pattern" not in rows or "axis.page-cache" not in rows:
        return {}
    found = {}
    for key in TOUCHES:
        of_kind = rows[(rows["axis.pattern"] == key[0]) & (rows["axis.page-cache"] == key[1])]
        if len(of_kind):
            found[key] = max((row for _, row in of_kind.iterrows()),
                             key=lambda row: _pages(run, row) or 0)
    return found


def first_calls(run):
    rows = run.select("call", "call_ns", ("binding", "time"))
    if "axis.binding" not in rows or "axis.time" not in rows:
        return {}
    return {key: of.iloc[0] for key in CALLS
            if len(of := rows[(rows["axis.binding"] == key[0]) & (rows["axis.time"] == key[1])])}


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


def _typical(run, row, quantity, stamp):
    """Of touches the mean: the few that fault are the cost. Of calls the median."""
    if quantity == "call_ns":
        return f"median {common.time_above(row.p50, stamp)}"
    share = _faults_per_page(run, row)
    return f"mean {units.time(row['mean'], 2)}" + (
        f", {units.number(share, 2)} faults each" if share is not None else "")


def message(run, touches, calls, stamp):
    parts = []
    if touches:
        (_, cache), row = next(iter(touches.items()))
        share = _faults_per_page(run, row)
        around = run.quantity(row["name"], "fault_around_pages")
        text = (f"A page of text{' out of the page cache' if cache == 'cold' else ''} costs "
                f"{units.time(row['mean'])} on average at its first touch")
        if share:
            text += f", with one fault for {units.number(1 / share, 2)} pages"
        if around is not None:
            text += f"; a single touch makes {units.whole(around.quantile(0.5))} pages resident"
        parts.append(text + ".")
    pair = [calls.get((binding, "first")) for binding in ("lazy", "now")]
    if all(row is not None for row in pair):
        lazy, now = pair
        parts.append(f"The first call by lazy binding takes {units.time(lazy.p50)}, a bound one "
                     f"{common.time_above(now.p50, stamp)}.")
    return " ".join(parts) or "Only parts of this were measured; see the legend."


def _basis(rows, touches, calls):
    parts = ["the timer's own cost is subtracted, and what is below it not drawn",
             common.counts(rows)]
    if not touches:
        parts.append("this run has no `text-touch` cases")
    if not calls:
        parts.append("this run has no `call` cases")
    return "; ".join(parts)
