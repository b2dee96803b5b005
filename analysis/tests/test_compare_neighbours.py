"""Pairs of rounds that follow each other and are alike."""

import json

import numpy as np
import pytest

from forkcost.compare import neighbours, statistics
from forkcost.compare.phrases import statement
from test_compare import call, compared, files, interleaved, maker

FIGURES = 24


def autoregressive(rng, shape, r):
    """Rows whose values have the variance 1 and follow each other so."""
    values = rng.normal(0, 1, shape)
    for i in range(1, shape[1]):
        values[:, i] = r * values[:, i - 1] + np.sqrt(1 - r * r) * values[:, i]
    return values


def differences(rng, n, r, shared=0.3):
    """Of pairs that differ by nothing, a row per figure: a third of their variance is all figures'."""
    deviations = 0.01 * np.exp(rng.normal(0, 0.4, (FIGURES, 1)))
    return deviations * (np.sqrt(shared) * autoregressive(rng, (1, n), r)
                         + np.sqrt(1 - shared) * autoregressive(rng, (FIGURES, n), r))


def keyed(row, file=0):
    return {(file, i): x for i, x in enumerate(row)}


def judged(rows, widened=True):
    """Of each row, as a comparison has them."""
    tests = [statistics.t_test(np.zeros(len(row)), row, paired=True) for row in rows]
    alike = neighbours.alike([keyed(row) for row in rows]) if widened else 0
    if alike:
        tests = [neighbours.widened(t, alike, list(keyed(row))) for t, row in zip(tests, rows)]
    return statistics.moderated(tests, ["blocked_ns"] * FIGURES)


@pytest.mark.parametrize("n", [10, 20, 40])
@pytest.mark.parametrize("r", [0, 0.3, 0.6])
def test_intervals_cover_and_the_error_is_alpha_however_alike_pairs_are(n, r):
    rng = np.random.default_rng(n)
    covered, false, repeats = [], 0, 120
    for _ in range(repeats):
        tests = judged(differences(rng, n, r))
        covered += [t.interval()[0] < 0 < t.interval()[1] for t in tests]
        false += min(statistics.holm([t.p for t in tests])) < 0.05
    assert 0.93 < np.mean(covered) < 0.97
    assert false <= 0.05 * repeats + 3 * np.sqrt(0.05 * 0.95 * repeats)


def test_taken_as_independent_they_cover_far_less():
    rng = np.random.default_rng(1)
    covered = [t.interval()[0] < 0 < t.interval()[1] for _ in range(60)
               for t in judged(differences(rng, 20, 0.6), widened=False)]
    assert np.mean(covered) < 0.8


def test_what_all_pairs_of_a_round_share_does_not_make_neighbours_alike():
    rng = np.random.default_rng(2)
    found = [neighbours.alike([keyed(row) for row in differences(rng, 20, 0, shared=0.9)])
             for _ in range(200)]
    assert np.mean(np.array(found) > 0) < 0.3


def test_neighbours_are_those_of_one_file():
    """Five pairs of each of eight sessions: the last of one and the first of the next are none."""
    rng = np.random.default_rng(3)
    rows = differences(rng, 40, 0)
    rows[:, 4:39:5] = rows[:, 5:40:5]  # as if they were alike
    in_one, apart = (neighbours.alike([{key(i): x for i, x in enumerate(row)} for row in rows])
                     for key in (lambda i: (0, i), lambda i: divmod(i, 5)))
    assert in_one > 0.1 and apart == 0


def test_too_few_pairs_and_values_without_spread_say_nothing():
    assert neighbours.alike([]) == 0
    assert neighbours.alike([keyed(np.arange(7.0))]) == 0
    assert neighbours.alike([keyed(np.zeros(20))]) == 0
    assert neighbours.alike([keyed(np.arange(20.0))]) > 0.5


def test_a_comparison_says_it_and_its_intervals_are_wider(tmp_path):
    def pair(r):
        rng = np.random.default_rng(5)
        documents = []
        for side in "ab":
            document = interleaved(maker(1, rounds=30, noise=0).document(), side)
            for name in {e["name"] for e in document["benchmarks"]}:
                moved = np.exp(0.01 * autoregressive(rng, (1, 30), r)[0])
                for entry in (e for e in document["benchmarks"] if e["name"] == name):
                    quantity = entry["quantities"]["blocked_ns"]
                    for key in ("samples", "min", "p50", "p90", "p99", "max", "mean"):
                        if key in quantity:
                            quantity[key] = (np.array(quantity[key]) * moved[entry["repetition_index"]]).tolist()
            documents.append(document)
        return files(tmp_path, *documents)
    alone, alike = compared(*pair(0)), compared(*pair(0.7))
    assert alone.autocorrelation == 0 and "follow each other" not in statement(alone)
    assert 0.4 < alike.autocorrelation < 0.9
    widths = [np.median([np.log(r.change.interval[1] / r.change.interval[0]) for r in c.rows])
              for c in (alone, alike)]
    assert widths[1] > 1.5 * widths[0]
    told = call(*pair(0.7), "--format", "json").stdout
    assert json.loads(told)["comparisons"][0]["autocorrelation"] == pytest.approx(alike.autocorrelation)
    r = alike.autocorrelation
    assert (f"Pairs that follow each other are alike (autocorrelation {r:.2f}, over all of the core): in intervals "
            f"and tests they count for about {(1 - r) / (1 + r):.0%}") in call(*pair(0.7), "--format", "details").stdout
