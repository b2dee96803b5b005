"""A quantity of a case over its rounds, and its check."""

import zlib
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from forkcost import stats
from forkcost.checks import REPEAT, Broken, expect


@dataclass(frozen=True)
class Quantity:
    """One quantity of one case, over its rounds.

    `paired`: one array per round, in the order of the samples, NaN where a sample does not have
    the quantity; so that quantities of one case can be subtracted sample by sample. Empty for
    histograms, which are in `histograms`, one array of (low, high, count) per round.
    `recorded`: one object per round, as in the file (min, p50, …, mean, n).
    """

    name: str
    unit: str
    better: str
    paired: tuple
    histograms: tuple
    recorded: tuple
    seed: int  # differs between cases and quantities, so that their replicates are independent

    @cached_property
    def rounds(self):
        """One array per round, without NaN, without empty rounds."""
        values = (r[~np.isnan(r)] for r in self.paired)
        return [v for v in values if v.size]

    @cached_property
    def samples(self):
        """All samples of all rounds; empty for a histogram."""
        return np.concatenate(self.rounds) if self.rounds else np.empty(0)

    @cached_property
    def histogram(self):
        """All rounds' histograms merged."""
        return stats.merge_histograms(self.histograms)

    @cached_property
    def _pooled(self):
        return stats.Rounds.of(self.histograms or self.rounds)

    def quantile(self, q):
        return self._pooled.estimate(q)

    @cached_property
    def median_replicates(self):
        """Bootstrap replicates of the median."""
        n_rounds = len(self.histograms or self.rounds)
        return self._pooled.replicates(
            0.5, stats.drawn_weights((1,) * n_rounds, (0, self.seed)), (1, self.seed))

    @cached_property
    def summary(self):
        """n, rounds, min, p10, p50, p90, p99, max, mean, and low/high: the 95% interval of p50
        (NaN with too few rounds)."""
        n_rounds = len(self.histograms or self.rounds)
        weights = [r["n"] for r in self.recorded]
        p10, p50, p90, p99 = self.quantile([0.1, 0.5, 0.9, 0.99])
        low, high = (stats.interval(self.median_replicates, n_rounds)
                     if n_rounds >= stats.MIN_ROUNDS else (np.nan, np.nan))
        return {
            "n": int(sum(weights)), "rounds": n_rounds,
            "min": min(r["min"] for r in self.recorded), "p10": p10, "p50": p50, "p90": p90,
            "p99": p99, "max": max(r["max"] for r in self.recorded),
            "mean": np.average([r["mean"] for r in self.recorded], weights=weights),
            "low": low, "high": high,
        }


def pooled(name, recorded, seed):
    """The Quantity of the rounds' objects (as in the file), or None: a quantity of which a round
    has no value at all is absent from that round. `seed`: text that tells it from others."""
    recorded = tuple(r for r in recorded if r.get("n"))
    if not recorded:
        return None
    return Quantity(
        name=name, unit=recorded[0]["unit"], better=recorded[0].get("better", "none"),
        paired=tuple(np.array(r["samples"], dtype=float) for r in recorded if "samples" in r),
        histograms=tuple(np.array(r["histogram"], dtype=float) for r in recorded
                         if "histogram" in r),
        recorded=recorded, seed=zlib.crc32(seed.encode()))


def check_quantities(quantities, where):
    for name, quantity in quantities.items():
        place = f"{where} quantity '{name}'"
        if not isinstance(quantity, dict):
            raise Broken(f"{place} is no object: the file is damaged; {REPEAT}")
        expect(quantity, "unit", str, place)
        n = expect(quantity, "n", int, place)
        if n == 0:
            continue
        for key in ("min", "max", "mean"):
            expect(quantity, key, (int, float), place)
        data = "histogram" if "histogram" in quantity else "samples"
        values = expect(quantity, data, list, place)
        try:
            array = np.array(values, dtype=float)
            if data == "histogram":
                counted = array[:, 2].sum() if array.shape[1] == 3 else None
            else:
                counted = np.count_nonzero(~np.isnan(array)) if array.ndim == 1 else None
        except (ValueError, TypeError, IndexError, OverflowError):
            counted = None
        if counted != n:
            raise Broken(f"{place} says n = {n}, but its {data} hold {counted or 'no'} values: "
                         f"the file is damaged; {REPEAT}")
