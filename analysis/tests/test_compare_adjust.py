"""Yardsticks as control variates: they take out what they explain of the rounds, and nothing else."""

import re

import numpy as np
import pytest

import synthetic
from conftest import write
from forkcost.compare import adjust, engine, phrases, sides, statistics, thresholds
from forkcost.compare.result import FASTER, SAME, SLOWER
from test_compare import call, files, interleaved

ROUNDS, NOISE = 40, 0.01


def walk(rng, n, width=0.05):
    """What neighbours do: slow, so that it lasts for several rounds."""
    steps = rng.normal(0, width, n + 20)
    return np.convolve(steps, np.ones(10) / np.sqrt(10), "valid")[:n]


def both(rng, n, width=0.05):
    """The machine during base and during new, which were measured in turns: what is slow is alike."""
    slow = walk(rng, n, width)
    return [slow + rng.normal(0, width / 2, n) for _ in "ab"]


def logs_of(rng, n, slope, machine, change=0.0):
    return change + slope * machine + rng.normal(0, NOISE, n)


def meanwhile(*machines, rng=None, columns=1):
    """Yardsticks that see the machine, and further ones that see nothing."""
    rng = rng or np.random.default_rng(0)
    return adjust.Meanwhile(*(np.column_stack([m + rng.normal(0, 0.003, len(m)), *rng.normal(
        0, 0.02, (columns - 1, len(m)))]) for m in machines))


def files_of(n):
    return np.zeros(n, int), np.zeros(n, int)


@pytest.mark.parametrize("paired", [True, False])
def test_what_the_yardsticks_explain_is_taken_out(paired):
    rng = np.random.default_rng(1)
    machines = both(rng, ROUNDS)
    logs = [logs_of(rng, ROUNDS, 0.8, m) for m in machines]
    found, explained = adjust.adjusted(logs, meanwhile(*machines, columns=3), files_of(ROUNDS), paired)
    before = np.var(logs[1] - logs[0]) if paired else np.var(logs[0]) + np.var(logs[1])
    after = np.var(found[1] - found[0]) if paired else np.var(found[0]) + np.var(found[1])
    assert after < 0.5 * before and 0.4 < explained < 1


@pytest.mark.parametrize("paired", [True, False])
def test_where_they_explain_nothing_nothing_is_taken_out(paired):
    """Of 200 data in which yardsticks are chance, at most a few are adjusted."""
    rng = np.random.default_rng(2)
    adjusted = 0
    for _ in range(200):
        logs = [logs_of(rng, ROUNDS, 0.0, np.zeros(ROUNDS)) for _ in "ab"]
        machines = both(rng, ROUNDS)
        adjusted += adjust.adjusted(logs, meanwhile(*machines, rng=rng, columns=4), files_of(ROUNDS),
                                    paired) is not None
    assert adjusted <= 12


@pytest.mark.parametrize("paired", [True, False])
def test_intervals_still_cover(paired):
    rng = np.random.default_rng(3)
    covered = []
    for _ in range(400):
        machines = both(rng, ROUNDS)
        logs = [logs_of(rng, ROUNDS, 0.3, m, c) for m, c in zip(machines, (0, 0.02))]
        beside = meanwhile(*machines, rng=rng, columns=4)
        found = adjust.adjusted(logs, beside, files_of(ROUNDS), paired)
        if not paired:  # what is slow is no noise of rounds: that is what runs are for
            logs = [y - 0.3 * m.mean() for y, m in zip(logs, machines)]
            found = found and ([y - 0.3 * m.mean() for y, m in zip(found[0], machines)], 0)
        test = statistics.t_test(*(found[0] if found else logs), paired, lost=4 if found else 0)
        low, high = test.interval()
        covered.append(low <= 0.02 <= high)
    assert 0.92 <= np.mean(covered) <= 0.98


def test_a_change_of_the_kernel_is_not_taken_out():
    """The yardsticks see nothing of it, whatever else they see."""
    rng = np.random.default_rng(4)
    for paired in (True, False):
        machines = both(rng, ROUNDS)
        logs = [logs_of(rng, ROUNDS, 0.8, m, c) for m, c in zip(machines, (0, 0.1))]
        found, _ = adjust.adjusted(logs, meanwhile(*machines), files_of(ROUNDS), paired)
        level = [y.mean() - (0 if paired else 0.8 * m.mean()) for y, m in zip(found, machines)]
        assert level[1] - level[0] == pytest.approx(0.1, abs=0.01)


@pytest.mark.parametrize("shift", [-0.5, -0.05, 0.05, 0.5])
def test_a_yardstick_that_one_side_shifts_takes_nothing_out_of_pairs(shift):
    """Honest within rounds, and off by the side: with its slope it would make a change, or hide one."""
    rng = np.random.default_rng(5)
    machines = both(rng, ROUNDS, 0.02)
    logs = [logs_of(rng, ROUNDS, 1.0, m) for m in machines]
    assert adjust.adjusted(logs, meanwhile(*machines), files_of(ROUNDS), True) is not None
    apart = [machines[0], machines[1] + shift]
    assert adjust.adjusted(logs, meanwhile(*apart), files_of(ROUNDS), True) is None


def shifted(seed, side, drift, change=1.0):
    """Twelve cases, each with noise of its own."""
    of_cases = [document(100 * seed + n, side, change, drift=drift) for n in range(12)]
    made = of_cases[0]
    made["benchmarks"] = [entry | {"name": entry["name"].replace("fork/path:fork", f"fork/path:{n}"),
                                   "axes": entry["axes"] | {"path": str(n)}}
                          for n, of_case in enumerate(of_cases) for entry in of_case["benchmarks"]]
    return made


@pytest.mark.parametrize("drift", [-0.05, -0.02, 0.02, 0.05])
def test_a_shift_that_all_cases_have_makes_no_news(tmp_path, drift):
    """In one case it may pass for chance; what the machine is said to have done decides nothing."""
    found = compared(files(tmp_path, shifted(1, "a", 0.0), shifted(2, "b", drift)))
    assert found.exit_status() == 0
    assert not {SLOWER, FASTER} & {r.change.verdict for r in found.rows}


def test_a_yardstick_that_most_rounds_have_counts_and_a_gap_explains_nothing(tmp_path):
    base, new = document(1, "a"), document(2, "b", 1.05)
    del base["benchmarks"][7]["yardsticks"]
    gap = compared(files(tmp_path, base, new)).rows[0].change
    assert gap.adjusted.decides and gap.interval[0] < 1.05 < gap.interval[1]
    for entry in base["benchmarks"][:6]:
        entry.pop("yardsticks", None)
    assert compared(files(tmp_path, base, new)).rows[0].change.adjusted is None


def test_too_few_rounds_have_no_slopes():
    rng = np.random.default_rng(6)
    n = adjust.FEWEST - 1
    machines = both(rng, n)
    logs = [logs_of(rng, n, 2.0, m) for m in machines]
    assert adjust.adjusted(logs, meanwhile(*machines), files_of(n), True) is None


# In a comparison


def document(seed, side, change=1.0, kernel=None, drift=0.0):
    """One case, most of whose variance a yardstick sees; the other yardstick sees nothing. What is slow
    is the same in all documents."""
    rng = np.random.default_rng(seed)
    fast = rng.normal(0, 0.04, ROUNDS)
    machine = walk(np.random.default_rng(0), ROUNDS) + fast - fast.mean()
    maker = synthetic.Maker(seed, rounds=ROUNDS, samples=5)
    maker.noisy = np.ones
    maker.case("fork", {"path": "fork", "heap": "0"}, [
        {"blocked_ns": np.full(5, 1e6 * change * np.exp(m + rng.normal(0, 0.02)))}
        for m in machine], heap_bytes=0)
    made = interleaved(maker.document(), side) if side else maker.document()
    ours = made["context"]["forkcost"]
    ours["yardsticks"] = {name: {"unit": "ns", "title": title, "meaning": "what it is"} for name, title in (
        ("random_load_ns", "random loads"), ("arithmetic_ns", "arithmetic"))}
    for entry, m in zip(made["benchmarks"], machine):
        for name, value in (("random_load_ns", 8e5 * np.exp(m + drift)),
                            ("arithmetic_ns", 2e5 * np.exp(rng.normal(0, 0.001)))):
            entry.setdefault("yardsticks", {})[name] = {
                "unit": "ns", "min": value, "p50": value, "p90": value, "n": 1, "samples": [value]}
    if kernel:
        ours["environment"]["kernel"]["release"] = kernel
    return made


def compared(paths, **options):
    return engine.compare(*(sides.read(label, [path]) for label, path in zip(("base", "new"), paths)),
                          thresholds.read(), **options)


def test_pairs_are_adjusted_and_both_figures_stand(tmp_path):
    paths = files(tmp_path, document(1, "a"), document(2, "b", 1.05))
    plain = [document(1, "a"), document(2, "b", 1.05)]
    for made in plain:
        for entry in made["benchmarks"]:
            del entry["yardsticks"]
    change = compared(paths).rows[0].change
    (tmp_path / "plain").mkdir()
    without = compared(files(tmp_path / "plain", *plain)).rows[0].change
    assert change.adjusted.decides and change.adjusted.ratio == change.ratio
    assert change.raw == pytest.approx(without.ratio) and without.raw is without.adjusted is None
    width, plain_width = (np.log(c.interval[1] / c.interval[0]) for c in (change, without))
    assert width < 0.75 * plain_width and 0.3 < change.adjusted.explained < 1
    assert change.interval[0] < 1.05 < change.interval[1]


def test_between_kernels_adjusted_figures_are_shown_and_decide_nothing(tmp_path):
    """Page size, placement, ticks and mitigations are the kernel's doing, and move a yardstick."""
    paths = files(tmp_path, document(1, "a"), document(2, "b", 1.05, kernel="6.19"))
    change = compared(paths).rows[0].change
    assert not change.adjusted.decides and change.raw is None
    assert change.adjusted.ratio != change.ratio
    said = call(*paths, "--format", "details").stdout
    assert re.search(r"% +raw  +fork, empty parent", said[said.index("Raw and adjusted"):])


def test_text_says_which_figure_decided(tmp_path):
    paths = files(tmp_path, document(1, "a"), document(2, "b", 1.15))
    assert "yardsticks" in call(*paths).stdout
    details = call(*paths, "--format", "details").stdout
    assert re.search(r"% +adjusted  +fork, empty parent", details[details.index("Raw and adjusted"):])
    junit = call(*paths, "--format", "junit").stdout
    assert "of its rounds' variance is explained by the yardsticks; the verdict is without that" in junit


def test_drift_between_files_is_said(tmp_path):
    paths = files(tmp_path, document(1, None), document(2, None, drift=0.2))
    found = compared(paths)
    assert [title for title, _ in found.meanwhile] == ["random loads"]
    assert "random loads" in phrases.meanwhile(found) and "slower during new" in phrases.meanwhile(found)
    assert "slower during new" in call(*paths).stdout
    quiet = compared(files(tmp_path, document(1, None), document(1, None)))
    assert quiet.meanwhile == () and {r.change.verdict for r in quiet.rows} <= {SAME}


def test_files_without_yardsticks_compare_as_they_can(tmp_path):
    old = document(2, None, 1.3)
    del old["context"]["forkcost"]["yardsticks"]
    for entry in old["benchmarks"]:
        del entry["yardsticks"]
    row, = compared(files(tmp_path, document(1, None), old)).rows
    assert row.change.adjusted is None and row.change.verdict == SLOWER
