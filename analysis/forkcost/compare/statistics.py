"""The statistics of comparing: trimmed means and their tests, what other cases tell of a variance,
corrections, and what a number of units can find. Knows no file.

What is compared is a cost's logarithm, so that 5% more and 5% less are equally far away.
"""

from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
from scipy import special

LEVEL = 0.95  # of an interval that is shown
POWER = 0.8
TRIM = 0.1  # of the units are left out at either end: from ten on, one bad round decides nothing
MOST_ROUNDS = 1000  # more than these nobody will measure
LARGEST = 100.0  # slowdowns beyond this factor are not worth a promise
WIDEST = 300.0  # half of an interval of logarithms that a number can still hold
_NODES = 64
FEW = 8  # variances that say what variances are usual
_MOST_DF = 100.0  # of what is usual: more would be certainty
_HALVINGS = 40


@dataclass(frozen=True)
class Sample:
    """Units of one side, or differences of pairs, of logarithms. `mean`: trimmed; `variance`: such
    that `variance / n` is the mean's; `n`: units that are not trimmed away (Yuen, "The two-sample
    trimmed t for unequal population variances", Biometrika 1974)."""

    mean: float
    variance: float
    df: float
    n: int

    @classmethod
    def of(cls, values, floor=0.0, lost=0.0):
        """`floor`: the least variance that a unit can have; `lost`: degrees of freedom that went into
        the values."""
        ordered = np.sort(values)
        cut, n = int(TRIM * len(ordered)), len(ordered)
        kept = n - 2 * cut
        winsorized = ordered.clip(ordered[cut], ordered[n - cut - 1]).var(ddof=1)
        return cls(float(ordered[cut:n - cut].mean()),
                   float(winsorized * (n - 1) / (kept - 1) + floor), max(kept - 1 - lost, 1.0), kept)


@dataclass(frozen=True)
class Test:
    """`delta`: new less base. `samples`: of base and new; of pairs one. `between`: [(variance,
    degrees of freedom)] of what moved between the runs, of which their units know nothing."""

    delta: float
    samples: tuple
    between: tuple = ()

    @property
    def paired(self):
        return len(self.samples) == 1

    def parts(self, more=0):
        """[(variance of the mean, degrees of freedom)], with so many more units on each side."""
        return [*((s.variance / (s.n + more), s.df + more) for s in self.samples), *self.between]

    @property
    def error(self):
        """(standard error, degrees of freedom)."""
        return _error(self.parts())

    @property
    def p(self):
        se, df = self.error
        if se == 0:
            return 0.0 if self.delta else 1.0
        return float(2 * special.stdtr(df, -abs(self.delta) / se))

    def interval(self, level=LEVEL):
        """(low, high) of the logarithm."""
        se, df = self.error
        half = min(t_quantile((1 + level) / 2, df) * se, WIDEST)
        return self.delta - half, self.delta + half


def t_test(base, new, paired=False, floor=0.0, lost=0.0, prior=None):
    """The Test of units' logarithms. `lost`: slopes that were fitted to them; `prior`: the Usual that says
    their variance, where they are too few to say it."""
    if prior is not None:
        return _by_prior(base, new, paired, prior)
    if paired:
        samples = (Sample.of(new - base, 2 * floor, lost),)
        return Test(samples[0].mean, samples)
    samples = (Sample.of(base, floor, lost / 2), Sample.of(new, floor, lost / 2))
    return Test(samples[1].mean - samples[0].mean, samples)


def _by_prior(base, new, paired, prior):
    """Pairs are taken for as far apart as any two units."""
    if paired:
        samples = (Sample(float((new - base).mean()), 2 * prior.variance, prior.df, len(new)),)
        return Test(samples[0].mean, samples)
    # One variance, unknown as such, is in both: each side has a half of its degrees of freedom.
    samples = tuple(Sample(float(x.mean()), prior.variance, prior.df / 2, len(x)) for x in (base, new))
    return Test(samples[1].mean - samples[0].mean, samples)


def deviation(values):
    """The standard deviation of normal values, by the median absolute one: a few bad ones say nothing."""
    return float(1.4826 * np.median(np.abs(values - np.median(values))))


def _error(parts):
    """Satterthwaite's."""
    total = sum(variance for variance, _ in parts)
    below = sum(variance**2 / df for variance, df in parts)
    if below == 0:  # nothing varies, or by less than a number can tell
        return np.sqrt(total), sum(df for _, df in parts)
    return np.sqrt(total), total**2 / below


@dataclass(frozen=True)
class Usual:
    """What variances are usual of a kind of figure, as good as so many degrees of freedom."""

    variance: float
    df: float

    def moderated(self, sample, others):
        """A Sample whose variance is drawn towards the usual one, by less where it is larger than
        chance could make one of so many `others`: that is of another kind (a case of two modes).
        The usual one weighs half of what the variances say of themselves, and no more than the
        sample's own: with all of it, as the method has it, three rounds of 36 cases found something
        in 21% of comparisons in which there was nothing, in place of 5%; so in 1 to 8%."""
        above = special.fdtrc(sample.df, self.df, sample.variance / self.variance)
        df = min(self.df / 2, sample.df) * min(1.0, above * others)
        variance = (df * self.variance + sample.df * sample.variance) / (df + sample.df)
        return replace(sample, variance=float(variance), df=df + sample.df)


def usual(samples):
    """The Usual of Samples of one kind, or None of too few. By moments of the variances' logarithms
    (Smyth, "Linear models and empirical Bayes methods", 2004), winsorized: a few cases of another
    kind must not say what is usual (Phipson et al., "Robust hyperparameter estimation", 2016)."""
    found = np.array([(s.variance, s.df) for s in samples if s.variance > 0]).reshape(-1, 2)
    if len(found) < FEW:
        return None
    variances, df = found.T
    logs = np.log(variances) - special.digamma(df / 2) + np.log(df / 2)
    logs = logs.clip(*np.quantile(logs, [0.05, 0.9]))
    beyond = logs.var(ddof=1) - special.polygamma(1, df / 2).mean()
    prior = min(2 * _inverse_trigamma(beyond), _MOST_DF) if beyond > 0 else _MOST_DF
    return Usual(float(np.exp(logs.mean() + special.digamma(prior / 2) - np.log(prior / 2))), prior)


def _inverse_trigamma(y):
    """By halving: trigamma falls from infinity to 0."""
    low, high = 1e-6, 1e6
    for _ in range(2 * _HALVINGS):
        middle = np.sqrt(low * high)
        low, high = (middle, high) if special.polygamma(1, middle) > y else (low, middle)
    return float(low)


def moderated(tests, kinds):
    """The Tests, each kind's Samples drawn towards what is usual of that kind."""
    of_kind = {}
    for test, kind in zip(tests, kinds):
        of_kind.setdefault(kind, []).extend(test.samples)
    found = {kind: (usual(samples), len(samples)) for kind, samples in of_kind.items()}
    made = []
    for test, kind in zip(tests, kinds):
        known, others = found[kind]
        made.append(test if known is None else replace(test, samples=tuple(
            known.moderated(s, others) for s in test.samples)))
    return made


def holm(p):
    """Holm's corrected p-values: an array in the order of `p`."""
    p = np.asarray(p, dtype=float)
    order = np.argsort(p, kind="stable")
    corrected = np.empty_like(p)
    corrected[order] = np.minimum(
        np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1)), 1.0)
    return corrected


def benjamini_hochberg(p):
    """p-values corrected for the false discovery rate: an array in the order of `p`."""
    p = np.asarray(p, dtype=float)
    order = np.argsort(p, kind="stable")[::-1]
    corrected = np.empty_like(p)
    corrected[order] = np.minimum.accumulate(
        np.minimum(p[order] * len(p) / np.arange(len(p), 0, -1), 1.0))
    return corrected


@lru_cache(maxsize=65536)
def _t_quantile(probability, df):
    return float(special.stdtrit(df, probability))


def t_quantile(probability, df):
    """Of Student's distribution; of whole degrees of freedom from ten on, as thousands ask."""
    return _t_quantile(probability, max(round(df) if df >= 10 else round(df, 1), 0.1))


@lru_cache(maxsize=4096)
def _spreads(df):
    """What a standard error estimated with `df` degrees of freedom may come out as, of 1."""
    return np.sqrt(special.chdtri(df, 1 - (np.arange(_NODES) + 0.5) / _NODES) / df)


def power(delta, error, level, threshold):
    """The chance that a change of `delta` is found: its p-value is below `level`, and the estimate
    is at least the threshold (a logarithm). `error`: (standard error, degrees of freedom)."""
    se, df = error
    if se == 0:
        return float(delta >= threshold)
    needed = np.maximum(t_quantile(1 - level / 2, df) * _spreads(max(round(df), 1)), threshold / se)
    return float(special.ndtr(delta / se - needed).mean())


def power_to_clear(delta, error, threshold):
    """The chance that a change of `delta` is found `same`: its whole interval inside."""
    se, df = error
    if se == 0:
        return float(abs(delta) < threshold)
    half = t_quantile((1 + LEVEL) / 2, df) * _spreads(max(round(df), 1))
    room = special.ndtr((threshold - delta) / se - half) - special.ndtr(
        (-threshold - delta) / se + half)
    return float(np.maximum(room, 0).mean())


def detectable(error, level, threshold):
    """The smallest slowdown (0.03 for 3%) that is found with POWER; None beyond LARGEST."""
    low, high = threshold, np.log(LARGEST)
    if power(high, error, level, threshold) < POWER:
        return None
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        if power(middle, error, level, threshold) < POWER:
            low = middle
        else:
            high = middle
    return float(np.expm1(high))


def more_units(test, level, threshold):
    """How many more units per side settle it with POWER if change and noise stay as they look now;
    None where MOST_ROUNDS do not: it lies on the threshold, or what moved between runs hides it."""
    def settled(more):
        error = _error(test.parts(more))
        return max(power(abs(test.delta), error, level, threshold),
                   power_to_clear(abs(test.delta), error, threshold)) >= POWER

    if not settled(MOST_ROUNDS):
        return None
    low, high = 0, MOST_ROUNDS
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if settled(middle) else (middle, high)
    return high
