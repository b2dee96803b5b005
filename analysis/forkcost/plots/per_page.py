"""Instructions and page faults per page of the arena, by backing: of fork itself, of the
first write after it, and of fresh memory."""

import numpy as np

from forkcost import counters, units
from forkcost.plots import common
from forkcost.plots.caption import Figure
from forkcost.plots.kinds import bars

FIGURE = Figure(
    "Why it costs that", 10, "Instructions and faults per page, by backing",
    message=(("To copy the entry of a {base} page fork runs {fork:count} instructions in the kernel; the first write "
              "to the page afterwards {write:count}.",
              "Page faults per page: from {least:count} ({of_least}) to {most:count} ({of_most}).",
              "Page faults per page: {most:count} in each of these cases.",
              "Only parts of this were counted."),),
    basis=("n: {rounds} per case", "per {page:size} of the arena, whatever its pages are",
           "fork: slope over the arena's size, the parent's, 95% interval", "touches: median, the writer's",
           "instructions:k is missing: {missing}"))
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
    figure = bars.draw([bars.Panel({label: [event in of and _bar(of[event], intervals.get(event), colour)]
                                    for label, colour, of, intervals in found}, f"{event}, per page",
                                   ticks=common.plain_ticks) for event in events], 0.27)
    counted = [(len(case.entries), c) for case in run.cases.values() if (c := counters.counted(case))]
    missing = next((c.reasons[INSTRUCTIONS] for _, c in counted if INSTRUCTIONS in c.reasons), "it was not asked for")
    return FIGURE.of(figure, rounds=units.many(sorted({n for n, _ in counted}), "round"), page=run.page_size,
                     missing=INSTRUCTIONS not in events and missing, base=run.base, **_extremes(found, run.base))


def _bar(value, interval, colour):
    return bars.plain(value, interval, units.count(value) if value >= 0.0005 or not value else "< 0.001", colour)


def _extremes(found, base):
    """The facts of the message."""
    of_base = {label: of for label, _, of, _ in found}
    fork, write = (of_base.get(f"{what}, {base}", {}).get(INSTRUCTIONS) for what in ("fork", TOUCHES[0]))
    faults = {label: of[FAULTS] for label, _, of, _ in found if FAULTS in of}
    of_most, of_least = (extreme(faults, key=faults.get, default=None) for extreme in (max, min))
    several = faults and units.count(faults[of_most]) != units.count(faults[of_least])
    return {"fork": fork, "write": write, "of_most": of_most, "most": faults.get(of_most), "of_least": of_least,
            "least": faults[of_least] if several else None}
