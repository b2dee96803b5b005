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


@lru_cache(maxsize=4096)
def _t_quantile(probability, df):
    return float(special.stdtrit(df, probability))


@lru_cache(maxsize=4096)
def _spreads(df):
    """What a standard error estimated with `df` degrees of freedom may come out as, of 1."""
    return np.sqrt(special.chdtri(df, 1 - (np.arange(_NODES) + 0.5) / _NODES) / df)


def t_quantile(probability, df):
    different, place = _rounded(df)
    return np.array([_t_quantile(probability, d) for d in different])[place]


def _rounded(df):
    """The different ones, and which of them each is: of a thousand tests there are a dozen."""
    return np.unique(np.maximum(np.round(np.atleast_1d(df)), 1), return_inverse=True)


def _noise(df):
    """What a standard error may come out as, one row per `df`; and Student's t for an interval."""
    different, place = _rounded(df)
    return np.stack([_spreads(d) for d in different])[place], t_quantile(0.975, df)[:, None]


class Power:
    """The chance that a slowdown is found `slower`: significant as the first of `tests`, and its
    whole interval beyond `threshold`, a logarithm. Of many ratios at once: `se`, `df`, `threshold`
    are arrays."""

    def __init__(self, se, df, tests, threshold):
        self._se, self._threshold = (np.atleast_1d(x)[:, None] for x in (se, threshold))
        spread, t = _noise(df)
        critical = t_quantile(1 - ALPHA / tests / 2, df)[:, None]
        with np.errstate(divide="ignore"):
            self._needed = np.maximum(critical * spread, self._threshold / self._se + t * spread)

    def of(self, delta):
        """Of slowdowns, one per ratio."""
        delta = np.atleast_1d(delta)[:, None]
        with np.errstate(divide="ignore", invalid="ignore"):
            found = special.ndtr(delta / self._se - self._needed).mean(axis=1)
        return np.where(self._se[:, 0] > 0, found, (delta > self._threshold)[:, 0])


def power_to_clear(delta, se, df, threshold):
    """The chance that a change of `delta` is found `same`: its whole interval inside."""
    delta, se, threshold = (np.atleast_1d(x)[:, None] for x in (delta, se, threshold))
    spread, t = _noise(df)
    half = t * spread
    with np.errstate(divide="ignore", invalid="ignore"):
        room = special.ndtr((threshold - delta) / se - half) - special.ndtr(
            (-threshold - delta) / se + half)
        found = np.maximum(room, 0).mean(axis=1)
    return np.where(se[:, 0] > 0, found, (np.abs(delta) < threshold)[:, 0])


def detectable(se, df, tests, threshold):
    """The smallest slowdowns (0.03 for 3%) that are found with POWER, of ratios as Power has them;
    NaN beyond LARGEST."""
    power = Power(se, df, tests, threshold)
    low = np.atleast_1d(threshold).astype(float)
    high = np.full_like(low, np.log(LARGEST))
    too_large = power.of(high) < POWER
    for _ in range(40):
        middle = (low + high) / 2
        missed = power.of(middle) < POWER
        low, high = np.where(missed, middle, low), np.where(missed, high, middle)
    return np.where(too_large, np.nan, np.expm1(high))


def more_rounds(tested, wider, tests, threshold):
    """How many more units per side settle it with POWER if change and noise stay as they look now,
    of Tests; NaN where MOST_ROUNDS do not. `wider`: the bootstrap's standard error divided by the
    test's."""
    delta = np.array([abs(float(test.delta)) for test in tested])
    variances, units = (np.array([getattr(test, name) for test in tested], dtype=float).T
                        for name in ("variances", "units"))
    paired = np.array([test.paired for test in tested])
    wider, threshold = np.atleast_1d(wider), np.atleast_1d(threshold)

    def settled(more):
        se, df = np.where(paired, _standard_error(variances, units + more, True),
                          _standard_error(variances, units + more, False))
        se = se * wider
        return np.maximum(Power(se, df, tests, threshold).of(delta),
                          power_to_clear(delta, se, df, threshold)) >= POWER

    low, high = (np.full(len(tested), n) for n in (0, MOST_ROUNDS))
    never = ~settled(high)
    while (high - low > 1).any():
        middle = (low + high) // 2
        enough = settled(middle)
        low, high = np.where(enough, low, middle), np.where(enough, middle, high)
    return np.where(never, np.nan, high)
