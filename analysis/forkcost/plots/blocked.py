"""blocked_ns of the bare calls by resident size, the child ends at once."""

from forkcost import choose
from forkcost.plots import common
from forkcost.plots.caption import Figure
from forkcost.plots.kinds import lines

FIGURE = Figure(
    "Calls and copy-on-write", 10, "How long the caller is blocked",
    message=(("fork's cost grows by {slope:number} ms per resident GiB",
              "fork's cost does not grow with resident size up to {flat_to:size}",
              "fork blocks its caller {only:time} at {at:size}",
              "This run did not measure fork itself"),
             "; that of {flat} does not grow", ". It is not one straight line: see {breaks_at:size}", "."),
    basis=("median, band p10–p90", "{n}", "{fixed}",
           "vfork and clone-vm block until the child ends, fork does not: the next figure compares calls that start a "
           "program"))
BACKINGS = {"thp": (0, (5, 1)), "hugetlb": (0, (1, 1))}  # of fork, beside base pages: line


def draw(run):
    series = choose.calls(run)
    if series is None:
        return "this run has no `fork` cases with blocked_ns"
    curves = lines.of_paths(series)
    for backing, line in BACKINGS.items():
        rows = _other(run, series, backing)
        if len(rows):
            curves.append(lines.of_rows(f"fork, {backing}", rows, {
                "color": common.RED, "marker": ".", "linestyle": line, "linewidth": 1}, "heap_bytes", band=False))
    figure = lines.draw([lines.Panel(curves, lines.times("caller blocked (wall time)"), margin=0.18)])
    line, fork = series.line("fork"), series.path("fork")
    rises = line is not None and line.rises
    flat = [p for p in series.paths if (other := series.line(p)) is not None and not other.rises]
    return FIGURE.of(
        figure, n=common.counts(series.rows), fixed=series.says(), slope=rises and line.ms_per_gib,
        flat_to=line and series.sizes[-1], only=len(fork) > 0 and fork.p50.iloc[-1],
        at=len(fork) > 0 and fork.heap_bytes.iloc[-1], flat=rises and " and ".join(flat),
        breaks_at=rises and line.breaks_at)


def _other(run, series, backing):
    """The rows of fork with another backing, by size; none where the sizes are not the series'."""
    rows = run.select("fork", "blocked_ns", ("heap", "placement"), path="fork", backing=backing)
    if "placement" in series.fixed:
        rows = rows[rows["axis.placement"] == series.fixed["placement"]]
    if not set(rows.heap_bytes) <= set(series.sizes):
        return rows[:0]
    return rows[rows.heap_bytes > 0].sort_values("heap_bytes")
