"""One or two rounds a side: judged by what forkcost aa measured of this machine's rounds, or not at all."""

import json

import numpy as np
import pytest

import synthetic
from conftest import write
from forkcost.compare import noise
from forkcost.compare.phrases import settle
from forkcost.compare.result import FASTER, SLOWER, UNCLEAR
from test_compare import interleaved
from test_compare_aa import GROUPS, call, compared

QUIET, LOUD = 0.01, 0.06  # of rounds: every fourth case is of the loud ones


def run(place, name, seed, rounds, slower=(), bad=0.0, session=None):
    """Eight groups of two cases, which move by 2% altogether and each group by 1%. `slower`: {case: factor};
    `bad`: so many rounds are up to twice as slow."""
    rng = np.random.default_rng(seed)
    maker, moved = synthetic.Maker(seed, rounds=rounds, samples=5), rng.normal(0, 0.02)
    for i, group in enumerate(GROUPS):
        of_group = moved + rng.normal(0, 0.01)
        for heap in ("0", "64MiB"):
            deviation = LOUD if i % 4 == 3 else QUIET
            cost = 1e6 * dict(slower).get(f"{group}/heap:{heap}", 1.0)
            rough = np.where(rng.random(rounds) < bad, rng.uniform(0.2, 0.7, rounds), 0)
            logs = np.log(cost) + of_group + rng.normal(0, deviation, rounds) + rough
            maker.case("fork", {"path": group, "heap": heap}, [
                {"total_ns": np.full(5, np.exp(x)), "teardown_ns": np.full(5, np.exp(x))} for x in logs],
                "total_ns", heap_bytes=0)
    document = maker.document()
    return write(interleaved(document, session) if session else document, place / f"{name}.json")


@pytest.fixture(scope="module")
def known(tmp_path_factory):
    """A function: the share of bad rounds -> a directory with the noise of such a machine."""
    made = {}

    def of(bad=0.0):
        if bad not in made:
            made[bad] = tmp_path_factory.mktemp("known")
            place = tmp_path_factory.mktemp("aa")
            paths = [run(place, f"r{i}", 1000 + i, 20, bad=bad) for i in range(10)]
            assert call("aa", *paths, "-o", made[bad] / noise.NAME).exit_code == 0
        return made[bad]
    return of


def test_the_noise_of_rounds_is_measured_by_case_and_by_quantity(known):
    found = json.loads((known() / noise.NAME).read_text())
    sd = {name: of["total_ns"]["sd"] for name, of in found["cases"].items()}
    for i, group in enumerate(GROUPS):
        assert sd[f"fork/path:{group}/heap:0"] == pytest.approx(LOUD if i % 4 == 3 else QUIET, rel=0.2)
    assert QUIET < found["rounds"]["total_ns"]["sd"] < LOUD and found["rounds"]["total_ns"]["df"] < 10
    bad = json.loads((known(0.01) / noise.NAME).read_text())["cases"]
    assert all(bad[name]["total_ns"]["sd"] > 2 * sd[name] for name in sd if sd[name] < 0.03)


@pytest.mark.parametrize("rounds", [1, 2])
def test_a_change_beyond_the_machines_noise_is_found(known, rounds):
    slower = {"vfork/heap:0": 1.6, "clone3/heap:64MiB": 1 / 1.6}
    found = compared(run(known(), "a", 1, rounds), run(known(), "b", 2, rounds, slower))
    news = {r.case: r.change for r in found.rows if r.change.verdict in (SLOWER, FASTER)}
    assert {name: c.verdict for name, c in news.items()} == {
        "fork/path:vfork/heap:0": SLOWER, "fork/path:clone3/heap:64MiB": FASTER}
    assert all("judged by what rounds of this machine differ by" in c.reason for c in news.values())
    assert "10 runs of this machine" in found.noise and found.exit_status() == 1
    finds = {r.case: r.change.detectable for r in found.rows if r.quantity == "total_ns"}
    assert finds["fork/path:_Fork/heap:0"] > 1.8 * finds["fork/path:vfork/heap:0"]  # a loud one


def test_what_is_only_told_was_not_measured_and_is_not_judged(known):
    found = compared(run(known(), "a", 1, 1), run(known(), "b", 2, 1))
    other = [r.change for r in found.rows if r.quantity == "teardown_ns"]
    assert {c.verdict for c in other} == {UNCLEAR} and all(c.p is None for c in other)
    assert "1 round: 3 are needed, or what rounds of this machine differ by (forkcost aa)" == other[0].reason
    assert "a test takes 2 more rounds per side" in settle(other[0])


@pytest.mark.parametrize("bad", [0.0, 0.01])
@pytest.mark.parametrize("rounds", [1, 2])
def test_nothing_is_news_where_nothing_changed(known, rounds, bad):
    repeats, news, covered = 60, 0, []
    for i in range(repeats):
        found = compared(*(run(known(bad), side, 2 * i + n, rounds, bad=bad) for n, side in enumerate("ab")))
        news += any(r.change.verdict in (SLOWER, FASTER) for r in found.rows)
        covered += [r.change.interval[0] < 1 < r.change.interval[1] for r in found.rows if r.change.interval]
    assert news <= 3 and np.mean(covered) > 0.93


def test_pairs_are_judged_by_it_too(known):
    for factor, verdict in ((1.6, SLOWER), (1.0, UNCLEAR)):
        base, new = (run(known(), side, n, 1, {"vfork/heap:0": factor} if n else {}, session=side)
                     for n, side in enumerate("ab"))
        found = compared(base, new)
        change = next(r.change for r in found.rows if r.case == "fork/path:vfork/heap:0" and r.quantity == "total_ns")
        assert (change.verdict, change.paired) == (verdict, True) and "of this machine" in found.noise


@pytest.mark.parametrize("old", [False, True])
def test_without_it_one_round_says_nothing(known, tmp_path, old):
    """Neither by the default, which is a guess, nor by a file of before rounds were measured."""
    if old:
        found = json.loads((known() / noise.NAME).read_text())
        del found["rounds"], found["cases"]
        write(found, tmp_path / noise.NAME)
    found = compared(run(tmp_path, "a", 1, 1), run(tmp_path, "b", 2, 1, {"vfork/heap:0": 5.0}))
    assert {r.change.verdict for r in found.rows} == {UNCLEAR} and found.exit_status() == 0
    assert all(r.change.p is None and "3 are needed" in r.change.reason for r in found.rows)


def test_a_file_whose_rounds_are_damaged_is_named(known, tmp_path):
    for damage in ({"rounds": []}, {"cases": {"x": 1}}, {"rounds": {"default": {"sd": -1, "df": 3}}}):
        found = json.loads((known() / noise.NAME).read_text()) | damage
        path = write(found, tmp_path / "damaged.json")
        result = call("compare", run(tmp_path, "a", 1, 1), run(tmp_path, "b", 2, 1), "--noise", path)
        assert result.exit_code == 2 and "damaged.json: is no file of forkcost aa" in result.stderr
