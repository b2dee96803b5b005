"""A turn handed over between two threads, two forked and two exec'ed processes."""

import numpy as np

from forkcost import units
from forkcost.plots import common

FIGURE = common.Figure("What is shared", 20, "Handing over between threads and processes")

BETWEEN = ("threads", "forked", "exec")
COLOURS = {"futex": common.BLUE, "pipe": common.ORANGE}


def draw(run):
    rows = run.select("switch", "handover_ns", ("between", "by", "touch"))
    if rows.empty or not {"axis.between", "axis.by"} <= set(rows):
        return "this run has no `switch` cases with handover_ns"
    rows = rows.assign(touch=rows.get("axis.touch", "0"))
    touches = sorted(rows.touch.unique(), key=lambda t: (int(t) if t.isdecimal() else 0, t))
    bys = [b for b in (*COLOURS, *sorted(set(rows["axis.by"]) - set(COLOURS)))
           if (rows["axis.by"] == b).any()]
    betweens = [b for b in (*BETWEEN, *sorted(set(rows["axis.between"]) - set(BETWEEN)))
                if (rows["axis.between"] == b).any()]
    figure, axes = common.new_figure(
        1.0 + len(touches) * (0.5 + 0.25 * len(betweens) * len(bys)), (1,) * len(touches))
    axes = np.atleast_1d(axes)
    for ax, touch in zip(axes, touches):
        _panel(ax, rows[rows.touch == touch], betweens, bys)
        ax.set_title(f"each side reads {touch} pages per turn" if touch != "0" else
                     "nothing is touched", loc="left", fontsize=9.5)
    axes[-1].set_xlabel("one hand-over, after subtracting the primitive's own cost")
    common.legend_on_top(figure, {by: common.plt.Rectangle(
        (0, 0), 1, 1, color=COLOURS.get(by, common.GREY)) for by in bys}, 4)
    return common.Drawing(figure, message(rows, touches, bys), (
        f"median of handover_ns with its 95% interval; {common.counts(rows)}; both sides on one "
        "CPU; subtracted is primitive_ns: the reading and the calls that a turn made, with nobody to "
        "hand over to"
        + ("; each panel has its own scale" if len(touches) > 1 else "")))


def _panel(ax, rows, betweens, bys):
    height = 0.8 / len(bys)
    for y, between in enumerate(betweens):
        for i, by in enumerate(bys):
            found = rows[(rows["axis.between"] == between) & (rows["axis.by"] == by)]
            if len(found):
                row = found.iloc[0]
                common.interval_bar(ax, y + (i - (len(bys) - 1) / 2) * height, row.p50,
                                    (row.low, row.high), COLOURS.get(by, common.GREY),
                                    units.time(row.p50), 0.9 * height)
    common.bar_axis(ax, betweens, "", room=0.25)
    ax.xaxis.set_major_formatter(lambda ns, _: units.time(ns, 2) if ns else "0")


def message(rows, touches, bys):
    parts = []
    for touch in touches:
        medians = rows[(rows.touch == touch) & (rows["axis.by"] == bys[0])].set_index(
            "axis.between").p50
        if not {"threads", "forked"} <= set(medians.index):
            continue
        where = f"with {touch} pages read per turn" if touch != "0" else "nothing touched"
        text = f"{where} {units.time(medians['threads'])} between threads, "
        text += f"{units.time(medians['forked'])} between forked processes"
        if "exec" in medians:
            text += f", {units.time(medians['exec'])} between exec'ed ones"
        parts.append(text)
    if not parts:
        dear = rows.loc[rows.p50.idxmax()]
        return f"The longest hand-over, between {dear['axis.between']}: {units.time(dear.p50)}."
    return f"A hand-over by {bys[0]} takes, {'; '.join(parts)}."
