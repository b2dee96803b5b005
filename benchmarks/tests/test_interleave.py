"""Two sides in turns, by the built suite: what forkcost-run --interleave hands to its readers."""

import importlib.util
import json
import pathlib
import sys

import pytest

from programs import BIN, run

CASES = "^(fork/.*/heap:0/|harness/figure:stamp)"
ANALYSIS = pathlib.Path(__file__).resolve().parents[2] / "analysis"


def interleave(tmp_path, *sides):
    done = run("forkcost-run", "--interleave", *sides, "--preset", "smoke", "--filter", CASES,
               "--rounds", "3", "--out", tmp_path / "run.json")
    assert done.returncode == 0, done.stdout + done.stderr
    files = [tmp_path / "run-a.json", tmp_path / "run-b.json"]
    return files, [json.loads(file.read_text()) for file in files]


def entries_of(document):
    return {(e["name"], e["repetition_index"]): e for e in document["benchmarks"]}


def test_the_suite_against_itself(tmp_path):
    files, documents = interleave(tmp_path, BIN, BIN)
    a, b = map(entries_of, documents)
    assert a.keys() == b.keys() and len(a) >= 2 * 3
    for name in {name for name, _ in a}:
        counts = {side[name, i]["iterations"] for side in (a, b) for i in range(3)}
        assert len(counts) == 1, "every round of both sides weighs the same"
    told = [document["context"]["forkcost"]["run"]["interleaved"] for document in documents]
    assert told == [{"session": told[0]["session"], "side": side} for side in "ab"]
    suites = [document["context"]["forkcost"]["suite"] for document in documents]
    assert suites[0] == suites[1] and "revision" in suites[0]

    if any(importlib.util.find_spec(needed) is None for needed in ("numpy", "scipy")):
        pytest.skip("the analysis cannot run on this Python")
    sys.path.insert(0, str(ANALYSIS))
    try:
        from forkcost.load import load
    finally:
        sys.path.remove(str(ANALYSIS))
    for file in files:
        assert len(load([file]).contexts) == 1


def test_a_setting_reaches_the_bench_programs(tmp_path):
    """They say themselves what was set."""
    _, (plain, bound) = interleave(tmp_path, "env:", "env:LD_BIND_NOW=1")
    for document, setting, seen in ((plain, None, []), (bound, "LD_BIND_NOW=1", ["LD_BIND_NOW"])):
        ours = document["context"]["forkcost"]
        assert ours["run"].get("setting") == setting
        assert set(seen) <= set(ours["environment"]["process"]["loader_variables"])
        assert ("LD_BIND_NOW" in ours["environment"]["process"]["loader_variables"]) == bool(seen)


def test_core_cases_take_turns_until_it_is_known_that_the_suite_is_the_same_as_itself(tmp_path):
    names = ["spawn/path:posix_spawn/image:nolibc/heap:0", "fork/path:fork/heap:0"]
    done = run("forkcost-run", "--interleave", BIN, BIN, "--until", "60%", "--max-time", "60s", "--preset", "gate",
               "--filter", f"^({'|'.join(names)})$", "--out", tmp_path / "run.json")
    assert done.returncode == 0, done.stdout + done.stderr
    documents = [json.loads((tmp_path / f"run-{side}.json").read_text()) for side in "ab"]
    a, b = map(entries_of, documents)
    assert a.keys() == b.keys()
    for name in names:
        counts = [entry["iterations"] for side in (a, b) for key, entry in side.items() if key[0] == name]
        assert len(counts) >= 20 and len(set(counts)) == 1, "ten pairs, and each weighs the same"
    until = documents[0]["context"]["forkcost"]["run"]["until"]
    assert until == documents[1]["context"]["forkcost"]["run"]["until"]
    assert {(one["case"], one["verdict"]) for one in until["verdicts"]} == {(name, "same") for name in names}
