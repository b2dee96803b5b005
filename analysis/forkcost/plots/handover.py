"""A turn handed over between two threads, two forked and two exec'ed processes."""

from forkcost import units
from forkcost.plots import common
from forkcost.plots.caption import Figure
from forkcost.plots.kinds import bars

FIGURE = Figure(
    "What is shared", 20, "Handing over between threads and processes",
    message=(("A hand-over by {by} takes, {takes}.", "The longest hand-over, between {between}: {longest:time}."),),
    basis=("median of handover_ns with its 95% interval", "{n}", "both sides on one CPU",
           "primitive_ns is subtracted: the reads and calls of one turn with nobody to hand over to",
           "{several?}each panel has its own scale"))
BETWEEN = {"threads": "between threads", "forked": "between forked processes", "exec": "between exec'ed ones"}
LABEL = "one hand-over, after subtracting the primitive's own cost"
COLOURS = {"futex": common.BLUE, "pipe": common.ORANGE}


def draw(run):
    rows = run.select("switch", "handover_ns", ("between", "by", "touch"))
    if rows.empty or not {"axis.between", "axis.by"} <= set(rows):
        return "this run has no `switch` cases with handover_ns"
    rows = rows.assign(touch=rows.get("axis.touch", "0"))
    touches = sorted(rows.touch.unique(), key=lambda t: (int(t) if t.isdecimal() else 0, t))
    bys, betweens = common.ordered(rows["axis.by"], COLOURS), common.ordered(rows["axis.between"], BETWEEN)
    cells = {(row.touch, row["axis.between"], row["axis.by"]): row for _, row in rows.iloc[::-1].iterrows()}
    panels = [bars.Panel({between: [_bar(by, cells.get((touch, between, by))) for by in bys] for between in betweens},
                         LABEL if touch == touches[-1] else "", _title(touch)) for touch in touches]
    figure = bars.draw(panels, 0.25 * len(bys), bys)
    dear = rows.loc[rows.p50.idxmax()]
    takes = [_takes(touch, {b: cells[touch, b, bys[0]].p50 for b in BETWEEN if (touch, b, bys[0]) in cells})
             for touch in touches]
    return FIGURE.of(figure, by=bys[0], takes="; ".join(filter(None, takes)), between=dear["axis.between"],
                     longest=dear.p50, n=common.counts(rows), several=len(touches) > 1)


def _title(touch):
    return f"each side reads {touch} pages per turn" if touch != "0" else "nothing is touched"


def _bar(by, row):
    return None if row is None else bars.plain(row.p50, (row.low, row.high), units.time(row.p50),
                                               COLOURS.get(by, common.GREY), by)


def _takes(touch, medians):
    """`with nothing touched, 1.45 µs between threads, …`; empty without threads or forked processes."""
    if not {"threads", "forked"} <= set(medians):
        return ""
    where = f"with {touch} pages read per turn" if touch != "0" else "with nothing touched"
    return f"{where}, " + ", ".join(f"{units.time(ns)} {BETWEEN[between]}" for between, ns in medians.items())
