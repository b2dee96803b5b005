"""Boots until it is settled: when it ends, how often it is wrong, and what it refuses."""

import json

import numpy as np
import pytest

import synthetic
from conftest import write
from forkcost_lab import until
from kernel_room import calls, kernels, room  # noqa: F401: a fixture

SIZE = 0.02


def boot(seed, change=1.0, noise=0.004, cases=8):
    """A boot of which the rounds agree, and that as a whole is off by `noise` in each case."""
    rng = np.random.default_rng(seed)
    maker = synthetic.Maker(seed, rounds=3, samples=5)
    maker.noisy = np.ones
    for i in range(cases):
        cost = 1e6 * (change if i == 0 else 1.0) * np.exp(rng.normal(0, noise))
        maker.case("fork", {"path": str(i)}, [{"blocked_ns": np.full(5, cost)}] * 3)
    return maker.document()


def looked(tmp_path, change=1.0, noise=0.004, seed=0, max_seconds=1e9):
    """(the Until, its Comparison) of boots of two kernels."""
    judge, files = until.Until(SIZE, max_seconds), {"base": [], "new": []}
    for first, last in judge.batches():
        for number in range(first, last + 1):
            for side, (label, factor) in enumerate((("base", 1.0), ("new", change))):
                files[label].append(write(boot(10_000 * seed + 2 * number + side, factor, noise),
                                          tmp_path / label / f"boot-{number}.json"))
        if judge.is_over(files, last, lambda _: None):
            break
    return judge, judge.compared(files)[0]


@pytest.fixture
def place(tmp_path):
    for label in ("base", "new"):
        (tmp_path / label).mkdir()
    synthetic.noise(tmp_path / "base", 1e-4)
    return tmp_path


def verdicts(comparison):
    return [r.change.verdict for r in sorted(comparison.rows, key=lambda r: int(r.axes["path"]))]


def test_quiet_boots_are_settled_at_the_first_look(place):
    judge, found = looked(place, noise=0.001)
    assert judge.looks == 1 and set(verdicts(found)) == {"same"}
    assert found.exit_status() == 0


def test_boots_are_not_repeated_for_what_ranks_alone_can_tell(place):
    """Values of 0 have no ratio, and so are never known to be the same at that size."""
    judge, files = until.Until(SIZE, 1e9), {"base": [], "new": []}
    for label, paths in files.items():
        for number in range(1, until.LOOKS[0] + 1):
            made = boot(number + 100 * len(label), noise=0.001, cases=9)
            for entry in (e for e in made["benchmarks"] if e["axes"]["path"] == "8"):
                entry["quantities"]["blocked_ns"] = synthetic.quantity("blocked_ns", np.full(5, number % 2 * 100.0))
            paths.append(write(made, place / label / f"boot-{number}.json"))
    assert judge.is_over(files, until.LOOKS[0], lambda _: None)
    assert verdicts(judge.compared(files)[0])[-1] == "unclear"


def test_a_change_is_found_and_noisy_boots_take_longer(place):
    judge, found = looked(place, change=1.1, noise=0.01)
    assert judge.looks > 1 and verdicts(found)[0] == "slower" and found.exit_status() == 1
    assert set(verdicts(found)[1:]) == {"same"}


def test_the_time_ends_it(place):
    judge, found = looked(place, noise=0.1, max_seconds=0)
    assert judge.looks == 1 and "unclear" in verdicts(found)


def test_all_looks_together_are_wrong_as_rarely_as_one(place):
    """Nothing changed, and it is so noisy that all looks are made."""
    false = 0
    for seed in range(20):
        judge, found = looked(place, noise=0.08, seed=seed)
        assert judge.looks == len(until.LOOKS)
        false += found.exit_status()
        for path in [*place.glob("base/boot-*"), *place.glob("new/boot-*")]:
            path.unlink()
    assert false <= 2  # at 1%: three of 20 have a chance of 0.1%


def test_the_shares_of_all_looks_are_the_error():
    judge = until.Until(SIZE, 1)
    spent = []
    for _, last in judge.batches():
        judge.is_over({"base": []}, last, lambda _: None)
        spent.append(judge.share)
    assert sum(spent) == pytest.approx(judge.alpha) and len(spent) == len(until.LOOKS) <= 8


# The command


def test_it_boots_in_turns_until_it_is_settled(room):  # noqa: F811
    result = kernels(room, "--mode", "tcg", "--until", "50%", base="good", new="same")
    assert result.exit_code == 0, result.stderr
    booted = [words[words.index("--kernel") + 1].rsplit("/", 1)[1] for words in calls(room)
              if "--version" not in words]
    assert booted == ["good", "same", "same", "good"] * 2
    assert "4 boots of each kernel" in result.stderr and "settled at 50%" in result.stderr
    made = json.loads((room / "out/compare.json").read_text())["comparisons"][0]
    assert made["repeated"] and len(made["base"]["paths"]) == 4


def test_a_kernel_that_does_not_boot_ends_it(room):  # noqa: F811
    result = kernels(room, "--mode", "tcg", "--until", "2%", base="good", new="panics")
    assert result.exit_code == 3 and "panicked" in result.stderr
    assert len([w for w in calls(room) if "--version" not in w]) == 8


@pytest.mark.parametrize("words, said", [
    (["--until", "2%", "--mode", "exact"], "executed instructions"),
    (["--until", "2%", "--boots", "3"], "leave --boots out"),
    (["--max-time", "5"], "goes with --until"), (["--until", "much"], "no threshold")])
def test_what_it_refuses_is_named(room, words, said):  # noqa: F811
    result = kernels(room, *words, base="good", new="same")
    assert result.exit_code == 2 and said in result.stderr
    assert not (room / "out").exists()
