"""One process creation, or one exec, cut into its phases.

Medians of phases do not add up to the median of the total. A cut has the mean of the samples in
the middle fifth by total: it adds up exactly, and lies at the median.
"""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Cut:
    """`parts`: event -> (ns, joined: holds unstamped phases before it). `rest`: the ns of total
    that no stamp explains. `blocked`: ns until the caller went on, or None."""

    parts: dict
    rest: float
    total: float
    blocked: float | None


def by_sample(case):
    """Quantity -> one value per sample of a Case, in one order; only those that all samples have
    which have a total."""
    total = case.quantities.get("total_ns")
    sizes = [len(r) for r in total.rounds] if total else []
    return {name: np.concatenate(q.rounds) for name, q in case.quantities.items()
            if q.rounds and [len(r) for r in q.rounds] == sizes}


def cut(total, at, events, blocked=None):
    """The Cut of samples. `events`: each ends a phase; `at`: event -> its times, or None. None if no sample is
    complete."""
    at = {event: times for event, times in at.items()
          if times is not None and len(times) == len(total)}
    complete = np.all([~np.isnan(v) for v in (total, *at.values())], axis=0)
    if not complete.any():
        return None
    # To the next sample outwards: between the two middle ones of 2 or of 4 there is none.
    low = np.quantile(total[complete], 0.4, method="lower")
    high = np.quantile(total[complete], 0.6, method="higher")
    chosen = complete & (total >= low) & (total <= high)
    parts, before, joined = {}, 0.0, False
    for event in events:
        # A stamp out of order (a caller's event may overtake the child's) stays joined, like one that is not there.
        now = at[event][chosen].mean() if event in at else -np.inf
        if now < before:
            joined = True
            continue
        parts[event] = (now - before, joined)
        before, joined = now, False
    if blocked is not None:
        blocked = np.nanmean(blocked[chosen]) if len(blocked) == len(total) else None
    mean = total[chosen].mean()
    return Cut(parts, mean - before, mean, blocked)
