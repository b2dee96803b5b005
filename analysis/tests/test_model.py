import numpy as np
import pytest

import synthetic
from conftest import write
from forkcost import choose, model
from forkcost.load import load
from forkcost.units import GIB, MIB


def line(run, path, quantity="blocked_ns"):
    return choose.calls(run, quantity).line(path)


def test_the_planted_slope_is_found(full):
    fork = line(full, "fork")
    assert fork.ms_per_gib == pytest.approx(13.0, rel=0.03)
    assert fork.us_per_page(4096) == pytest.approx(13e3 / 262144, rel=0.03)
    assert fork.intercept == pytest.approx(47e3, rel=0.3)
    low, high = fork.ms_per_gib_interval
    assert low < 13.0 < high
    assert high - low < 2
    assert fork.rises and fork.breaks_at is None


def test_the_slopes_interval_covers_the_truth(tmp_path):
    hits = 0
    for seed in range(20):
        maker = synthetic.Maker(seed, samples=10).fork(paths=("fork",), backings=("4k",))
        run = load([write(maker.document(), tmp_path / "run.json")])
        low, high = line(run, "fork").ms_per_gib_interval
        hits += low <= 13.0 <= high
    assert hits >= 16



def test_where_it_passes_a_millisecond(full):
    fork = line(full, "fork")
    assert fork.passes(1e6) == pytest.approx((1e6 - 47e3) / 13e6 * GIB, rel=0.05)
    assert fork.predict(fork.passes(1e6)) == pytest.approx(1e6)
    assert fork.passes(1e3) == 0


def test_vfork_does_not_rise(full):
    vfork = line(full, "vfork")
    assert not vfork.rises
    assert vfork.passes(1e6) is None


class Fixed:
    """Stands for a Quantity with a known median and no rounds to resample."""

    def __init__(self, median):
        self.median = median
        self.by_round = [np.array([median])]

    def quantile(self, q):
        return self.median


def test_the_empty_arena_is_left_out_and_one_size_is_no_line():
    assert model.fit([(0, Fixed(1.0)), (MIB, Fixed(2.0))]) is None
    two = model.fit([(0, Fixed(1e9)), (MIB, Fixed(2.0)), (2 * MIB, Fixed(3.0))])
    assert two.slope == pytest.approx(1 / MIB)
    assert two.slope_interval is None and two.breaks_at is None


def test_a_break_is_found_where_it_is():
    sizes = [16 * MIB, 64 * MIB, 256 * MIB, GIB]
    costs = [s * 0.01 for s in sizes]
    costs[2] *= 2
    assert model.fit([(s, Fixed(c)) for s, c in zip(sizes, costs)]).breaks_at == 256 * MIB


class Sampled(Fixed):
    """The same with replicates of 1% noise."""

    def __init__(self, median, seed):
        super().__init__(median)
        self.by_round = [np.array([median])] * 5
        self.median_replicates = median * np.random.default_rng(seed).normal(1, 0.01, 999)


def fit_of(costs):
    sizes = (16 * MIB, 64 * MIB, 256 * MIB, GIB)[-len(costs):]
    return model.fit([(s, Sampled(c, i)) for i, (s, c) in enumerate(zip(sizes, costs))])


def test_a_bend_at_the_end_is_found_where_residuals_are_small():
    straight = fit_of([16, 64, 256, 1024])
    assert not straight.bends and straight.last_slope == pytest.approx(1 / MIB)
    low, high = straight.bend_interval
    assert low < 1 < high
    bent = fit_of([16, 64, 256, 256 + 768 * 1.3])
    assert bent.bends and bent.breaks_at is None
    assert bent.last_slope == pytest.approx(1.3 / MIB)
    assert fit_of([16, 64]).bend_interval is None
    assert not fit_of([16, 16, 16, 16.5]).bends  # flat: no slope to bend
