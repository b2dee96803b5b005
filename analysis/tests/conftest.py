import json
from pathlib import Path

import pytest

import synthetic
import synthetic_counts
import synthetic_exec
from forkcost.load import load

REFERENCE = Path(__file__).parents[2] / "results" / "reference" / "run.json.gz"
# The same ten cases of the reference run, as either schema has them.
SCHEMA_1, SCHEMA_2 = (Path(__file__).parent / "data" / f"schema-{n}.json" for n in (1, 2))


def write(document, path):
    path.write_text(json.dumps(document), encoding="utf-8")
    return path


@pytest.fixture(scope="session")
def full_file(tmp_path_factory):
    """A synthetic run with every benchmark and one skipped case."""
    return write(synthetic.full_run().document(), tmp_path_factory.mktemp("runs") / "full.json")


@pytest.fixture(scope="session")
def full(full_file):
    return load([full_file])


@pytest.fixture(scope="session")
def whole(tmp_path_factory):
    """The same with exec, libraries, shared files, hand-overs, counters, profiles and a yardstick."""
    maker = synthetic_counts.everything(synthetic_exec.everything(synthetic.full_run()))
    document = maker.document()
    document["context"]["forkcost"]["yardsticks"] = {
        "walk_ns": {"unit": "ns", "title": "a walk", "meaning": "what it is"}}
    for entry in document["benchmarks"]:
        walk = 100 + entry["repetition_index"]
        entry["yardsticks"] = {"walk_ns": {"unit": "ns", "min": walk, "p50": walk, "p90": walk,
                                           "samples": [walk, walk]}}
    return load([write(document, tmp_path_factory.mktemp("runs") / "whole.json")])


@pytest.fixture
def made(tmp_path):
    """Function: Maker -> Run, by way of a file."""
    return lambda maker: load([write(maker.document(), tmp_path / "run.json")])


@pytest.fixture(scope="session")
def reference():
    if not REFERENCE.exists():
        pytest.skip(f"no reference run at {REFERENCE.name}")
    return REFERENCE


@pytest.fixture(scope="session")
def meanwhile(tmp_path_factory):
    """The stored file with yardsticks in all rounds of all cases. Of each three values: a walk, which takes 100 ns,
    but 110 in the second round; a run, which always takes 7."""
    document = json.loads(SCHEMA_2.read_text(encoding="utf-8"))
    document["context"]["forkcost"]["yardsticks"] = {
        f"{name}_ns": {"unit": "ns", "title": f"a {name}", "meaning": "what it is"} for name in ("walk", "run")}
    for entry in document["benchmarks"]:
        walk = 110 if entry["repetition_index"] == 1 else 100
        entry["yardsticks"] = {
            "walk_ns": {"unit": "ns", "min": 1, "p50": walk, "p90": 900, "samples": [900, walk, 1]},
            "run_ns": {"unit": "ns", "min": 7, "p50": 7, "p90": 7, "n": 3}}
    return load([write(document, tmp_path_factory.mktemp("runs") / "meanwhile.json")])
