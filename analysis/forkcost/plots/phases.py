"""One process creation cut into its phases, per spawn path at one size."""

import numpy as np

from forkcost import choose, cuts
from forkcost.plots import common
from forkcost.plots.caption import Figure
from forkcost.plots.kinds import bars

FIGURE = Figure(
    "Calls and copy-on-write", 30, "Where the time goes",
    message=("{path} takes longest, {total:time}; ",
             ("its largest part, {largest:time}, is “{name}”.", "most of it is not stamped.")),
    basis=("mean of the middle fifth of samples by total, so that the parts add up", "{n}",
           ("parent {size:size}, {fixed}", "parent {size:size}"),
           "hatched: includes the phases before it, which this path cannot stamp",
           "{cut?}the lower panel has a scale of its own"))
# Event that ends the phase -> (its name, colour). A phase whose end was not stamped joins the next.
PHASES = {
    "child": ("→ child runs", common.PINK),
    "exec": ("→ execve", common.RED),
    "image": ("→ image starts", common.ORANGE),
    "main": ("→ main", common.SKY),
    "exit": ("→ exit", common.GREEN),
    "reaped": ("→ reaped", common.BLUE),
}
LABEL = "time since the call (◆: the caller goes on)"


def cut(case):
    """The Cut of a Case, or None without total_ns."""
    values = cuts.by_sample(case)
    total = values.get("total_ns")
    if total is None:
        return None
    at = {event: values.get(name) for event, name in (
        ("child", "child_start_ns"), ("exec", "exec_ns"), ("image", "image_start_ns"),
        ("main", "main_start_ns"))}
    if values.get("teardown_ns") is not None:
        at |= {"exit": total - values["teardown_ns"], "reaped": total}
    return cuts.cut(total, at, PHASES, values.get("blocked_ns"))


def draw(run):
    series = choose.spawns(run, "total_ns", choose.STAMPED)
    if series is None:
        return "this run has no `spawn` cases with total_ns"
    size = choose.middle(series.sizes)
    found = {p: s for p in series.paths if (row := series.at(p, size)) is not None
             and (s := cut(run.cases[row["name"]])) is not None}
    if not found:
        return "no sample of this run has all stamps of its path"
    groups = _panels(found)
    panels = [bars.Panel({path: [bars.of_cut(found[path], PHASES)] for path in group},
                         LABEL if group is groups[-1] else "") for group in groups]
    figure = bars.draw(panels, 0.3, [*(name for name, _ in PHASES.values()), bars.NOT_STAMPED])
    path = max(found, key=lambda p: found[p].total)
    longest = found[path]
    event = max(longest.parts, key=lambda e: longest.parts[e][0], default=None)
    stamped = event is not None and longest.rest <= longest.parts[event][0]
    return FIGURE.of(figure, path=path, total=longest.total, largest=stamped and longest.parts[event][0],
                     name=stamped and PHASES[event][0], n=common.counts(series.rows[series.rows.heap_bytes == size]),
                     size=size, fixed=series.says(), cut=len(groups) > 1)


def _panels(found):
    """The paths by total, cut in two at the widest gap where one scale would hide the short."""
    order = sorted(found, key=lambda p: found[p].total)
    totals = np.array([found[p].total for p in order])
    gaps = totals[1:] / totals[:-1]
    if totals[-1] < 5 * totals[0] or gaps.max() < 2:
        return [order]
    widest = int(np.argmax(gaps)) + 1
    return [order[:widest], order[widest:]]
