"""A cut adds up, and lies at the median, for any number of samples."""

import numpy as np
import pytest
from forkcost import cuts


@pytest.mark.parametrize("n", [*range(1, 13), 100])
def test_a_cut_of_few_samples_lies_between_the_middle_ones(n):
    total = np.random.default_rng(n).permutation(np.arange(1.0, n + 1)) * 100
    found = cuts.cut(total, {"first": total / 4, "second": total / 2}, ["first", "second"], total / 5)
    assert found.total == pytest.approx(np.median(total))
    assert found.parts == {"first": (pytest.approx(found.total / 4), False),
                           "second": (pytest.approx(found.total / 4), False)}
    assert found.rest == pytest.approx(found.total / 2)
    assert found.blocked == pytest.approx(found.total / 5)


def test_samples_without_a_stamp_do_not_count():
    total = np.array([100.0, 200.0, 300.0, 400.0])
    found = cuts.cut(total, {"first": np.array([np.nan, 20.0, np.nan, 40.0])}, ["first"])
    assert (found.total, found.parts["first"]) == (300.0, (30.0, False))


def test_no_complete_sample_gives_no_cut():
    assert cuts.cut(np.array([1.0, 2.0]), {"first": np.array([np.nan, np.nan])}, ["first"]) is None
