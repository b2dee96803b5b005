"""A cost as a straight line over something that can be counted: what there is to pay before the
first one, and for one more. Mostly nanoseconds over the bytes of resident size."""

from dataclasses import dataclass

import numpy as np

from forkcost import stats
from forkcost.units import GIB

BREAK = 0.15  # a point or the last slope this far off (relative) means: not one straight line


@dataclass(frozen=True)
class Line:
    """`slope` in ns per byte, `intercept` in ns, of the line through the medians; for other costs
    and counts in their units. Intervals are (low, high), 95%, or None with too few rounds. `sizes`:
    the bytes, or the counts, ascending. `residuals`: measured divided by fitted, minus 1, one per
    size (for Combined: relative to their scale). `bend_interval`: of `last_slope` / `slope`; None
    with too few rounds or fewer than three sizes."""

    slope: float
    intercept: float
    slope_interval: tuple | None
    sizes: np.ndarray
    medians: np.ndarray
    residuals: np.ndarray
    bend_interval: tuple | None = None

    def predict(self, n_bytes):
        return self.intercept + self.slope * n_bytes

    @property
    def ms_per_gib(self):
        return self.slope * GIB / 1e6

    @property
    def ms_per_gib_interval(self):
        return self.slope_interval and tuple(b * GIB / 1e6 for b in self.slope_interval)

    def us_per_page(self, page_size):
        return self.slope * page_size / 1e3

    @property
    def rises(self):
        """Whether the cost grows with size at all: its slope's interval is above 0, and the growth
        over the measured sizes is more than a tenth of the cost."""
        sure = self.slope_interval is None or self.slope_interval[0] > 0
        return bool(sure and self.slope * np.ptp(self.sizes) > 0.1 * self.medians.min())

    def passes(self, ns):
        """The size in bytes at which the line passes `ns`; 0 if it starts above, None if it does
        not rise."""
        if self.intercept >= ns:
            return 0.0
        return (ns - self.intercept) / self.slope if self.rises else None

    @property
    def last_slope(self):
        """From the last size but one to the last."""
        return float(np.diff(self.medians[-2:])[0] / np.diff(self.sizes[-2:])[0])

    @property
    def bends(self):
        """Whether from the last size but one to the last it surely rises otherwise than the line,
        by more than BREAK: the weights let the small sizes decide, and residuals hide it."""
        if self.bend_interval is None or not self.rises:
            return False
        low, high = self.bend_interval
        return abs(self.last_slope / self.slope - 1) > BREAK and not low <= 1 <= high

    @property
    def breaks_at(self):
        """The size with the largest residual if that is more than BREAK, else None. Two points
        always lie on a line: None."""
        worst = int(np.argmax(np.abs(self.residuals)))
        return float(self.sizes[worst]) if abs(self.residuals[worst]) > BREAK else None


@dataclass(frozen=True)
class Combined:
    """Medians of Quantities added, as a point of a line. `terms`: ((factor, Quantity), …).
    `weigh_as`: the cost that noise and residuals are relative to; else that of the terms which are
    added, as a difference of two has their noise."""

    terms: tuple
    weigh_as: float | None = None

    def quantile(self, q):
        return sum(factor * quantity.quantile(q) for factor, quantity in self.terms)

    @property
    def median_replicates(self):
        return sum(factor * quantity.median_replicates for factor, quantity in self.terms)

    @property
    def by_round(self):
        return min((quantity.by_round for _, quantity in self.terms), key=len)

    @property
    def scale(self):
        if self.weigh_as is not None:
            return self.weigh_as
        return sum(factor * quantity.quantile(0.5) for factor, quantity in self.terms if factor > 0)


def fit(points, from_zero=False):
    """The Line through [(bytes or count, Quantity or Combined)]; None with fewer than two
    different counts. Those of 0 only if `from_zero`: an empty arena has other costs (no tables),
    but no library at all is a point of the line like others.

    Least squares of the relative residuals: noise grows with the cost, and without the weights the
    largest size alone would decide.
    """
    points = sorted((p for p in points if p[0] > 0 or from_zero), key=lambda p: p[0])
    sizes = np.array([p[0] for p in points], dtype=float)
    if len(np.unique(sizes)) < 2:
        return None
    medians = np.array([q.quantile(0.5) for _, q in points])
    scales = np.array([getattr(q, "scale", np.nan) for _, q in points])
    slope, intercept = weighted_lines(sizes, medians[None, :], scales)
    n_rounds = min(len(q.by_round) for _, q in points)
    interval = bend = None
    if n_rounds >= stats.MIN_ROUNDS:
        replicates = np.column_stack([q.median_replicates for _, q in points])
        slopes, _ = weighted_lines(sizes, replicates, scales)
        interval = stats.interval(slopes, n_rounds)
        bend = _bend(sizes, replicates, slopes, n_rounds)
    fitted = intercept[0] + slope[0] * sizes
    return Line(float(slope[0]), float(intercept[0]), interval, sizes, medians,
                _relative(medians - fitted, np.where(np.isnan(scales), fitted, scales)), bend)


def _bend(sizes, replicates, slopes, n_rounds):
    """The interval of the last slope, divided by the line's."""
    if len(np.unique(sizes)) < 3 or sizes[-1] == sizes[-2]:
        return None
    last = (replicates[:, -1] - replicates[:, -2]) / (sizes[-1] - sizes[-2])
    return stats.interval(np.divide(last, slopes, out=np.ones_like(last), where=slopes != 0),
                          n_rounds)


def _relative(residuals, scales):
    """A residual of nothing is 0, whatever the scale: bytes may all be 0."""
    return np.divide(residuals, scales, out=np.zeros_like(residuals), where=scales != 0)


def weighted_lines(x, rows, scales):
    """(slopes, intercepts) of the lines through x and each row of `rows`, weights 1/y², or
    1/scale² where there is one."""
    weights = 1 / np.maximum(np.where(np.isnan(scales), rows, scales), 1) ** 2
    total = weights.sum(axis=1)
    mean_x = (weights * x).sum(axis=1) / total
    mean_y = (weights * rows).sum(axis=1) / total
    spread = x - mean_x[:, None]
    slopes = (weights * spread * (rows - mean_y[:, None])).sum(axis=1) / (
        weights * spread**2).sum(axis=1)
    return slopes, mean_y - slopes * mean_x
