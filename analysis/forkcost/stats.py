"""Quantiles, intervals and estimators. Arrays are one-dimensional and in the quantity's unit.

`rounds` is always a sequence with one array per round: the round is the unit of replication,
and samples of one round are no substitute for another round.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy import special

REPLICATES = 1000
MIN_ROUNDS = 3  # fewer give no interval


def quantile(values, q):
    """Nearest-rank quantile(s): the smallest value that a share of at least `q` does not exceed."""
    ordered = np.sort(values)
    return ordered[_rank(np.asarray(q), len(ordered)).astype(np.intp) - 1]


def _rank(q, n):
    """Of the quantile among n values, from 1. Less than a billionth above a whole number is rounding:
    0.07 of 100 is the 7th."""
    return np.maximum(np.ceil(q * n - 1e-9), 1)


@dataclass(frozen=True)
class Rounds:
    """The values of one quantity. `values`: ascending, without repetitions; `cumulative`: how many
    of a round's are at most that, one row per value, one column per round; `nested`: rounds per
    unit, the columns being in the order of the units. A unit is what is replicated: a round, or a
    whole file with its rounds."""

    values: np.ndarray
    cumulative: np.ndarray
    nested: tuple

    @classmethod
    def of(cls, rounds, nested=None):
        """`rounds`: arrays of samples (one-dimensional) or histograms (rows low, high, count)."""
        pooled, weights = np.concatenate(rounds), None
        if pooled.ndim == 2:
            edges, place = _bins(pooled)
            values, weights = bin_values(edges), pooled[:, 2]
        else:
            values, place = np.unique(pooled, return_inverse=True)
        of_round = np.repeat(np.arange(len(rounds)), [len(r) for r in rounds])
        counts = np.bincount(place * len(rounds) + of_round, weights,
                             minlength=len(values) * len(rounds))
        return cls(values, np.cumsum(counts.reshape(-1, len(rounds)), axis=0, dtype=float),
                   nested or (1,) * len(rounds))

    @property
    def constant(self):
        return len(self.values) == 1

    def estimate(self, q):
        """The nearest-rank quantile (or several) of all rounds together; 0 is the minimum."""
        total = self.cumulative.sum(axis=1)
        return self.values[np.searchsorted(total, _rank(np.asarray(q), total[-1]))]

    def of_units(self, q):
        """One quantile of each unit."""
        starts = np.concatenate([[0], np.cumsum(self.nested)[:-1]])
        of_units = np.add.reduceat(self.cumulative, starts, axis=1)
        return self.values[np.argmax(of_units >= _rank(q, of_units[-1]), axis=0)]

    def replicates(self, q, weights, seed):
        """The same of resampled rounds (`weights`: how often each is drawn, one row per replicate),
        and of as many samples drawn from them again."""
        if self.constant:
            return np.full(len(weights), self.values[0])
        sizes = self.cumulative[-1]
        n = weights @ sizes
        rank = _rank(q, n)
        # A quantile of n draws from one pool lies at a share of it that is Beta distributed. But as
        # many are drawn from each round as it has: where rounds differ, that share varies less.
        below = self.cumulative[self._first(weights, rank)]
        drawn = weights * below
        within = (drawn * (1 - below / sizes)).sum(axis=1)
        total = drawn.sum(axis=1)
        pool = total * (1 - total / n)
        narrower = np.sqrt(np.divide(within, pool, out=np.ones_like(pool), where=pool > 0))
        mean = rank / (n + 1)
        share = mean + narrower * (np.random.default_rng(seed).beta(rank, n - rank + 1) - mean)
        return self.values[self._first(weights, share * n)]

    def _first(self, weights, wanted):
        """Per replicate, which is the first value that so many of its samples are at most: found by
        bisection, as all replicates' totals of all values are a matrix of megabytes."""
        place = np.zeros(len(weights), dtype=np.intp)
        step = 1 << (len(self.values) - 1).bit_length() >> 1
        while step:
            below = self.cumulative.take(place + (step - 1), axis=0, mode="clip")
            place += step * (np.einsum("ij,ij->i", below, weights) < wanted)
            step >>= 1
        return np.minimum(place, len(self.values) - 1)


@lru_cache(maxsize=256)
def drawn_weights(n_rounds, seed, replicates=REPLICATES):
    """How often each round is drawn: one row per replicate. Quantities that share a seed share what
    is drawn, so that what is common to the cases of a round stays common."""
    return np.random.default_rng(seed).multinomial(
        n_rounds, np.full(n_rounds, 1 / n_rounds), size=replicates).astype(float)


def interval(replicates, n_rounds, level=0.95):
    """(low, high) of bootstrap replicates along their first axis; None below MIN_ROUNDS rounds.

    A plain percentile interval of four or five rounds is too narrow. The levels are therefore
    expanded by Student's t (Hesterberg, "What Teachers Should Know About the Bootstrap", 2015).
    """
    if n_rounds < MIN_ROUNDS:
        return None
    t = special.stdtrit(n_rounds - 1, (1 - level) / 2)
    tail = special.ndtr(t * np.sqrt(n_rounds / (n_rounds - 1)))
    low, high = np.quantile(replicates, [tail, 1 - tail], axis=0)
    return low, high


def _bins(rows):
    """The different bins of rows (low, high, …), ascending, and which of them each row is of."""
    order = np.lexsort((rows[:, 1], rows[:, 0]))
    edges = rows[order, :2]
    new = np.concatenate([[True], (edges[1:] != edges[:-1]).any(axis=1)])
    place = np.empty(len(rows), dtype=np.intp)
    place[order] = np.cumsum(new) - 1
    return edges[new], place


def merge_histograms(histograms):
    """One histogram, an array of rows (low, high, count) sorted by low, of several."""
    rows = np.concatenate([np.asarray(h, dtype=float).reshape(-1, 3) for h in histograms])
    edges, place = _bins(rows)
    return np.column_stack([edges, np.bincount(place, weights=rows[:, 2])])


def bin_values(edges):
    """The middle of the whole numbers in low <= value < high (exact for bins of 1)."""
    low, high = edges[:, 0], edges[:, 1]
    return low + np.maximum(high - low - 1, 0) / 2


def histogram_cdf(histogram):
    """(x, share): the share of values below x, at the upper edge of every bin."""
    return histogram[:, 1], np.cumsum(histogram[:, 2]) / histogram[:, 2].sum()


def _trimmed_mean(values, share):
    cut = int(share * len(values))
    return np.sort(values)[cut:len(values) - cut].mean()


def _over_all(estimate):
    return lambda rounds: estimate(np.concatenate(rounds))


ESTIMATORS = {  # name -> function of rounds
    "min": _over_all(np.min),
    "p10": _over_all(lambda v: quantile(v, 0.10)),
    "p25": _over_all(lambda v: quantile(v, 0.25)),
    "p50": _over_all(lambda v: quantile(v, 0.50)),
    "mean": _over_all(np.mean),
    "trimmed mean (10%)": _over_all(lambda v: _trimmed_mean(v, 0.1)),
    "min of round medians": lambda rounds: min(quantile(r, 0.5) for r in rounds),
    "median of round minima": lambda rounds: quantile([np.min(r) for r in rounds], 0.5),
    "median of round medians": lambda rounds: quantile([quantile(r, 0.5) for r in rounds], 0.5),
}
