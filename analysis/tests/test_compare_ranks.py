"""Values of 0 or below, which have no ratio: ranks, and figures in the quantity's unit."""

import itertools

import numpy as np
import pytest
from scipy import stats

import synthetic
from forkcost.compare import ranks
from forkcost.compare.phrases import statement
from forkcost.compare.result import FASTER, SAME, SLOWER, UNCLEAR
from test_compare import call, compared, files, interleaved

CASES = 24


def test_p_is_mann_and_whitneys():
    rng = np.random.default_rng(1)
    for n, m in ((3, 5), (8, 8), (12, 4)):
        base, new = rng.normal(0, 1, n), rng.normal(0.5, 1, m)
        expected = stats.mannwhitneyu(base, new, method="exact").pvalue
        assert ranks.test(base, new, False).p == pytest.approx(expected)
    many = ranks.test(rng.normal(0, 1, 40), rng.normal(1, 1, 40), False)
    assert many.p < 0.01 and many.direction == 1


def test_p_with_ties_is_the_share_of_all_divisions():
    base, new = np.array([0, 0, 0, 5, 0.0]), np.array([0, 7, 5, 9.0])
    both = stats.rankdata(np.concatenate([base, new]))
    middle = len(base) * both.mean()
    seen = abs(both[:5].sum() - middle)
    sums = [sum(c) for c in itertools.combinations(both, 5)]
    assert ranks.test(base, new, False).p == pytest.approx(
        np.mean([abs(s - middle) >= seen - 1e-9 for s in sums]))


def test_p_of_pairs_is_the_sign_tests():
    zeros = np.zeros(9)
    assert ranks.test(zeros, np.arange(9.0), True).p == pytest.approx(2 / 2**8)  # one is no difference
    assert ranks.test(zeros, zeros, True).p == 1 and ranks.test(zeros, zeros, False).p == 1
    assert ranks.test(np.arange(9.0) + 1, zeros, True).direction == -1


@pytest.mark.parametrize("paired", [True, False])
def test_so_many_more_units_are_news_if_they_go_on_like_this(paired):
    few = ranks.test(np.zeros(4), np.ones(4), paired)
    n = 4 + few.more(1e-3)
    assert ranks.test(np.zeros(n), np.ones(n), paired).p < 1e-3
    assert ranks.test(np.zeros(n - 1), np.ones(n - 1), paired).p >= 1e-3
    assert ranks.test(np.array([0, 2.0]), np.array([1, 3.0]), False).more(1e-3) is None


def document(*of_cases, better="lower", side=None):
    """A list of one value per round for each case."""
    m = synthetic.Maker(rounds=len(of_cases[0]))
    for i, values in enumerate(of_cases):
        m.case("cow", {"path": f"p{i}"}, [{"debt_ns": np.full(3, float(x))} for x in values], "debt_ns")
    for entry in m.benchmarks:
        entry["quantities"]["debt_ns"]["better"] = better
    made = m.document()
    made["context"]["forkcost"]["estimators"] = {"debt_ns": "p50"}
    return interleaved(made, side) if side else made


@pytest.fixture
def change(tmp_path):
    def of(base, new, *arguments, noise=1e-4, **how):
        sides = ("a", "b") if how.pop("paired", False) else (None, None)
        paths = files(tmp_path, *(document(x, side=side, **how) for x, side in zip((base, new), sides)), noise=noise)
        return compared(*paths, *arguments).rows[0].change
    return of


NOTHING, SOME = [0] * 10, [90, 100, 110, 95, 105] * 2


@pytest.mark.parametrize("paired", [True, False])
def test_a_hundred_from_nothing_is_slower_whatever_the_threshold(change, paired):
    for threshold in (0.01, 3):
        found = change(NOTHING, SOME, threshold, paired=paired)
        assert (found.verdict, found.base, found.new) == (SLOWER, 0, 100), threshold
        assert found.ratio is None and found.p < 0.01 and found.counts and "by ranks" in found.reason
        assert change(SOME, NOTHING, threshold, paired=paired).verdict == FASTER
    assert change(NOTHING, SOME, better="higher", paired=paired).verdict == FASTER
    assert change(NOTHING, NOTHING, paired=paired).verdict == SAME


def test_below_0_it_is_the_side_that_counts(change):
    costs = [-x for x in SOME]
    assert change(costs, [-3 * x for x in SOME]).verdict == FASTER
    assert change(costs, SOME).verdict == SLOWER


def test_the_threshold_is_of_the_larger_figure(change):
    """A round without anything takes the ratio of all of them away."""
    base, more = ([0, *(level + 10 * i for i in range(15))] for level in (10_000, 10_500))
    assert change(base, more, 0.01).verdict == SLOWER
    assert change(base, more, 0.10).verdict == UNCLEAR
    assert "threshold" in change(base, more, 0.10).reason


def test_what_runs_differ_by_is_no_news_by_ranks(change):
    base, more = ([0, *(level + 10 * i for i in range(15))] for level in (10_000, 10_500))
    assert change(base, more, noise=0.03).verdict == UNCLEAR
    assert change(base, more, noise=0.03, paired=True).verdict == SLOWER  # in turns no run is in it
    assert change(NOTHING, SOME, noise=0.03).verdict == SLOWER


def test_few_rounds_are_no_news_and_say_how_many_are(change):
    found = change(NOTHING[:4], SOME[:4])
    assert found.verdict == UNCLEAR and found.more_rounds == 1 and "by ranks" in found.reason
    again = change(NOTHING[:5], SOME[:5])
    assert again.verdict == SLOWER


def test_rounds_that_are_two_kinds_of_nothing_decide_nothing(change):
    """Ranks differ, and the figure of all samples is nothing on both sides."""
    assert change([0] * 20, [0] * 11 + [50] * 9).verdict == UNCLEAR


def test_nothing_is_news_where_nothing_changed_mostly(tmp_path):
    rng, status = np.random.default_rng(4), 0
    for _ in range(100):
        sides = [[np.where(rng.random(10) < 0.5, 0, rng.lognormal(4, 1, 10)) for _ in range(CASES)] for _ in "ab"]
        status += any(r.change.verdict in (SLOWER, FASTER)
                      for r in compared(*files(tmp_path, *(document(*s) for s in sides))).rows)
    assert status <= 4  # 1 is expected at most


def test_a_person_is_told(tmp_path):
    paths = files(tmp_path, document(NOTHING), document(SOME))
    said = call(*paths)
    assert said.exit_code == 1 and "0 ns → 100 ns" in said.stdout
    assert "Values of 0 or below have no ratio: ranks say" in statement(compared(*paths))
    for form in ("details", "json", "html", "markdown", "junit", "ktap", "bmf", "github"):
        assert call(*paths, "--format", form).exit_code == 1, form
    unclear = call(*files(tmp_path, document(NOTHING), document([0, 1] * 5))).stdout
    assert "1 have values of 0 or below, of which only ranks are compared" in unclear
