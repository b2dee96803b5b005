"""A quantity of a case over its rounds."""

import zlib
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from forkcost import stats


@dataclass(frozen=True)
class Quantity:
    """One quantity of one case, over its rounds.

    `rounds`: one array per round, in the order of the samples, so that quantities which all samples
    have can be subtracted sample by sample. Empty for histograms, which are in `histograms`, one
    array of (low, high, count) per round.
    `recorded`: one object per round, as `schemas` has it.
    """

    name: str
    unit: str
    better: str
    rounds: tuple
    histograms: tuple
    recorded: tuple
    seed: int  # differs between cases and quantities, so that their replicates are independent

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
        weights = stats.drawn_weights((1,) * len(self.histograms or self.rounds), 0)
        order = np.random.default_rng((0, self.seed)).permutation(len(weights))
        return self._pooled.replicates(0.5, weights[order], (1, self.seed))

    @cached_property
    def summary(self):
        """n, rounds, min, p10, p50, p90, p99, max, mean, and low/high: the 95% interval of p50
        (NaN with too few rounds)."""
        n_rounds = len(self.histograms or self.rounds)
        p10, p50, p90, p99 = self.quantile([0.1, 0.5, 0.9, 0.99])
        low, high = (stats.interval(self.median_replicates, n_rounds)
                     if n_rounds >= stats.MIN_ROUNDS else (np.nan, np.nan))
        least, most, mean = self._exact
        return {"n": sum(r["n"] for r in self.recorded), "rounds": n_rounds, "min": least,
                "p10": p10, "p50": p50, "p90": p90, "p99": p99, "max": most, "mean": mean,
                "low": low, "high": high}

    @property
    def _exact(self):
        """min, max and mean of the values, which a histogram's bins do not tell."""
        if not self.histograms:
            return self.samples.min(), self.samples.max(), self.samples.mean()
        return (min(r["min"] for r in self.recorded), max(r["max"] for r in self.recorded),
                np.average([r["mean"] for r in self.recorded],
                           weights=[r["n"] for r in self.recorded]))


def pooled(name, recorded, seed):
    """The Quantity of the rounds' objects (as `schemas` has them), or None: a quantity of which a
    round has no value at all is absent from that round. `seed`: text that tells it from others."""
    recorded = tuple(r for r in recorded if r.get("n"))
    if not recorded:
        return None
    return Quantity(
        name=name, unit=recorded[0]["unit"], better=recorded[0].get("better", "none"),
        rounds=tuple(r["samples"] for r in recorded if "samples" in r),
        histograms=tuple(r["histogram"] for r in recorded if "histogram" in r),
        recorded=recorded, seed=zlib.crc32(seed.encode()))
