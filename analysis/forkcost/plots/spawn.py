"""main_start_ns by resident size: every path starts the same program."""

from forkcost import choose, units
from forkcost.plots import common

FIGURE = common.Figure("Calls and copy-on-write", 20, "Until a new program's main runs")


def draw(run):
    series = choose.spawns(run)
    if series is None:
        return "this run has no `spawn` cases with main_start_ns"
    figure, ax = common.new_figure(4.3)
    _, labels = common.size_lines(ax, series, room=0.4)
    common.time_axis(ax.yaxis, "call → main of the new program")
    common.label_ends(ax, labels)
    return common.Drawing(figure, message(series), "; ".join(filter(None, (
        f"median, band p10–p90; {common.counts(series.rows)}", series.says()))))


def message(series):
    largest = max(series.sizes)
    found = {p: row.p50 for p in series.paths if (row := series.at(p, largest)) is not None}
    best = min(found, key=found.get)
    where = "in an empty parent" if largest == 0 else f"from a parent of {units.size(largest)}"
    text = f"Soonest {where}: {best}, {units.time(found[best])}"
    if "fork" in found and best != "fork":
        text += (f"; fork takes {units.time(found['fork'])} "
                 f"({units.factor(found['fork'] / found[best])})")
    return text + "."
