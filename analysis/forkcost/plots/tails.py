"""p50, p90, p99 and max per path at one size."""

from forkcost import choose
from forkcost.plots import common
from forkcost.plots.caption import Figure

FIGURE = Figure(
    "Calls and copy-on-write", 60, "How bad it gets",
    message="Widest tail: {widest}, p99 {p99:time} is {wide:factor} its median; narrowest: {calm} ({narrow:factor}).",
    basis=("{n}", ("parent {size:size}, {fixed}", "parent {size:size}"),
           "p99 of fewer than 100 samples is their max (fewest here: {fewest})"))
MARKS = (("p50", "o", 6.5), ("p90", "|", 9), ("p99", "D", 4.5), ("max", "x", 5.5))


def draw(run):
    series, what = choose.spawns(run), "call → main of the new program"
    if series is None:
        series, what = choose.calls(run), "caller blocked (wall time)"
    if series is None:
        return "this run has neither `spawn` nor `fork` cases"
    size = choose.middle(series.sizes)
    rows = series.rows[series.rows.heap_bytes == size].sort_values("p50")
    figure, (ax,) = common.new_figure(1.1 + 0.29 * len(rows))
    handles = {}
    for y, (_, row) in enumerate(rows.iterrows()):
        colour = common.path_style(row["axis.path"])["color"]
        ax.plot([row.p50, row["max"]], [y, y], color=colour, linewidth=1.2)
        for name, mark, points in MARKS:
            dot, = ax.plot(row[name], y, marker=mark, color=colour, markersize=points, linestyle="none",
                           markeredgewidth=1.6 if mark in "|x" else 0.5,
                           markeredgecolor=colour if mark in "|x" else "white")
            handles.setdefault(name, dot)
    common.rows_axis(ax, rows["axis.path"])
    low, high = rows.p50.min(), rows["max"].max()
    if high / low > 8:
        common.time_axis(ax.xaxis, what)
        ax.set_xlim(low / 1.25, high * 1.25)
    else:
        ax.set_xlim(0, high * 1.05)
        common.time_ticks(ax.xaxis, high)
        ax.set_xlabel(what)
    common.legend_on_top(figure, handles, len(MARKS))
    ratio = rows.p99 / rows.p50
    widest, calm = rows.loc[ratio.idxmax()], rows.loc[ratio.idxmin()]
    return FIGURE.of(figure, widest=widest["axis.path"], p99=widest.p99, wide=ratio.max(), calm=calm["axis.path"],
                     narrow=ratio.min(), n=common.counts(rows), size=size, fixed=series.says(),
                     fewest=rows.n.min() < 100 and rows.n.min())
