"""p50, p90, p99 and max per path at one size."""

from forkcost import choose, units
from forkcost.plots import common

FIGURE = common.Figure("Calls and copy-on-write", 60, "How bad it gets")

MARKS = (("p50", "o", 6.5), ("p90", "|", 9), ("p99", "D", 4.5), ("max", "x", 5.5))


def draw(run):
    series, what = choose.spawns(run), "call → main of the new program"
    if series is None:
        series, what = choose.calls(run), "caller blocked (wall time)"
    if series is None:
        return "this run has neither `spawn` nor `fork` cases"
    size = choose.middle(series.sizes)
    rows = series.rows[series.rows.heap_bytes == size].sort_values("p50", ascending=False)
    figure, ax = common.new_figure(1.4 + 0.29 * len(rows))
    handles = []
    for y, (_, row) in enumerate(rows.iterrows()):
        colour = common.path_style(row["axis.path"])["color"]
        ax.plot([row.p50, row["max"]], [y, y], color=colour, linewidth=1.2)
        handles = [ax.plot(row[name], y, marker=mark, color=colour, markersize=points,
                           linestyle="none", markeredgewidth=1.6 if mark in "|x" else 0.5,
                           markeredgecolor=colour if mark in "|x" else "white")[0]
                   for name, mark, points in MARKS]
    ax.set_yticks(range(len(rows)), rows["axis.path"])
    ax.set_ylim(-0.6, len(rows) - 0.4)
    _x_axis(ax, rows, what)
    ax.grid(axis="y", visible=False)
    ax.legend(handles, [name for name, _, _ in MARKS], loc="lower left", ncol=4, frameon=False,
              bbox_to_anchor=(0, 1.0), handletextpad=0.2, columnspacing=1.2, borderaxespad=0.1)
    basis = f"{common.counts(rows)}; parent {units.size(size)}, {series.says()}"
    if rows.n.min() < 100:
        basis += f"; p99 of fewer than 100 samples is their max (fewest here: {rows.n.min()})"
    return common.Drawing(figure, message(rows), basis)


def _x_axis(ax, rows, what):
    low, high = rows.p50.min(), rows["max"].max()
    if high / low > 8:
        ax.set_xscale("log")
        common.time_axis(ax.xaxis, what)
        ax.set_xlim(low / 1.25, high * 1.25)
        return
    ax.set_xlim(0, high * 1.05)
    ax.xaxis.set_major_formatter(lambda ns, _: units.time(ns, 2) if ns else "0")
    ax.xaxis.set_major_locator(common.matplotlib.ticker.MaxNLocator(5))
    ax.set_xlabel(what)


def message(rows):
    ratio = rows.p99 / rows.p50
    worst = rows.loc[ratio.idxmax()]
    calm = rows.loc[ratio.idxmin()]
    return (f"Widest tail: {worst['axis.path']}, p99 {units.time(worst.p99)} is "
            f"{units.factor(worst.p99 / worst.p50)} its median; narrowest: {calm['axis.path']} "
            f"({units.factor(calm.p99 / calm.p50)}).")
