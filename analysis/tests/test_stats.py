import math

import numpy as np
import pytest

import synthetic
from forkcost import stats


@pytest.mark.parametrize("n", [1, 2, 3, 10, 99, 100, 101])
@pytest.mark.parametrize("q", [0.1, 0.5, 0.9, 0.99, 1.0])
def test_quantiles_are_values_that_were_seen(n, q):
    values = np.random.default_rng(n).permutation(n) * 3.0
    by_definition = min(v for v in values if np.mean(values <= v) >= q - 1e-12)
    assert stats.quantile(values, q) == by_definition
    assert stats.quantile(values, q) == np.quantile(values, q, method="inverted_cdf")


def rounds_around(rng, median, n_rounds=5, n_samples=20, between=0.03, within=0.04):
    return [median * np.exp(rng.normal(0, between) + rng.normal(0, within, n_samples))
            for _ in range(n_rounds)]


@pytest.mark.parametrize("n_rounds, between", [(4, 0.05), (5, 0.03), (8, 0.03)])
def test_the_interval_covers_the_truth_about_as_often_as_it_says(n_rounds, between):
    rng = np.random.default_rng(5)
    hits = 0
    for trial in range(150):
        replicates = stats.bootstrap_medians(rounds_around(rng, 100, n_rounds, between=between),
                                             replicates=400, seed=trial)
        low, high = stats.interval(replicates, n_rounds)
        hits += low <= 100 <= high
    assert 0.85 <= hits / 150 <= 1.0


def test_resampling_samples_alone_would_be_too_narrow():
    # One round's shift moves all of its samples: the interval must be about the rounds' spread.
    rng = np.random.default_rng(6)
    rounds = rounds_around(rng, 100, between=0.1, within=0.001)
    low, high = stats.interval(stats.bootstrap_medians(rounds), len(rounds))
    assert high - low > 0.5 * np.ptp([np.median(r) for r in rounds])


def test_bootstrap_is_repeatable_and_keeps_short_rounds_short():
    rounds = [np.full(3, 1.0), np.full(30, 2.0), np.full(3, 3.0)]
    once, again = stats.bootstrap_medians(rounds), stats.bootstrap_medians(rounds)
    assert (once == again).all()
    assert set(once) <= {1.0, 2.0, 3.0}
    # Drawing the long round once out of three already puts the median on it.
    assert np.mean(once == 2.0) == pytest.approx(1 - (2 / 3) ** 3, abs=0.05)


def test_too_few_rounds_give_no_interval():
    assert stats.interval(np.arange(100.0), 2) is None


def test_merging_histograms_adds_what_is_in_the_same_bin():
    merged = stats.merge_histograms([[[10, 11, 2], [20, 22, 1]], [[5, 6, 4], [10, 11, 3]]])
    assert merged.tolist() == [[5, 6, 4], [10, 11, 5], [20, 22, 1]]


def test_quantiles_of_a_histogram_are_within_a_bin_of_those_of_the_values():
    values = np.round(2000 * np.exp(np.random.default_rng(1).normal(0, 0.7, 50000)))
    merged = stats.merge_histograms([synthetic.histogram(part) for part in np.split(values, 5)])
    for q in (0.001, 0.1, 0.5, 0.9, 0.99, 1.0):
        assert stats.histogram_quantile(merged, q) == pytest.approx(stats.quantile(values, q),
                                                                    rel=0.009)
    x, share = stats.histogram_cdf(merged)
    assert share[-1] == 1
    at = np.searchsorted(x, 2000)
    assert share[at] == pytest.approx(np.mean(values < x[at]), abs=1e-9)


def test_quantiles_of_bins_one_wide_are_exact():
    assert stats.histogram_quantile(stats.merge_histograms([[[7, 8, 1], [9, 10, 1]]]),
                                    [0.5, 0.51]).tolist() == [7, 9]


def test_bootstrap_of_histograms_spans_the_rounds():
    histograms = [[[v, v + 1, 1000]] for v in (10, 20, 30)]
    replicates = stats.bootstrap_histogram_medians(histograms)
    assert set(replicates) == {10, 20, 30}


ROUNDS = [np.array([1.0, 5, 9]), np.array([2.0, 4, 30]), np.array([3.0, 3, 3])]
ESTIMATES = {"min": 1, "p10": 1, "p25": 3, "p50": 3, "mean": 60 / 9, "trimmed mean (10%)": 60 / 9,
             "min of round medians": 3, "median of round minima": 2, "median of round medians": 4}


@pytest.mark.parametrize("name", stats.ESTIMATORS)
def test_estimators(name):
    assert math.isclose(stats.ESTIMATORS[name](ROUNDS), ESTIMATES[name])
