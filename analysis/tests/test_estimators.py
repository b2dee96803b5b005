import numpy as np
import pytest

import synthetic
from conftest import write
from forkcost import estimators
from forkcost.errors import InputError, NoAnswer
from forkcost.load import load


@pytest.fixture
def runs(tmp_path):
    """Function: makers -> Runs."""
    def build(*makers):
        return [load([write(m.document(), tmp_path / f"{i}.json")]) for i, m in enumerate(makers)]
    return build


def steady_minimum(seed):
    """A run in which the minimum of blocked_ns is always 1000 and all else is noise."""
    maker = synthetic.Maker(seed, samples=10)
    rounds = [{"blocked_ns": np.append(1000.0, 2000 * maker.rng.uniform(1, 3, 9)),
               "faults": np.full(10, 7.0)} for _ in range(5)]
    maker.case("fork", {"path": "fork", "heap": "0"}, rounds, heap_bytes=0)
    return maker


def test_the_steady_estimator_wins(runs):
    found = estimators.compare(runs(*map(steady_minimum, range(4))))
    assert estimators.best(found.table) == {"blocked_ns": "min"}
    rows = found.table.set_index("estimator")
    assert rows.loc["min", "median"] == 0 and rows.loc["min", "agree"] == 1
    assert rows.loc["p50", "median"] > 0.02
    assert found.exact == {"faults": (1, 1)}


def test_spread_and_agreement_are_what_they_say(runs):
    makers = []
    for value in (100.0, 104.0, 120.0):
        maker = synthetic.Maker(rounds=1)
        maker.case("fork", {"heap": "0"}, [{"blocked_ns": np.full(5, value)}], heap_bytes=0)
        makers.append(maker)
    row = estimators.compare(runs(*makers)).table.set_index("estimator").loc["p50"]
    assert row["median"] == pytest.approx(20 / 104)
    assert row["agree"] == 0.5


def test_histograms_take_part(runs):
    makers = [synthetic.Maker(seed, rounds=2).reference_cases() for seed in range(3)]
    table = estimators.compare(runs(*makers)).table
    found = set(table[table.quantity == "touch_ns"].estimator)
    assert found == {"min", "p10", "p25", "p50", "mean"}


def test_all_estimators_are_judged_by_the_same_cases(runs):
    def with_zeros(seed):
        maker = steady_minimum(seed)
        maker.case("cow", {"state": "second"}, [{"blocked_ns": np.array([0.0, 5, 9])}])
        return maker
    assert set(estimators.compare(runs(*map(with_zeros, range(3)))).table.cases) == {1}


def test_the_document(runs):
    text = estimators.markdown(estimators.compare(runs(*map(steady_minimum, range(3)))))
    assert "| `blocked_ns` | min |" in text
    assert "| **min** | 1 | 0% | 0% | 100% |" in text


def test_what_cannot_be_compared(runs):
    makers = [steady_minimum(i) for i in range(3)]
    with pytest.raises(InputError, match="needs 3 or more"):
        estimators.compare(runs(*makers[:2]))
    makers[2].machine = "elsewhere"
    with pytest.raises(InputError, match="another machine"):
        estimators.compare(runs(*makers))
    with pytest.raises(NoAnswer, match="no timed case"):
        estimators.compare(runs(*makers[:2], synthetic.Maker().cow(heaps=("64MiB",))))
