"""The statistics of comparing, on simulated data of which the truth is known."""

import numpy as np
import pytest
from scipy import stats as scipy_stats

from forkcost.compare import judge, statistics
from forkcost.compare.result import FASTER, SAME, SLOWER, UNCLEAR
from forkcost.stats import Rounds, drawn_weights

ROUND, SAMPLE = 0.025, 0.04  # noise between and within rounds as on a small virtual machine
N_SAMPLES = 10


def simulated(rng, shape, change=1.0):
    """Samples (…, rounds, samples) with round effects and a heavy tail."""
    effects = rng.normal(0, ROUND, (*shape, 1))
    samples = rng.normal(0, SAMPLE, (*shape, N_SAMPLES))
    tail = np.where(rng.random(samples.shape) < 0.02, rng.uniform(0.2, 1, samples.shape), 0)
    return change * np.exp(effects + samples + tail)


def estimates(samples):
    """Per round."""
    return np.quantile(samples, 0.5, axis=-1, method="inverted_cdf")


def verdict(base, new, test, p, tests, threshold=0.01, paired=False):
    """That of one case, by the same way as a file's."""
    sides = [Rounds.of(list(side)) for side in (base, new)]
    if paired:
        drawn = [side.of_units_again(0.5, (seed,)) for seed, side in enumerate(sides)]
        ratios = statistics.mean_of_pairs(drawn[1] / drawn[0])
    else:
        drawn = [side.replicates(0.5, drawn_weights(side.nested, seed), seed)
                 for seed, side in enumerate(sides)]
        ratios = drawn[1] / drawn[0]
    evidence = judge.Evidence(*(s.estimate(0.5) for s in sides), "ns", "p50", threshold, test=test,
                              replicates=ratios)
    return judge.judge([evidence], [p], tests)[0]


def part(test, index):
    return statistics.Test(test.delta[index], test.se[index], test.df[index], test.p[index],
                           tuple(v[index] for v in test.variances), test.units, test.paired)


@pytest.mark.parametrize("n_rounds, paired", [(5, False), (3, False), (5, True)])
def test_of_a_thousand_aa_comparisons_of_100_cases_at_most_5_percent_find_one(n_rounds, paired):
    """Holm alone decides which can: what is not significant is neither slower nor faster. The
    threshold of 0.01% makes it decide alone."""
    rng = np.random.default_rng(20240501)
    comparisons, cases, false = 1000, 100, 0
    for _ in range(comparisons):
        base, new = (simulated(rng, (cases, n_rounds)) for _ in "ab")
        test = statistics.t_test(*(np.log(estimates(s)) for s in (base, new)), paired=paired)
        corrected = statistics.holm(test.p)
        false += any(
            verdict(base[i], new[i], part(test, i), corrected[i], cases, 1e-4,
                    paired).verdict in (SLOWER, FASTER)
            for i in np.flatnonzero(corrected < statistics.ALPHA))
    # 50 are expected at most; more than this has a chance of less than one in a thousand.
    assert false <= scipy_stats.binom.ppf(0.999, comparisons, statistics.ALPHA)


def test_what_is_not_significant_has_no_change():
    rng = np.random.default_rng(3)
    base, new = simulated(rng, (5,)), simulated(rng, (5,), 1.5)
    test = statistics.t_test(*(np.log(estimates(s)) for s in (base, new)))
    assert verdict(base, new, test, 0.04, 1).verdict == SLOWER
    assert verdict(base, new, test, 0.06, 1).verdict == UNCLEAR
    assert verdict(new, base, statistics.t_test(*(np.log(estimates(s)) for s in (new, base))),
                   0.04, 1).verdict == FASTER


def true_error(n_rounds):
    """Of the difference of two sides' mean log medians, by simulation."""
    rng = np.random.default_rng(11)
    noise = np.log(estimates(simulated(rng, (4000, n_rounds)))).mean(axis=-1).std()
    return float(noise * np.sqrt(2))


def share_found(change, n_rounds, tests, threshold, repeats=300):
    rng = np.random.default_rng(77)
    found = 0
    for _ in range(repeats):
        base, new = simulated(rng, (n_rounds,)), simulated(rng, (n_rounds,), change)
        test = statistics.t_test(*(np.log(estimates(s)) for s in (base, new)))
        p = min(float(test.p) * tests, 1.0)  # the first step of Holm's: the hardest
        found += (p < statistics.ALPHA
                  and verdict(base, new, test, p, tests, threshold).verdict == SLOWER)
    return found / repeats


def margin(share, repeats=300):
    return 3 * np.sqrt(share * (1 - share) / repeats)


@pytest.mark.parametrize("n_rounds, tests", [(30, 1), (30, 100), (10, 100)])
def test_a_slowdown_that_is_called_detectable_is_found_so_often(n_rounds, tests):
    """With the error as the tool sees it: that of the test, or of the bootstrap where it is
    larger."""
    threshold = 0.005
    rng = np.random.default_rng(5)
    promised = []
    for _ in range(15):
        base, new = simulated(rng, (n_rounds,)), simulated(rng, (n_rounds,))
        test = statistics.t_test(*(np.log(estimates(s)) for s in (base, new)))
        promised.append(verdict(base, new, test, 1.0, tests, threshold).detectable)
    smallest = float(np.median(promised))
    assert share_found(1 + smallest, n_rounds, tests, threshold) >= statistics.POWER - margin(0.8)
    # It is no empty promise: the error alone says about the same.
    alone, = statistics.detectable(true_error(n_rounds), 2 * n_rounds - 2, tests,
                                   float(np.log1p(threshold)))
    assert alone * 0.9 < smallest < alone * 1.5
    assert share_found(1 + smallest / 3, n_rounds, tests, threshold) < 0.5


def test_a_planted_3_percent_is_found_with_as_many_rounds_as_are_promised():
    """From pilots of ten rounds in which it is unclear, to the number that more_rounds says."""
    rng = np.random.default_rng(8)
    threshold, tests, pilots = 0.005, 100, []
    while len(pilots) < 25:
        base, new = simulated(rng, (10,)), simulated(rng, (10,), 1.03)
        test = statistics.t_test(*(np.log(estimates(s)) for s in (base, new)))
        change = verdict(base, new, test, min(float(test.p) * tests, 1.0), tests, threshold)
        if change.verdict == UNCLEAR and 1.025 < change.ratio < 1.035:
            pilots.append(change.more_rounds)
    needed = 10 + int(np.median(pilots))
    assert share_found(1.03, needed, tests, threshold) >= statistics.POWER - margin(0.8)
    assert share_found(1.03, 10, tests, threshold) < 0.5


def test_pairs_find_what_common_drift_hides():
    rng = np.random.default_rng(2)
    drift = np.exp(rng.normal(0, 0.2, (100, 6, 1)))
    base, new = simulated(rng, (100, 6)) * drift, simulated(rng, (100, 6), 1.15) * drift
    logs = [np.log(estimates(s)) for s in (base, new)]
    found = []
    for paired in (True, False):
        test = statistics.t_test(*logs, paired=paired)
        p = statistics.holm(test.p)
        found.append(sum(verdict(base[i], new[i], part(test, i), p[i], 100, 0.02,
                                 paired).verdict == SLOWER for i in range(100)))
    assert found[0] > 50 and found[1] == 0


def test_intervals_cover():
    rng = np.random.default_rng(4)
    for n_rounds, paired in ((3, False), (5, False), (10, False), (3, True), (5, True)):
        covered = 0
        for _ in range(200):
            base, new = simulated(rng, (n_rounds,)), simulated(rng, (n_rounds,), 1.1)
            test = statistics.t_test(*(np.log(estimates(s)) for s in (base, new)), paired=paired)
            low, high = verdict(base, new, test, 1.0, 1, paired=paired).interval
            covered += low <= 1.1 <= high
        assert covered / 200 >= 0.95 - margin(0.95, 200)


def test_holm_is_holm():
    assert statistics.holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert statistics.holm([0.9, 0.8]) == pytest.approx([1, 1])
    assert len(statistics.holm([])) == 0


def test_same_needs_the_whole_interval_inside():
    rng = np.random.default_rng(6)
    base, new = simulated(rng, (10,)), simulated(rng, (10,))
    test = statistics.t_test(*(np.log(estimates(s)) for s in (base, new)))
    wide = verdict(base, new, test, 1.0, 1, 0.2)
    assert wide.verdict == SAME
    assert 1 / 1.2 < wide.interval[0] and wide.interval[1] < 1.2
    bound = max(wide.interval[1], 1 / wide.interval[0]) - 1
    assert verdict(base, new, test, 1.0, 1, bound * 1.01).verdict == SAME
    assert verdict(base, new, test, 1.0, 1, bound * 0.99).verdict == UNCLEAR


def test_on_the_threshold_no_number_of_rounds_settles_it():
    rng = np.random.default_rng(6)
    test = statistics.t_test(*(rng.normal(0, 0.02, 5) for _ in "ab"))
    at = statistics.Test(np.log(1.05), test.se, test.df, test.p, test.variances, test.units, False)
    assert np.isnan(statistics.more_rounds([at], 1.0, 1, np.log(1.05))).all()
    far = statistics.Test(np.log(1.08), test.se, test.df, test.p, test.variances, test.units, False)
    few, many = (statistics.more_rounds([far], 1.0, tests, np.log(1.05))[0] for tests in (1, 1000))
    assert 1 <= few <= many < 200


def test_rounds_of_samples_and_of_histograms_agree():
    rng = np.random.default_rng(9)
    rounds = [rng.integers(100, 140, 500).astype(float) for _ in range(4)]
    counted = [np.unique(r, return_counts=True) for r in rounds]
    histograms = [np.column_stack([v, v + 1, n]) for v, n in counted]
    a, b = Rounds.of(rounds), Rounds.of(histograms)
    for q in (0.0, 0.1, 0.5, 0.99):
        assert a.estimate(q) == b.estimate(q) == np.quantile(
            np.concatenate(rounds), q, method="inverted_cdf")
        assert list(a.of_units(q)) == list(b.of_units(q)) == [
            np.quantile(r, q, method="inverted_cdf") for r in rounds]


def test_files_as_units_carry_their_own_noise():
    """What all rounds of a file have in common is in the interval only where files are drawn."""
    rng = np.random.default_rng(10)
    files = rng.normal(0, 0.1, 4).repeat(5)
    rounds = [np.exp(f + rng.normal(0, 0.01, 20)) for f in files]
    widths = []
    for nested in ((5,) * 4, (1,) * 20):
        side = Rounds.of(rounds, nested)
        widths.append(np.log(side.replicates(0.5, drawn_weights(nested, 1), 1)).std())
        assert len(side.of_units(0.5)) == len(nested)
    assert widths[0] > 1.5 * widths[1]


def test_no_spread_is_no_nonsense():
    equal, other = np.log(np.full(3, 100.0)), np.log(np.full(3, 101.0))
    assert statistics.t_test(equal, equal).p == 1 and statistics.t_test(equal, other).p == 0
    assert statistics.t_test(equal, other, floor=1e-4).p > 0.01
    assert statistics.detectable(0.0, 4, 10, np.log(1.05)) == pytest.approx(0.05)
