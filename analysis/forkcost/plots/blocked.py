"""blocked_ns of the bare calls by resident size, the child ends at once."""

from forkcost import choose, units
from forkcost.plots import common

FIGURE = common.Figure("Calls and copy-on-write", 10, "How long the caller is blocked")


def draw(run):
    series = choose.calls(run)
    if series is None:
        return "this run has no `fork` cases with blocked_ns"
    figure, ax = common.new_figure()
    scale, labels = common.size_lines(ax, series)
    rows = [series.rows]
    for backing, line in (("thp", (0, (5, 1))), ("hugetlb", (0, (1, 1)))):
        other = run.select("fork", "blocked_ns", ("heap", "placement"), path="fork",
                           backing=backing)
        if "placement" in series.fixed:
            other = other[other["axis.placement"] == series.fixed["placement"]]
        if other.empty or not set(other.heap_bytes) <= set(series.sizes):
            continue
        other = other[other.heap_bytes > 0].sort_values("heap_bytes")
        if other.empty:
            continue
        x = scale(other.heap_bytes)
        ax.plot(x, other.p50, color=common.RED, marker=".", linestyle=line, linewidth=1)
        labels.append((x[-1], other.p50.iloc[-1], f"fork, {backing}", common.RED))
        rows.append(other)
    common.time_axis(ax.yaxis, "caller blocked (wall time)")
    common.label_ends(ax, labels)
    return common.Drawing(figure, message(series), "; ".join(filter(None, (
        f"median, band p10–p90; {common.counts(series.rows)}", series.says(),
        "vfork and clone-vm block until the child has ended, fork does not: for programs that are "
        "started compare the next figure"))))


def message(series):
    line, sizes = series.line("fork"), series.sizes
    if line is None:
        row = series.path("fork")
        if row.empty:
            return "This run did not measure fork itself."
        return (f"fork blocks its caller {units.time(row.p50.iloc[-1])} at "
                f"{units.size(row.heap_bytes.iloc[-1])}.")
    if not line.rises:
        return f"fork's cost does not grow with resident size up to {units.size(sizes[-1])}."
    text = f"fork's cost grows by {units.number(line.ms_per_gib)} ms per resident GiB"
    flat = [p for p in series.paths if (other := series.line(p)) is not None and not other.rises]
    if flat:
        text += f"; that of {' and '.join(flat)} does not grow"
    if line.breaks_at:
        text += f". It is not one straight line: see {units.size(line.breaks_at)}"
    return text + "."
