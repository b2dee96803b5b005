"""main_start_ns by resident size: every path starts the same program."""

from forkcost import choose
from forkcost.plots import common
from forkcost.plots.caption import Figure
from forkcost.plots.kinds import lines

FIGURE = Figure(
    "Calls and copy-on-write", 20, "Until a new program's main runs",
    message=("Fastest ", ("in an empty parent{empty?}", "from a parent of {largest:size}"), ": {best}, {least:time}",
             "; fork takes {fork:time} ({more:factor})", "."),
    basis=("median, band p10–p90", "{n}", "{fixed}"))


def draw(run):
    series = choose.spawns(run)
    if series is None:
        return "this run has no `spawn` cases with main_start_ns"
    panel = lines.Panel(lines.of_paths(series), lines.times("call → main of the new program"), margin=0.18)
    figure = lines.draw([panel], height=4.3, room=0.4)
    largest = series.sizes[-1]
    found = {p: row.p50 for p in series.paths if (row := series.at(p, largest)) is not None}
    best = min(found, key=found.get)
    fork = None if best == "fork" else found.get("fork")
    return FIGURE.of(figure, n=common.counts(series.rows), fixed=series.says(), empty=largest == 0, largest=largest,
                     best=best, least=found[best], fork=fork, more=fork and fork / found[best])
