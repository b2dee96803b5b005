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
    assert stats.quantile(values, q) == stats.Rounds.of([values]).estimate(q)


def test_a_quantile_is_the_same_of_one_round_and_of_several():
    values = np.arange(1.0, 101)
    of_rounds = stats.Rounds.of([values[::2], values[1::2]])
    shares = np.arange(1, 101) / 100  # 0.07 * 100 is a little above 7
    assert stats.quantile(values, shares).tolist() == values.tolist()
    assert of_rounds.estimate(shares).tolist() == values.tolist()


def replicates(rounds, seed=0, count=stats.REPLICATES):
    """Of the median, as a report draws them."""
    return stats.Rounds.of(rounds).replicates(
        0.5, stats.drawn_weights(len(rounds), (0, seed), count), (1, seed))


def plain_replicates(rounds, q, count, seed):
    """The same without any shortcut: rounds drawn again, then as many samples from each of them."""
    rng = np.random.default_rng(seed)
    found = []
    for _ in range(count):
        drawn = [rounds[i] for i in rng.integers(len(rounds), size=len(rounds))]
        found.append(stats.quantile(np.concatenate([rng.choice(r, len(r)) for r in drawn]), q))
    return np.array(found)


def rounds_around(rng, median, n_rounds=5, n_samples=20, between=0.03, within=0.04):
    return [median * np.exp(rng.normal(0, between) + rng.normal(0, within, n_samples))
            for _ in range(n_rounds)]


@pytest.mark.parametrize("n_rounds, between", [(4, 0.05), (5, 0.03), (8, 0.03)])
def test_the_interval_covers_the_truth_about_as_often_as_it_says(n_rounds, between):
    rng = np.random.default_rng(5)
    hits = 0
    for trial in range(150):
        low, high = stats.interval(replicates(rounds_around(rng, 100, n_rounds, between=between),
                                              trial, 400), n_rounds)
        hits += low <= 100 <= high
    assert 0.85 <= hits / 150 <= 1.0


def test_resampling_samples_alone_would_be_too_narrow():
    # One round's shift moves all of its samples: the interval must be about the rounds' spread.
    rng = np.random.default_rng(6)
    rounds = rounds_around(rng, 100, between=0.1, within=0.001)
    low, high = stats.interval(replicates(rounds), len(rounds))
    assert high - low > 0.5 * np.ptp([np.median(r) for r in rounds])


def test_bootstrap_is_repeatable_and_keeps_short_rounds_short():
    rounds = [np.full(3, 1.0), np.full(30, 2.0), np.full(3, 3.0)]
    once, again = replicates(rounds), replicates(rounds)
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
    histograms = [np.array(synthetic.histogram(part)) for part in np.split(values, 5)]
    merged = stats.merge_histograms(histograms)
    for q in (0.001, 0.1, 0.5, 0.9, 0.99, 1.0):
        assert stats.Rounds.of(histograms).estimate(q) == pytest.approx(
            stats.quantile(values, q), rel=0.009)
    x, share = stats.histogram_cdf(merged)
    assert share[-1] == 1
    at = np.searchsorted(x, 2000)
    assert share[at] == pytest.approx(np.mean(values < x[at]), abs=1e-9)


def test_quantiles_of_bins_one_wide_are_exact():
    assert stats.Rounds.of([np.array([[7, 8, 1], [9, 10, 1]])]).estimate(
        [0.5, 0.51]).tolist() == [7, 9]


def test_bootstrap_of_histograms_spans_the_rounds():
    histograms = [np.array([[v, v + 1, 1000]]) for v in (10, 20, 30)]
    assert set(replicates(histograms)) == {10, 20, 30}


def test_what_bisection_finds_is_what_a_search_of_all_values_finds():
    rng = np.random.default_rng(12)
    for n_values in (1, 2, 3, 4, 31, 32, 33, 400):
        rounds = stats.Rounds.of([rng.integers(n_values, size=n).astype(float)
                                  for n in (3, 40, 1, 25)])
        weights = stats.drawn_weights(4, n_values)
        totals = weights @ rounds.cumulative.T
        wanted = np.ceil(rng.random(len(weights)) * totals[:, -1])
        assert (rounds._first(weights, wanted)
                == np.argmax(totals >= wanted[:, None], axis=1)).all()


@pytest.mark.parametrize("q", [0.25, 0.5])
@pytest.mark.parametrize("between", [0.0, 0.03, 0.2])
def test_replicates_are_spread_as_those_of_samples_that_are_really_drawn(between, q):
    rounds = rounds_around(np.random.default_rng(14), 100, 6, 30, between)
    ours = stats.Rounds.of(rounds).replicates(
        q, stats.drawn_weights(6, 1, 4000), 2)
    plain = plain_replicates(rounds, q, 4000, 3)
    spread = np.quantile(plain, 0.975) - np.quantile(plain, 0.025)
    for share in (0.025, 0.25, 0.5, 0.75, 0.975):
        assert abs(np.quantile(ours, share) - np.quantile(plain, share)) < 0.06 * spread


ROUNDS = [np.array([1.0, 5, 9]), np.array([2.0, 4, 30]), np.array([3.0, 3, 3])]
ESTIMATES = {"min": 1, "p10": 1, "p25": 3, "p50": 3, "mean": 60 / 9, "trimmed mean (10%)": 60 / 9,
             "min of round medians": 3, "median of round minima": 2, "median of round medians": 4}


@pytest.mark.parametrize("name", stats.ESTIMATORS)
def test_estimators(name):
    assert math.isclose(stats.ESTIMATORS[name](ROUNDS), ESTIMATES[name])
