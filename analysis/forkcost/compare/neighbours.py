"""Whether pairs that follow each other are alike: then so many of them are worth fewer.

A machine's hour goes on from one pair of rounds to the next. Taken as independent, pairs of an
autocorrelation of 0.3 would have intervals a quarter too narrow. One figure has too few pairs to tell;
all of the core have hundreds.
"""

from dataclasses import replace
from functools import lru_cache

import numpy as np

from forkcost.compare import statistics

# Of its test, and by how many standard errors it is taken for more than it looks. In simulation (24 figures
# with a third of their variance in common) ten pairs of 0.3 are otherwise not seen in a quarter of
# comparisons, and any of the 24 is news by chance in 11% where 5% are asked for; so in 8%. Pairs that are
# independent are taken for alike in a fifth of comparisons, and intervals cover 96% in place of 95.
LEVEL, SURE = 0.2, 0.5
FEWEST = 8  # pairs
_PERMUTATIONS = 499
_FAR = 3.0  # standard deviations: one bad pair says nothing of its neighbours
_MOST = 0.9


def alike(series):
    """The autocorrelation of neighbours, pooled over series of differences, which are {(file, number
    of the pair): difference}, 0 where it is not surely above 0. It is tested by pairs in another order,
    the same in all series: what pairs have in common with each other does not make them neighbours."""
    series = [s for s in series if len(s) >= FEWEST]
    if not series:
        return 0.0
    keys = sorted(set().union(*series))
    places = {key: i for i, key in enumerate(keys)}
    z = np.zeros((len(series), len(keys)))
    for row, of in zip(z, series):
        row[[places[key] for key in of]] = _standardized(np.array([*of.values()]))
    beside = np.array([a[0] == b[0] for a, b in zip(keys, keys[1:])])
    products = z.T @ z

    def found(order):
        return products[order[:-1], order[1:]][beside].sum()
    seen = found(np.arange(len(keys)))
    rng = np.random.default_rng(len(keys))  # the same files have the same verdicts
    chance = [found(rng.permutation(len(keys))) for _ in range(_PERMUTATIONS)]
    if 1 + sum(c >= seen for c in chance) > LEVEL * (1 + _PERMUTATIONS):
        return 0.0
    # A series' own mean takes out of it what is slow: by (1 + 4 r) / n in one run (Marriott and Pope, "Bias
    # in the estimation of autocorrelations", 1954).
    n = len(keys)
    r = (n * seen / np.trace(products) + 1) / (n - 3 - len(_sizes(keys)))
    return float(np.clip(r + SURE * np.std(chance) / np.trace(products), 0, _MOST))


def _standardized(values):
    centred = values - np.median(values)
    usual = statistics.deviation(centred)
    if usual == 0:
        return np.zeros_like(centred)
    clipped = (centred / usual).clip(-_FAR, _FAR)
    return clipped - clipped.mean()


def _sizes(keys):
    """Of runs of neighbours: the pairs of each file."""
    files = [file for file, _ in keys]
    return tuple(files.count(file) for file in dict.fromkeys(files))


def _of_mean(r, sizes):
    """The variance of the mean of such pairs, of a single one's."""
    total = sum(sizes)
    return sum(n + 2 * sum((n - k) * r**k for k in range(1, n)) for n in sizes) / total**2


@lru_cache(maxsize=256)
def _worth(r, sizes):
    """(the factor of the variance of the mean, that of its degrees of freedom): such pairs also vary less
    about their own mean than about the true one."""
    n, v = sum(sizes), _of_mean(r, sizes)
    files = np.repeat(np.arange(len(sizes)), sizes)
    apart = np.abs(np.subtract.outer(np.arange(n), np.arange(n)))
    covariance = np.where(np.equal.outer(files, files), r**apart, 0.0)
    centred = covariance - covariance.mean(axis=0)
    centred = centred - centred.mean(axis=1)[:, None]
    df = np.trace(centred)**2 / (centred**2).sum()
    return v * (n - 1) / (1 - v), df / (n - 1)


def widened(test, r, keys):
    """The Test of pairs with these keys, of that autocorrelation."""
    sample, = test.samples
    wider, fewer = _worth(r, _sizes(keys))
    return replace(test, samples=(replace(
        sample, variance=sample.variance * wider, df=max(sample.df * fewer, 1.0)),))
