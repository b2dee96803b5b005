"""A cost as a straight line over resident size: ns before the first page, and ns per byte."""

from dataclasses import dataclass

import numpy as np

from forkcost import stats
from forkcost.units import GIB

BREAK = 0.15  # a point this far from the line (relative) means: not one straight line


@dataclass(frozen=True)
class Line:
    """`slope` in ns per byte, `intercept` in ns: of the line through the medians of the heap sizes
    above 0. Intervals are (low, high), 95%, or None with too few rounds. `residuals`: measured
    divided by fitted, minus 1, one per size."""

    slope: float
    intercept: float
    slope_interval: tuple | None
    intercept_interval: tuple | None
    sizes: np.ndarray
    medians: np.ndarray
    residuals: np.ndarray

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
    def breaks_at(self):
        """The size with the largest residual if that is more than BREAK, else None. Two points
        always lie on a line: None."""
        worst = int(np.argmax(np.abs(self.residuals)))
        return float(self.sizes[worst]) if abs(self.residuals[worst]) > BREAK else None


def fit(points):
    """The Line through [(bytes, Quantity)], sizes of 0 left out (an empty arena has other costs:
    no tables); None with fewer than two sizes.

    Least squares of the relative residuals: noise grows with the cost, and without the weights the
    largest size alone would decide.
    """
    points = sorted((p for p in points if p[0] > 0), key=lambda p: p[0])
    sizes = np.array([p[0] for p in points], dtype=float)
    if len(np.unique(sizes)) < 2:
        return None
    medians = np.array([q.quantile(0.5) for _, q in points])
    slope, intercept = _weighted_lines(sizes, medians[None, :])
    n_rounds = min(len(q.histograms or q.rounds) for _, q in points)
    intervals = [None, None]
    if n_rounds >= stats.MIN_ROUNDS:
        replicates = np.column_stack([q.median_replicates for _, q in points])
        intervals = [stats.interval(r, n_rounds) for r in _weighted_lines(sizes, replicates)]
    fitted = intercept[0] + slope[0] * sizes
    return Line(float(slope[0]), float(intercept[0]), *intervals, sizes, medians,
                medians / fitted - 1)


def _weighted_lines(x, rows):
    """(slopes, intercepts) of the lines through x and each row of `rows`, weights 1/y²."""
    weights = 1 / np.maximum(rows, 1) ** 2
    total = weights.sum(axis=1)
    mean_x = (weights * x).sum(axis=1) / total
    mean_y = (weights * rows).sum(axis=1) / total
    spread = x - mean_x[:, None]
    slopes = (weights * spread * (rows - mean_y[:, None])).sum(axis=1) / (
        weights * spread**2).sum(axis=1)
    return slopes, mean_y - slopes * mean_x
