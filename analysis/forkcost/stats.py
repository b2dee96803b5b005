"""Quantiles, intervals and estimators. Arrays are one-dimensional and in the quantity's unit.

`rounds` is always a sequence with one array per round: the round is the unit of replication,
and samples of one round are no substitute for another round.
"""

import numpy as np
from scipy import stats as scipy_stats

REPLICATES = 1000
MIN_ROUNDS = 3  # fewer give no interval


def quantile(values, q):
    """Nearest-rank quantile(s): the smallest value that a share of at least `q` does not exceed."""
    return np.quantile(values, q, method="inverted_cdf")


def bootstrap_medians(rounds, replicates=REPLICATES, seed=0):
    """`replicates` medians of resampled rounds, and of samples resampled within each of them."""
    rng = np.random.default_rng(seed)
    sizes = np.array([len(r) for r in rounds])
    longest = sizes.max()
    padded = np.full((len(rounds), longest), np.nan)
    for row, values in zip(padded, rounds):
        row[: len(values)] = values
    if np.nanmin(padded) == np.nanmax(padded):  # counts mostly: whatever is drawn
        return np.full(replicates, np.nanmin(padded))
    picked = rng.integers(len(rounds), size=(replicates, len(rounds)))
    picked_sizes = sizes[picked]
    within = rng.random((replicates, len(rounds), longest)) * picked_sizes[..., None]
    drawn = padded[picked[..., None], within.astype(np.intp)]
    drawn[np.arange(longest) >= picked_sizes[..., None]] = np.nan  # a short round stays short
    middle = np.ceil(picked_sizes.sum(axis=1) / 2).astype(np.intp) - 1
    # Sorted only as far as the medians need; NaN is last.
    drawn = np.partition(drawn.reshape(replicates, -1), np.unique(middle), axis=1)
    return drawn[np.arange(replicates), middle]


def bootstrap_histogram_medians(histograms, replicates=REPLICATES, seed=0):
    """The same for histograms. Only rounds are resampled: a round has thousands of values, its
    own sampling error is far below the bins' width."""
    rng = np.random.default_rng(seed)
    merged = merge_histograms(histograms)
    place = {(low, high): i for i, (low, high, _) in enumerate(merged)}
    counts = np.zeros((len(histograms), len(merged)))
    for row, histogram in zip(counts, histograms):
        for low, high, count in histogram:
            row[place[low, high]] += count
    weights = rng.multinomial(len(histograms), np.full(len(histograms), 1 / len(histograms)),
                              size=replicates)
    cumulative = np.cumsum(weights @ counts, axis=1)
    bins = np.argmax(cumulative >= np.ceil(cumulative[:, -1:] / 2), axis=1)
    return bin_values(merged)[bins]


def interval(replicates, n_rounds, level=0.95, df=None):
    """(low, high) of bootstrap replicates along their first axis; None below MIN_ROUNDS rounds.
    `df`: degrees of freedom where there are more than of one set of rounds.

    A plain percentile interval of four or five rounds is too narrow. The levels are therefore
    expanded by Student's t (Hesterberg, "What Teachers Should Know About the Bootstrap", 2015).
    """
    if n_rounds < MIN_ROUNDS:
        return None
    t = scipy_stats.t.ppf((1 - level) / 2, df or n_rounds - 1)
    tail = scipy_stats.norm.cdf(t * np.sqrt(n_rounds / (n_rounds - 1)))
    low, high = np.quantile(replicates, [tail, 1 - tail], axis=0)
    return low, high


def merge_histograms(histograms):
    """One histogram, an array of rows (low, high, count) sorted by low, of several."""
    rows = np.concatenate([np.asarray(h, dtype=float).reshape(-1, 3) for h in histograms])
    edges, inverse = np.unique(rows[:, :2], axis=0, return_inverse=True)
    return np.column_stack([edges, np.bincount(inverse.ravel(), weights=rows[:, 2])])


def bin_values(histogram):
    """The middle of the whole numbers in low <= value < high (exact for bins of 1)."""
    low, high = histogram[:, 0], histogram[:, 1]
    return low + np.maximum(high - low - 1, 0) / 2


def histogram_quantile(histogram, q):
    """Nearest-rank quantile(s) of a merged histogram, to half a bin."""
    cumulative = np.cumsum(histogram[:, 2])
    rank = np.maximum(np.ceil(np.asarray(q) * cumulative[-1] - 1e-9), 1)
    return bin_values(histogram)[np.searchsorted(cumulative, rank)]


def histogram_cdf(histogram):
    """(x, share): the share of values below x, at the upper edge of every bin."""
    return histogram[:, 1], np.cumsum(histogram[:, 2]) / histogram[:, 2].sum()


def _over_all(estimate):
    return lambda rounds: estimate(np.concatenate(rounds))


ESTIMATORS = {  # name -> function of rounds
    "min": _over_all(np.min),
    "p10": _over_all(lambda v: quantile(v, 0.10)),
    "p25": _over_all(lambda v: quantile(v, 0.25)),
    "p50": _over_all(lambda v: quantile(v, 0.50)),
    "mean": _over_all(np.mean),
    "trimmed mean (10%)": _over_all(lambda v: scipy_stats.trim_mean(v, 0.1)),
    "min of round medians": lambda rounds: min(quantile(r, 0.5) for r in rounds),
    "median of round minima": lambda rounds: quantile([np.min(r) for r in rounds], 0.5),
    "median of round medians": lambda rounds: quantile([quantile(r, 0.5) for r in rounds], 0.5),
}
