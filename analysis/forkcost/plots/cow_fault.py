"""One copy-on-write fault taken apart by kernel functions, beside faults that copy
nothing."""

from forkcost import counters, functions, units
from forkcost.functions import COPY, OTHER, Sampled
from forkcost.plots import common
from forkcost.plots.caption import Figure
from forkcost.plots.kinds import bars

FIGURE = Figure(
    "Why it costs that", 30, "One copy-on-write fault taken apart",
    message=(("A copy-on-write fault ({backing}) takes {fault:time}, of which copying the page is {copy:time} "
              "({share:percent})", "{label} costs {fault:time} a fault"),
             "; a memcpy between resident pages takes {memcpy:time}",
             ". The largest other part is {part}, {besides:time}", "."),
    basis=("n: {samples} per case in {rounds}", "shares of samples × time of all touches ÷ faults",
           ("the write itself and the loop around it are in “return”, and so is the way back to user code; the "
            "exception's entry, with interrupts off, is in the first function that has them on{by_time?}",
            "the write itself and the loop around it are in “return”")))
FIRST = "first write after fork"


def found(run):
    """[(label, Sampled, {part: samples})] of touches that fault, copies first; of base pages, and
    copies of other backings where a fault is of one page."""
    made = []
    for label, row in counters.touches(run):
        sampled = Sampled.of(run.cases[row["name"]], run.page_size)
        if (row.benchmark == "copy-page" or sampled is None or sampled.what != "fault"
                or sampled.ns is None):
            continue
        pages = row.heap_bytes / run.page_size
        one_page = abs(run.quantity(row["name"], "faults").quantile(0.5) - pages) < 0.01 * pages
        if one_page:
            made.append((label, sampled, run.groups.fault_parts(sampled.profile)))
    return made


def draw(run):
    rows = found(run)
    if not rows:
        cases = [run.cases[row["name"]] for _, row in counters.touches(run)]
        if not cases:
            return "this run has neither `cow` cases nor `first-touch` ones"
        return f"this run has no profile of them: {functions.why_none(cases)}"
    looks = common.part_looks(part for part in run.groups.parts if part != OTHER) | {OTHER: common.UNKNOWN}
    memcpy = _memcpy(run) if rows[0][0].startswith(FIRST) else None
    panel = bars.Panel({"\n".join(label.rsplit(", ", 1)): [_bar(sampled, parts, looks, None if y else memcpy)]
                        for y, (label, sampled, parts) in enumerate(rows)}, "one fault")
    figure = bars.draw([panel], 0.5, looks, columns=4)
    profiles = [sampled.profile for _, sampled, _ in rows]
    event = profiles[0].event
    return FIGURE.of(
        figure, memcpy=memcpy, by_time=profiles[0].unit == "ns", **_first(*rows[0]),
        rounds=units.many(sorted({profile.rounds for profile in profiles}), "round"),
        samples=units.many(sorted({profile.samples for profile in profiles}), f"sample of {event}",
                           f"samples of {event}"))


def _memcpy(run):
    """ns of a memcpy of a page that is there, or None."""
    made = counters.copying(run)
    return None if isinstance(made, str) else next((c.copy for c in made if c.way == "time" and not c.reason), None)


def _bar(sampled, samples, looks, memcpy):
    """`memcpy`: to be drawn above the bar where copying begins, or None."""
    parts = [(part, sampled.cost(samples[part]), look) for part, look in looks.items() if samples.get(part)]
    before = 0 if COPY not in samples else sum(
        sampled.cost(n) for n in list(samples.values())[:list(samples).index(COPY)])
    rule = None if memcpy is None else ("memcpy of a page, measured", before, before + memcpy)
    return bars.Bar(parts, units.time(sum(width for _, width, _ in parts)), rule=rule)


def _first(label, sampled, parts):
    """The facts of the message, of the first row."""
    copied = label.startswith(FIRST)
    copy = sampled.cost(parts.get(COPY, 0))
    rest = {part: n for part, n in parts.items() if part not in (COPY, OTHER)} if copied else {}
    part = max(rest, key=rest.get, default=None)
    return {"fault": sampled.ns, "label": label[0].upper() + label[1:], "backing": copied and label.rsplit(", ", 1)[1],
            "copy": copied and copy, "share": copied and copy / sampled.ns, "part": part,
            "besides": part and sampled.cost(rest[part])}
