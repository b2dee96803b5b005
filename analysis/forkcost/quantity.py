"""A quantity of a case over its rounds."""

import zlib
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from forkcost import stats


@dataclass(frozen=True)
class Quantity:
    """One quantity of one case, over its rounds.

    `recorded`: (file, round) -> the round's object, as `schemas` has it, in the order of the files.
    """

    name: str
    unit: str
    better: str
    recorded: dict
    seed: int  # differs between cases and quantities, so that their replicates are independent

    @cached_property
    def by_round(self):
        """(file, round) -> its samples, or its histogram if the quantity has any: an array of rows
        (low, high, count)."""
        binned = {key: r["histogram"] for key, r in self.recorded.items() if "histogram" in r}
        return binned or {key: r["samples"] for key, r in self.recorded.items()}

    @cached_property
    def rounds(self):
        """One array per round, in the order of the samples, so that quantities which all samples
        have can be subtracted sample by sample. Empty for histograms."""
        return () if self.histograms else tuple(self.by_round.values())

    @cached_property
    def histograms(self):
        """One histogram per round; empty for samples."""
        found = tuple(self.by_round.values())
        return found if found[0].ndim == 2 else ()

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
        return stats.Rounds.of(list(self.by_round.values()))

    def quantile(self, q):
        return self._pooled.estimate(q)

    @cached_property
    def median_replicates(self):
        """Bootstrap replicates of the median."""
        weights = stats.drawn_weights(len(self.by_round), 0)
        order = np.random.default_rng((0, self.seed)).permutation(len(weights))
        return self._pooled.replicates(0.5, weights[order], (1, self.seed))

    @cached_property
    def summary(self):
        """n, rounds, min, p10, p50, p90, p99, max, mean, and low/high: the 95% interval of p50
        (NaN with too few rounds)."""
        n_rounds = len(self.by_round)
        p10, p50, p90, p99 = self.quantile([0.1, 0.5, 0.9, 0.99])
        low, high = (stats.interval(self.median_replicates, n_rounds)
                     if n_rounds >= stats.MIN_ROUNDS else (np.nan, np.nan))
        least, most, mean = self._exact
        return {"n": sum(r["n"] for r in self.recorded.values()), "rounds": n_rounds, "min": least,
                "p10": p10, "p50": p50, "p90": p90, "p99": p99, "max": most, "mean": mean,
                "low": low, "high": high}

    @property
    def _exact(self):
        """min, max and mean of the values, which a histogram's bins do not tell."""
        if not self.histograms:
            return self.samples.min(), self.samples.max(), self.samples.mean()
        found = self.recorded.values()
        return (min(r["min"] for r in found), max(r["max"] for r in found),
                np.average([r["mean"] for r in found], weights=[r["n"] for r in found]))

    @classmethod
    def joined(cls, name, of_files):
        """The Quantity of several files' rounds. `of_files`: file -> its Quantity."""
        first = next(iter(of_files.values()))
        if [*of_files] == [0] and first.name == name:  # as most sides have one file
            return first
        return cls(name, first.unit, first.better, {
            (file, number): r for file, found in of_files.items()
            for (_, number), r in found.recorded.items()}, first.seed)


def numbered(file, entries):
    """[((file, round), entry)] of a case's entries in a file: their rounds as the file numbers
    them; by their places where it numbers two alike, as one that was put together by hand does."""
    numbers = [entry.get("repetition_index", i) for i, entry in enumerate(entries)]
    if len(set(numbers)) != len(numbers):
        numbers = range(len(entries))
    return [((file, number), entry) for number, entry in zip(numbers, entries)]


def pooled(name, recorded, seed):
    """The Quantity of [((file, round), object as `schemas` has it)], or None: a quantity of which a
    round has no value at all is absent from that round. `seed`: text that tells it from others."""
    recorded = {key: r for key, r in recorded if r.get("n")}
    if not recorded:
        return None
    first = next(iter(recorded.values()))
    return Quantity(name=name, unit=first["unit"], better=first.get("better", "none"),
                    recorded=recorded, seed=zlib.crc32(seed.encode()))
