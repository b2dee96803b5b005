"""A quantity keeps its rounds by file and number, from the file to the verdict."""

import numpy as np

import synthetic
import synthetic_counts
from conftest import write
from forkcost import stats
from forkcost.compare import sides
from forkcost.load import load
from forkcost.quantity import Quantity

NAME = "fork/path:fork/heap:0/placement:other-cpu"


def document(seed=1, lost=()):
    maker = synthetic_counts.counted(synthetic.Maker(seed, rounds=4).fork(
        paths=("fork",), heaps={"0": 0}, backings=("4k",)))
    found = maker.document()
    found["benchmarks"] = [e for e in found["benchmarks"] if e["repetition_index"] not in lost]
    return found


def test_rounds_have_their_files_and_their_numbers(tmp_path):
    paths = [write(document(1, lost={1}), tmp_path / "a.json"),
             write(document(2), tmp_path / "b.json")]
    case = load(paths).cases[NAME]
    keys = [(0, 0), (0, 2), (0, 3), (1, 0), (1, 1), (1, 2), (1, 3)]
    assert list(case.quantities["blocked_ns"].by_round) == keys
    # Counters have those of the rounds that were counted, not numbers of their own.
    assert list(case.counters.events["instructions:k"].family.by_round) == keys


def test_a_round_without_the_quantity_leaves_its_number_out(tmp_path):
    made = document()
    del made["benchmarks"][2]["quantities"]["blocked_cpu_ns"]
    case = load([write(made, tmp_path / "a.json")]).cases[NAME]
    assert list(case.quantities["blocked_cpu_ns"].by_round) == [(0, 0), (0, 1), (0, 3)]
    assert list(case.quantities["blocked_ns"].by_round) == [(0, n) for n in range(4)]


def test_rounds_that_are_numbered_alike_are_told_apart_by_their_places(tmp_path):
    made = document()
    made["benchmarks"] += document(2)["benchmarks"]
    quantity = load([write(made, tmp_path / "a.json")]).quantity(NAME, "blocked_ns")
    assert list(quantity.by_round) == [(0, n) for n in range(8)]


def test_a_side_of_files_has_the_rounds_and_the_quantiles_of_one_run_of_them(tmp_path):
    paths = [write(document(n), tmp_path / f"{n}.json") for n in (1, 2)]
    whole = load(paths).cases[NAME]
    for name, found in sides.read("side", paths).observed(NAME).items():
        ours = whole.quantities.get(name)
        if ours is None:
            event, who = name.rsplit(" ", 1)
            ours = getattr(whole.counters.events[event], who)
        assert type(found) is Quantity and list(found.by_round) == list(ours.by_round)
        assert found.quantile(0.25) == ours.quantile(0.25) == stats.quantile(
            np.concatenate(list(found.by_round.values())), 0.25)
