"""The statistics of comparing, on simulated data of which the truth is known: heavy tails, cases of two
modes, rounds that are bad, few rounds."""

import numpy as np
import pytest
from scipy import stats as scipy_stats

from forkcost.compare import statistics
from forkcost.compare.statistics import Sample, Test

ROUND, SAMPLE = 0.025, 0.04  # noise between and within rounds as on a small virtual machine
N_SAMPLES = 10
KINDS = ("normal", "heavy", "bimodal", "bad")


def simulated(rng, cases, n_rounds, change=1.0, kind="normal", spread=0.35):
    """Rounds' medians (cases, rounds) with noise that differs from case to case. `heavy`: Student's
    with three degrees of freedom; `bimodal`: in a tenth of the cases 30% of the rounds are a fifth
    slower; `bad`: in a tenth of the cases one round is twice as slow."""
    noise = ROUND * np.exp(np.random.default_rng(1).normal(0, spread, cases))[:, None]
    draw = {"heavy": lambda shape: rng.standard_t(3, shape) / np.sqrt(3)}.get(
        kind, lambda shape: rng.normal(0, 1, shape))
    logs = noise * draw((cases, n_rounds))
    marked = np.arange(cases) % 10 == 0
    if kind == "bimodal":
        logs[marked] += np.where(rng.random((marked.sum(), n_rounds)) < 0.3, 0.2, 0)
    if kind == "bad":
        logs[marked, rng.integers(n_rounds)] += np.log(2)
    logs += rng.normal(0, SAMPLE / np.sqrt(N_SAMPLES), logs.shape)
    return np.log(change) + logs


def moderated(base, new, paired=False):
    """Moderated, as a comparison does."""
    tests = [statistics.t_test(b, n, paired) for b, n in zip(base, new)]
    return statistics.moderated(tests, [0] * len(tests))


def most(share, repeats):
    """More than this has a chance of less than one in a thousand."""
    return scipy_stats.binom.ppf(0.999, repeats, share)


def least(share, repeats):
    return scipy_stats.binom.ppf(0.001, repeats, share)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("n_rounds, paired, error", [
    (3, False, 0.1), (5, False, 0.08), (10, False, 0.06), (25, False, 0.05), (10, True, 0.06),
    (25, True, 0.05)])
def test_among_36_cases_one_is_found_for_nothing_in_5_percent(kind, n_rounds, paired, error):
    """With few rounds what other cases tell of the noise costs some of that: see
    statistics.Usual."""
    rng = np.random.default_rng(20240501)
    repeats = 400
    false = 0
    for _ in range(repeats):
        base, new = (simulated(rng, 36, n_rounds, kind=kind) for _ in "ab")
        false += (statistics.holm([t.p for t in moderated(base, new, paired)]) < 0.05).any()
    assert false <= most(error, repeats)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("paired", [False, True])
def test_intervals_cover(kind, paired):
    """93 to 97% from ten rounds on; with three at least 90."""
    rng = np.random.default_rng(4)
    for n_rounds, low, high in ((3, 0.90, 0.99), (10, 0.93, 0.97), (25, 0.93, 0.97), (40, 0.93, 0.97)):
        covered = []
        for _ in range(60):
            base, new = (simulated(rng, 36, n_rounds, change, kind) for change in (1, 1.1))
            covered += [a <= np.log(1.1) <= b
                        for a, b in (t.interval() for t in moderated(base, new, paired))]
        assert low <= np.mean(covered) <= high, n_rounds


def test_what_other_cases_tell_makes_three_rounds_worth_something():
    rng = np.random.default_rng(5)
    alone = with_others = 0
    for _ in range(40):
        base, new = (simulated(rng, 36, 3, change) for change in (1, 1.15))
        plain = [statistics.t_test(b, n) for b, n in zip(base, new)]
        alone += (statistics.holm([t.p for t in plain]) < 0.05).sum()
        with_others += (statistics.holm([t.p for t in moderated(base, new)]) < 0.05).sum()
    assert with_others > 2 * alone + 100


def test_what_is_usual_is_found_again():
    rng = np.random.default_rng(6)
    for df, spread in ((4, 0.0), (4, 0.5), (20, 0.5)):
        true = 0.02 * np.exp(rng.normal(0, spread, 2000))
        samples = [Sample(0, v, df, df + 1) for v in true**2 * rng.chisquare(df, 2000) / df]
        found = statistics.usual(samples)
        assert np.sqrt(found.variance) == pytest.approx(0.02, rel=0.2)
        assert found.df > 50 if spread == 0 else 1 < found.df < 6
    assert statistics.usual(samples[:7]) is None


def test_a_case_of_another_kind_keeps_its_own_variance():
    usual = statistics.Usual(0.02**2, 40)
    wild = Sample(0, 0.5**2, 4, 5)
    assert usual.moderated(wild, 100).variance > 0.9 * wild.variance
    assert usual.moderated(wild, 100).df < 4.1
    quiet = usual.moderated(Sample(0, 0.015**2, 4, 5), 100)
    assert quiet.df == 8 and 0.015 < np.sqrt(quiet.variance) < 0.02


def test_one_bad_round_of_ten_decides_nothing():
    rng = np.random.default_rng(7)
    base, new = rng.normal(0, 0.01, (2, 10))
    sane = statistics.t_test(base, new)
    new[3] += 5
    bad = statistics.t_test(base, new)
    assert abs(bad.delta - sane.delta) < 0.02 and bad.p > 0.01
    few = statistics.t_test(base[:5], new[:5])  # nothing is left out of five: it is in the error
    assert few.p > 0.05 and few.error[0] > 0.5


@pytest.mark.parametrize("n_rounds, level", [(30, 0.05), (30, 0.05 / 36), (10, 0.01 / 36)])
def test_a_slowdown_that_is_called_detectable_is_found_so_often(n_rounds, level):
    rng = np.random.default_rng(77)
    threshold, repeats, cases = float(np.log1p(0.005)), 60, 10
    base, new = (simulated(rng, 200, n_rounds, spread=0) for _ in "ab")
    promised = np.median([statistics.detectable(t.error, level, threshold)
                          for t in moderated(base, new)])

    def found(change):
        tests = [t for _ in range(repeats) for t in moderated(
            *(simulated(rng, cases, n_rounds, c, spread=0) for c in (1, change)))]
        return np.mean([t.p < level and t.delta >= threshold for t in tests])
    margin = 3 * np.sqrt(0.16 / (repeats * cases))
    assert abs(found(1 + promised) - statistics.POWER) < margin + 0.05  # the error is estimated too
    assert found(1 + promised / 3) < 0.5


def test_so_many_more_units_settle_it():
    rng = np.random.default_rng(8)
    level, threshold = 0.01 / 36, float(np.log1p(0.01))
    pilots = []
    while len(pilots) < 25:
        test = statistics.t_test(*(simulated(rng, 1, 10, c, spread=0)[0] for c in (1, 1.03)))
        if test.p > level and 0.025 < test.delta < 0.035:
            pilots.append(statistics.more_units(test, level, threshold))
    needed = 10 + int(np.median(pilots))

    def found(n):
        tests = [statistics.t_test(*(simulated(rng, 1, n, c, spread=0)[0] for c in (1, 1.03)))
                 for _ in range(200)]
        return np.mean([t.p < level and t.delta >= threshold for t in tests])
    assert found(needed) > 0.65 and found(10) < 0.4


def test_on_the_threshold_or_between_runs_no_number_of_rounds_settles_it():
    sample = Sample(0, 0.02**2, 4, 5)
    assert statistics.more_units(Test(np.log(1.05), (sample,)), 0.05, np.log(1.05)) is None
    assert statistics.more_units(Test(np.log(1.08), (sample,)), 0.05, np.log(1.05)) < 100
    between = ((0.03**2, 10),)
    assert statistics.more_units(Test(np.log(1.08), (sample,), between), 0.05, np.log(1.05)) is None


def test_pairs_find_what_common_drift_hides():
    rng = np.random.default_rng(2)
    drift = rng.normal(0, 0.2, (36, 10))
    base, new = simulated(rng, 36, 10) + drift, simulated(rng, 36, 10, 1.1) + drift
    found = [sum(p < 0.01 for p in statistics.holm([t.p for t in moderated(base, new, paired)]))
             for paired in (True, False)]
    assert found[0] > 18 and found[1] == 0


def test_what_moved_between_runs_is_in_the_error():
    base, new = np.random.default_rng(3).normal(0, 0.001, (2, 20))
    rounds = statistics.t_test(base, new + 0.05)
    assert rounds.p < 1e-6
    runs = Test(rounds.delta, rounds.samples, ((2 * 0.03**2, 9),))
    assert runs.p > 0.1 and runs.error[1] == pytest.approx(9, rel=0.1)


def test_holm_is_holm():
    assert statistics.holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert statistics.holm([0.9, 0.8]) == pytest.approx([1, 1])
    assert len(statistics.holm([])) == 0


def test_false_discoveries_are_benjaminis_and_hochbergs():
    p = [0.01, 0.02, 0.03, 0.5]
    assert statistics.benjamini_hochberg(p) == pytest.approx([0.04, 0.04, 0.04, 0.5])
    assert statistics.benjamini_hochberg(p[::-1]) == pytest.approx([0.5, 0.04, 0.04, 0.04])
    assert len(statistics.benjamini_hochberg([])) == 0


def test_no_spread_is_no_nonsense():
    equal, other = np.log(np.full(3, 100.0)), np.log(np.full(3, 101.0))
    assert statistics.t_test(equal, equal).p == 1 and statistics.t_test(equal, other).p == 0
    assert statistics.t_test(equal, other, floor=1e-4).p > 0.01
    assert statistics.detectable((0.0, 4), 0.05, np.log(1.05)) == pytest.approx(0.05)
