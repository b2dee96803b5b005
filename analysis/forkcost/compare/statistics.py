"""The statistics of comparing: t-tests of rounds, Holm's correction, and what a number of rounds can
find. Knows no file.

What is compared is a cost's logarithm, so that 5% more and 5% less are equally far away.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy import special

from forkcost import stats

ALPHA = 0.05
POWER = 0.8
MOST_ROUNDS = 1000  # more than these nobody will measure
LARGEST = 100.0  # slowdowns beyond this factor are not worth a promise
WIDEST = 300.0  # half of an interval of logarithms that a number can still hold
_NODES = 64


@dataclass(frozen=True)
class Test:
    """`delta`: new less base, mean of the units; `se`: its standard error. `variances` and `units`
    of base and new; of pairs the variance of the differences, twice."""

    delta: float | np.ndarray
    se: float | np.ndarray
    df: float | np.ndarray
    p: float | np.ndarray
    variances: tuple
    units: tuple
    paired: bool


def t_test(base, new, paired=False, floor=0.0):
    """The Test of units along the last axis: Welch's, or of pairs. `floor`: the least variance that
    a unit can have."""
    units = (base.shape[-1], new.shape[-1])
    if paired:
        within = np.var(new - base, axis=-1, ddof=1) + floor
        variances = (within, within)
    else:
        variances = tuple(np.var(x, axis=-1, ddof=1) + floor for x in (base, new))
    delta = new.mean(axis=-1) - base.mean(axis=-1)
    se, df = _standard_error(variances, units, paired)
    with np.errstate(divide="ignore", invalid="ignore"):
        p = np.where(se > 0, 2 * special.stdtr(df, -np.abs(delta) / se), np.where(delta, 0.0, 1.0))
    return Test(delta, se, df, p, variances, units, paired)


def _standard_error(variances, units, paired):
    if paired:
        return np.sqrt(variances[0] / units[0]), np.full_like(variances[0], units[0] - 1)
    parts = [v / n for v, n in zip(variances, units)]
    total = parts[0] + parts[1]
    below = sum(part**2 / (n - 1) for part, n in zip(parts, units))
    df = np.divide(total**2, below, out=np.full_like(total, sum(units) - 2.0), where=below > 0)
    return np.sqrt(total), df


def mean_of_pairs(ratios):
    """Replicates of the geometric mean of pairs: one column per pair, which are drawn again."""
    pairs = ratios.shape[1]
    return np.exp((stats.drawn_weights((1,) * pairs, 0) * np.log(ratios)).sum(axis=1) / pairs)


def holm(p):
    """Holm's corrected p-values: an array in the order of `p`."""
    p = np.asarray(p, dtype=float)
    order = np.argsort(p, axis=-1, kind="stable")
    scaled = np.take_along_axis(p, order, axis=-1) * np.arange(p.shape[-1], 0, -1)
    corrected = np.empty_like(p)
    np.put_along_axis(corrected, order,
                      np.minimum(np.maximum.accumulate(scaled, axis=-1), 1.0), axis=-1)
    return corrected


def interval(replicates, test):
    """(low, high), 95%, as stats.interval has it for one side: widened by Student's t."""
    return stats.interval(replicates, min(test.units), df=float(test.df))


def widened(interval, test):
    """An interval of logarithms that holds the test's too. Where rounds differ more than their
    samples, three of them drawn again are often alike, and the bootstrap's is too narrow."""
    half = min(float(special.stdtrit(test.df, 0.975) * test.se), WIDEST)
    delta = float(test.delta)
    return np.array([min(interval[0], delta - half), max(interval[1], delta + half)])


def t_quantile(probability, df):
    return _t_quantile(probability, _rounded(df))


@lru_cache(maxsize=4096)
def _t_quantile(probability, df):
    return float(special.stdtrit(df, probability))


@lru_cache(maxsize=1024)
def _spreads(df):
    """What a standard error estimated with `df` degrees of freedom may come out as, of 1."""
    return np.sqrt(special.chdtri(df, 1 - (np.arange(_NODES) + 0.5) / _NODES) / df)


def _rounded(df):
    return max(round(float(df)), 1)


def power_to_find(delta, se, df, tests, threshold):
    """The chance that a slowdown of `delta` is found `slower`: significant as the first of `tests`,
    and its whole interval beyond `threshold` (both logarithms)."""
    if se <= 0:
        return float(delta > threshold)
    df = _rounded(df)
    critical = t_quantile(1 - ALPHA / tests / 2, df)
    spread = _spreads(df)
    needed = np.maximum(critical * spread, threshold / se + t_quantile(0.975, df) * spread)
    return float(special.ndtr(delta / se - needed).mean())


def power_to_clear(delta, se, df, threshold):
    """The chance that a change of `delta` is found `same`: its whole interval inside."""
    if se <= 0:
        return float(abs(delta) < threshold)
    df = _rounded(df)
    half = t_quantile(0.975, df) * _spreads(df)
    room = special.ndtr((threshold - delta) / se - half) - special.ndtr(
        (-threshold - delta) / se + half)
    return float(np.maximum(room, 0).mean())


def detectable(se, df, tests, threshold):
    """The smallest slowdown (0.03 for 3%) that is found with POWER; None beyond LARGEST."""
    low, high = threshold, np.log(LARGEST)
    if power_to_find(high, se, df, tests, threshold) < POWER:
        return None
    for _ in range(40):
        middle = (low + high) / 2
        if power_to_find(middle, se, df, tests, threshold) < POWER:
            low = middle
        else:
            high = middle
    return float(np.expm1(high))


def more_rounds(test, wider, tests, threshold):
    """How many more units per side settle it with POWER if change and noise stay as they look now;
    None where MOST_ROUNDS do not. `wider`: the bootstrap's standard error divided by the test's."""
    delta = abs(float(test.delta))

    def settled(more):
        units = tuple(n + more for n in test.units)
        se, df = _standard_error(tuple(map(np.asarray, test.variances)), units, test.paired)
        se = float(se) * wider
        return max(power_to_find(delta, se, df, tests, threshold),
                   power_to_clear(delta, se, df, threshold)) >= POWER

    if not settled(MOST_ROUNDS):
        return None
    low, high = 0, MOST_ROUNDS
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if settled(middle) else (middle, high)
    return high
