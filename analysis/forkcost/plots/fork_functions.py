"""The groups of kernel functions that a fork's time is spent in, by arena size."""

from forkcost import choose, functions, units
from forkcost.functions import OTHER, USER, Sampled
from forkcost.plots import common
from forkcost.plots.caption import Figure
from forkcost.plots.kinds import bars

LEAST = 0.04  # share from which on, at some size, a group is drawn for itself
FIGURE = Figure(
    "Why it costs that", 20, "Where a fork goes",
    message=(("In an empty parent{empty?}", "At {size:size}"), " {share:percent} of a fork is “{first}”",
             ", {second_share:percent} “{second}”", ", of {total:time} from the call to the child's end and wait", "."),
    basis=("n: {samples} in {rounds} per size", "{fixed}",
           "parent and child together, while the call runs until wait has returned",
           f"groups below {LEAST:.0%} at every size are together", "other: in no group of the table",
           "inlined functions count as their callers"))
SMALLER = "smaller groups"


def shares(run):
    """({size: Sampled}, {group: [share per size]}) of fork, groups in the table's order, those that
    are small everywhere together as SMALLER; or a string."""
    series = choose.calls(run, "total_ns")
    if series is None or series.path("fork").empty:
        return "this run has no `fork` case with path fork (total_ns)"
    cases = {int(row.heap_bytes): run.cases[row["name"]]
             for _, row in series.path("fork").iterrows()}
    found = {size: s for size, case in cases.items()
             if (s := Sampled.of(case, run.page_size)) is not None}
    if not found:
        return f"this run has no profile of fork: {functions.why_none(cases.values())}"
    divided = [run.groups.divide(s.profile) for s in found.values()]
    drawn, small = {}, [0.0] * len(found)
    for name in [*run.groups.groups, USER]:
        of = [s.share(d.get(name, 0)) for s, d in zip(found.values(), divided)]
        if name == OTHER or max(of) >= LEAST:
            drawn[name] = of
        else:
            small = [a + b for a, b in zip(small, of)]
    other = drawn.pop(OTHER)
    return found, {**drawn, SMALLER: small, OTHER: other}


def draw(run):
    found = shares(run)
    if isinstance(found, str):
        return found
    sampled, groups = found
    looks = common.part_looks(name for name in groups if name not in (SMALLER, OTHER)) | {
        SMALLER: {"color": "#cccccc"}, OTHER: common.UNKNOWN}
    rows = {}
    for n, (size, s) in enumerate(sampled.items()):
        parts = [(name, 100 * groups[name][n], look) for name, look in looks.items()]
        rows[units.size(size)] = [bars.Bar(parts, "" if s.ns is None else units.time(s.ns))]
    figure = bars.draw([bars.Panel(rows, "share of the samples, %; behind: call → reaped", ticks=common.plain_ticks)],
                       0.33, looks, columns=2)
    size, last = list(sampled.items())[-1]
    named = {name: of[-1] for name, of in groups.items() if name not in (SMALLER, OTHER)}
    first, second = (*sorted(named, key=named.get, reverse=True), None, None)[:2]
    profiles = [s.profile for s in sampled.values()]
    event = profiles[0].event
    return FIGURE.of(
        figure, empty=size == 0, size=size, first=first, share=named.get(first), second=second,
        second_share=named.get(second), total=last.ns, fixed=choose.calls(run, "total_ns").says(),
        samples=units.many(sorted({p.samples for p in profiles}), f"sample of {event}", f"samples of {event}"),
        rounds=units.many(sorted({p.rounds for p in profiles}), "round"))
