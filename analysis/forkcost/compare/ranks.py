"""Tests for values that have no logarithm, 0 or below: only which side is larger, not by how much."""

from dataclasses import dataclass

import numpy as np
from scipy import special, stats

MOST_EXACT = 60  # units: of more, chance is as good as normal


@dataclass(frozen=True)
class Ranks:
    """`p`: two-sided; `direction`: 1 where the new side is larger, −1, or 0; `units`: of the smaller side;
    `apart`: whether no unit of one side lies among the other's: no such units say more; `paired`."""

    p: float
    direction: int
    units: int
    apart: bool
    paired: bool

    def more(self, level):
        """How many more units a side it takes, if all go on as they do, to be below `level`; None where
        they do not lie apart."""
        if not self.apart:
            return None
        n = self.units
        while self._least(n) >= level:
            n += 1
        return n - self.units

    def _least(self, n):
        return 2 / (2.0**n if self.paired else special.binom(2 * n, n))


def test(base, new, paired):
    """The Ranks of two sides' units: Mann and Whitney's test, of pairs the sign test."""
    if paired:
        signs = np.sign(new - base)
        up, down = int((signs > 0).sum()), int((signs < 0).sum())
        p = min(2 * float(special.bdtr(min(up, down), up + down, 0.5)), 1.0) if up + down else 1.0
        return Ranks(p, int(np.sign(up - down)), len(signs), max(up, down) == len(signs), True)
    ranks = stats.rankdata(np.concatenate([base, new]))
    above = ranks[len(base):].mean() - ranks[:len(base)].mean()
    apart = bool(base.max() < new.min() or new.max() < base.min())
    return Ranks(_p(ranks, len(base)), int(np.sign(above)), min(len(base), len(new)), apart, False)


def _p(ranks, n):
    """Of the first n of these ranks, ties among them."""
    if len(ranks) > MOST_EXACT:
        return float(stats.mannwhitneyu(ranks[:n], ranks[n:], method="asymptotic").pvalue)
    doubled = np.rint(2 * ranks).astype(int)  # ties share a half
    ways = np.zeros((n + 1, doubled.sum() + 1))  # of so many ranks, to have that sum
    ways[0, 0] = 1
    for rank in doubled:
        ways[1:, rank:] += ways[:-1, :-rank].copy()
    sums = np.arange(ways.shape[1])
    middle = n * doubled.sum() / len(doubled)
    far = np.abs(sums - middle) >= abs(doubled[:n].sum() - middle) - 1e-6
    return float(min(ways[n][far].sum() / ways[n].sum(), 1.0))
