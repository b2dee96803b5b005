"""What moved beneath a change: counters and kernel functions of its case, where both sides have
them."""

from dataclasses import replace

import numpy as np

from forkcost import functions, passes, stats, titles
from forkcost.compare import sides, stages, statistics
from forkcost.compare.result import FASTER, SLOWER, Cause

LEAST = 0.01  # of a counter, or of the case's time: less is no explanation
SIGMAS = 3.0
SURE = 0.01  # p of a counter
MOST = 10  # of each kind per case


def with_causes(comparison, base, new):
    """The Comparison with its causes."""
    cases = dict.fromkeys(row.case for row in comparison.rows
                          if row.change.verdict in (SLOWER, FASTER) and row.quantity
                          and row.change.stage != stages.REST)
    causes = []
    for name in cases:
        of_case = [files.joined.cases[name] for files in (base, new)]
        causes += _functions(name, of_case, base.joined.page_size, comparison.mode)
        causes += _counters(name, of_case)
    return replace(comparison, causes=tuple(replace(cause, title=titles.case(cause.case))
                                             for cause in causes))


def _functions(name, of_case, page_size, mode):
    """Samples of a function are a count: it moved where more than chance of its own would."""
    base, new = (functions.Sampled.of(case, page_size) for case in of_case)
    if base is None or new is None or base.ns is None or new.ns is None:
        return []
    total = new.ns - base.ns
    unit = f"{'instructions' if mode == sides.EXACT else 'ns'} per {base.what}"
    samples = [{row[0]: row[1] for row in s.rows} for s in (base, new)]
    found = []
    for function in dict.fromkeys([*samples[0], *samples[1]]):
        counts = [of.get(function, 0) for of in samples]
        costs = [s.cost(n) for s, n in zip((base, new), counts)]
        chance = np.hypot(*(s.cost(np.sqrt(max(n, 1))) for s, n in zip((base, new), counts)))
        moved = costs[1] - costs[0]
        if abs(moved) > max(SIGMAS * chance, LEAST * base.ns):
            share = moved / total if abs(total) > LEAST * base.ns else None
            found.append(Cause(name, "function", function, unit, *costs, share))
    return sorted(found, key=lambda c: -abs(c.new - c.base))[:MOST]


def _counters(name, of_case):
    base, new = (case.counters for case in of_case)
    if not isinstance(base, passes.Counters) or not isinstance(new, passes.Counters):
        return []
    found = []
    for event in (e for e in base.events if e in new.events):
        for who in ("parent", "child", "family"):
            both = [getattr(of.events[event], who) for of in (base, new)]
            if None not in both and _moved(*both):
                medians = [float(q.quantile(0.5)) for q in both]
                found.append(Cause(name, "counter", f"{event} {who}", both[0].unit, *medians))
    return sorted(found, key=_relative, reverse=True)[:MOST]


def _relative(cause):
    low, high = sorted((abs(cause.base), abs(cause.new)))
    return np.inf if low == 0 else high / low


def _moved(base, new):
    """Medians of rounds, by a t-test; with too few rounds, where the samples of both sides do not
    overlap."""
    if base.histograms or new.histograms or not base.rounds or not new.rounds:
        return False
    before, after = (q.quantile(0.5) for q in (base, new))
    if abs(after - before) <= LEAST * abs(before):
        return False
    if min(len(base.rounds), len(new.rounds)) < stats.MIN_ROUNDS:
        return base.samples.max() < new.samples.min() or new.samples.max() < base.samples.min()
    medians = [np.array([stats.quantile(r, 0.5) for r in q.rounds]) for q in (base, new)]
    return bool(statistics.t_test(*medians).p < SURE)


