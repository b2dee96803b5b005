"""The groups of kernel functions that a fork's time is spent in, by arena size."""

from forkcost import choose, functions, units
from forkcost.functions import OTHER, USER, Sampled
from forkcost.plots import common

FIGURE = common.Figure("Why it costs that", 20, "Where a fork goes")

LEAST = 0.04  # share from which on, at some size, a group is drawn for itself
PALETTE = (common.RED, common.BLUE, common.ORANGE, common.GREEN, common.PINK, common.SKY,
           common.BLACK, common.GREY)
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


def looks(groups):
    """Group -> how its part is drawn: colours in turn, then again with a hatch."""
    made = {}
    for n, name in enumerate(g for g in groups if g not in (SMALLER, OTHER)):
        made[name] = {"color": PALETTE[n % len(PALETTE)],
                      "hatch": (None, "////", "....")[n // len(PALETTE) % 3]}
    return made | {SMALLER: {"color": "#cccccc"}, OTHER: {"color": "white", "hatch": "xxxx"}}


def draw(run):
    found = shares(run)
    if isinstance(found, str):
        return found
    sampled, groups = found
    style = looks(groups)
    figure, ax = common.new_figure(3.2 + 0.2 * -(-len(groups) // 2))
    used, bottom = {}, [0.0] * len(sampled)
    for name, of in groups.items():
        used[name] = ax.bar(range(len(sampled)), [100 * share for share in of], width=0.72,
                            bottom=bottom, edgecolor="white" if name != OTHER else common.GREY,
                            linewidth=0.4, **style[name])
        bottom = [b + 100 * share for b, share in zip(bottom, of)]
    for x, s in enumerate(sampled.values()):
        ax.annotate("" if s.ns is None else units.time(s.ns), (x, 100), (0, 3), ha="center",
                    textcoords="offset points", fontsize=8.5)
    ax.set_xticks(range(len(sampled)),
                  [units.size(size).replace(units.NBSP, "\n") for size in sampled])
    ax.set_ylim(0, 106)
    ax.set_yticks(range(0, 101, 20))
    ax.set_ylabel("share of the samples, %")
    ax.set_xlabel("resident size of the parent; above: call → reaped")
    ax.grid(axis="x", visible=False)
    common.legend_on_top(figure, used, 2)
    return common.Drawing(figure, message(sampled, groups), _basis(run, sampled))


def message(sampled, groups):
    named = {name: of[-1] for name, of in groups.items() if name not in (SMALLER, OTHER)}
    first, second = sorted(named, key=named.get, reverse=True)[:2] if len(named) > 1 else (
        [*named, *named] * 2)[:2]
    size, s = list(sampled.items())[-1]
    text = f"At {units.size(size)}" if size else "In an empty parent"
    text += f" {units.percent(named[first])} of a fork is “{first}”"
    if second != first:
        text += f", {units.percent(named[second])} “{second}”"
    if s.ns is not None:
        text += f", of {units.time(s.ns)} from the call to the child's end and wait"
    return text + "."


def _basis(run, sampled):
    samples = sorted({s.profile.samples for s in sampled.values()})
    rounds = sorted({s.profile.rounds for s in sampled.values()})
    event = next(iter(sampled.values())).profile.event
    return (f"n: {units.many(samples, f'sample of {event}', f'samples of {event}')} in "
            f"{units.many(rounds, 'round')} per size; {choose.calls(run, 'total_ns').says()}; "
            f"parent and child together, while the call runs until wait has returned; groups below "
            f"{LEAST:.0%} at every size are together; other: in no group of the table; "
            "inlined functions count as their callers")
