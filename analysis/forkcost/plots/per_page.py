"""Instructions and page faults per page of the arena, by backing: of fork itself, of the
first write after it, and of fresh memory."""

import numpy as np

from forkcost import counters, units
from forkcost.plots import common

FIGURE = common.Figure("Why it costs that", 10, "Instructions and faults per page, by backing")

INSTRUCTIONS, FAULTS = "instructions:k", "minor-faults"
COLOURS = (common.RED, common.ORANGE, common.BLUE)  # fork, first write after fork, fresh memory
TOUCHES = ("first write after fork", "first write to fresh memory")


def rows(run):
    """[(label, colour, {event: per page of the arena}, {event: its 95% interval})], one for each
    operation and backing that has any of the two events."""
    found = []
    slopes = counters.per_page(run)
    for backing in dict.fromkeys(p.backing for p in slopes):
        of = {p.event: p for p in slopes if p.backing == backing and p.who == "parent"}
        of = {e: of[e].line for e in (INSTRUCTIONS, FAULTS) if e in of}
        found.append((f"fork, {backing}", COLOURS[0],
                      {e: max(line.slope, 0) * run.page_size for e, line in of.items()},
                      {e: np.array(line.slope_interval) * run.page_size for e, line in of.items()
                       if line.slope_interval is not None}))
    for label, row in counters.touches(run):
        what = label.rsplit(", ", 1)[0]
        case = run.cases[row["name"]]
        if what in TOUCHES and (c := counters.counted(case)) is not None:
            pages = row.heap_bytes / run.page_size
            found.append((label, COLOURS[1 + TOUCHES.index(what)],
                          {e: median / pages for e in (INSTRUCTIONS, FAULTS) if (
                              median := c.median(e, counters.writer(case))) is not None}, {}))
    return [entry for entry in found if entry[2]]


def draw(run):
    found = rows(run)
    if not found:
        if not any(map(counters.counted, run.cases.values())):
            return counters.NONE
        return ("this run has counters of neither `fork` at two sizes nor of first touches, for "
                f"{INSTRUCTIONS} or {FAULTS}")
    events = [e for e in (INSTRUCTIONS, FAULTS) if any(e in of for _, _, of, _ in found)]
    figure, axes = common.new_figure((0.75 + 0.27 * len(found)) * len(events) + 0.2,
                                     [1] * len(events))
    axes = np.atleast_1d(axes)
    for ax, event in zip(axes, events):
        for y, (_, colour, of, intervals) in enumerate(found):
            if event in of:
                text = units.count(of[event]) if of[event] >= 0.0005 or not of[event] else "< 0.001"
                common.interval_bar(ax, y, of[event], intervals.get(event), colour, text)
            else:
                ax.annotate("not counted", (0, y), (4, 0), va="center", fontsize=8.5,
                            textcoords="offset points", color=common.GREY)
        common.bar_axis(ax, [label for label, *_ in found], f"{event}, per page", 0.3)
    return common.Drawing(figure, message(found, run), _basis(run, events))


def _basis(run, events):
    rounds = sorted({len(c.entries) for c in run.cases.values() if counters.counted(c)})
    parts = [f"n: {units.many(rounds, 'round')} per case",
             f"per {units.size(run.page_size)} of the arena, whatever its pages are",
             "fork: slope over the arena's size, the parent's, 95% interval",
             "touches: median, the writer's"]
    if INSTRUCTIONS not in events:
        parts.append(f"{INSTRUCTIONS} is missing: {_reason(run)}")
    return "; ".join(parts)


def _reason(run):
    return next((c.reasons[INSTRUCTIONS] for case in run.cases.values()
                 if (c := counters.counted(case)) and INSTRUCTIONS in c.reasons),
                "it was not asked for")


def message(found, run):
    by_label = {label: of for label, _, of, _ in found}
    fork, write = (by_label.get(f"{what}, {run.base}", {}) for what in ("fork", TOUCHES[0]))
    if INSTRUCTIONS in fork and INSTRUCTIONS in write:
        return (f"To copy the entry of a {run.base} page fork runs "
                f"{units.count(fork[INSTRUCTIONS])} instructions in the kernel; the first write to "
                f"the page afterwards {units.count(write[INSTRUCTIONS])}.")
    faults = {label: of[FAULTS] for label, of in by_label.items() if FAULTS in of}
    if not faults:
        return "Only parts of this were counted."
    most, least = max(faults, key=faults.get), min(faults, key=faults.get)
    if units.count(faults[most]) == units.count(faults[least]):
        return f"Page faults per page: {units.count(faults[most])} in each of these cases."
    return (f"Page faults per page: from {units.count(faults[least])} ({least}) to "
            f"{units.count(faults[most])} ({most}).")
