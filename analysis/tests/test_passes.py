import copy
import re

import pytest

import synthetic
import synthetic_counts
from conftest import write
from forkcost.errors import InputError
from forkcost.load import load
from forkcost.passes import Counters, Profile

FORK = "fork/path:fork/heap:16MiB/placement:other-cpu"


@pytest.fixture(scope="module")
def document():
    maker = synthetic.Maker(rounds=3, samples=5)
    maker.fork(paths=("fork",), heaps={"16MiB": 2**24}, backings=("4k",))
    return synthetic_counts.everything(maker).document()


def case(document, tmp_path):
    return load([write(document, tmp_path / "run.json")]).cases[FORK]


def changed(document, change):
    document = copy.deepcopy(document)
    for entry in document["benchmarks"]:
        change(entry)
    return document


def test_counters_are_pooled_over_rounds(document, tmp_path):
    found = case(document, tmp_path).counters
    event = found.events["instructions:k"]
    assert found.median("instructions:k", "parent") == pytest.approx(300e3 + 180 * 4096, rel=0.03)
    assert len(event.parent.rounds) == 3 and event.parent.summary["n"] == 12
    assert event.inheriting == pytest.approx(0.02 * 1037280, rel=0.01)
    assert found.child_end_counted is False and found.reasons == {}
    assert found.median("nothing", "parent") is None


def test_a_run_without_further_passes_has_none(made):
    run = made(synthetic.Maker(rounds=1, samples=3).fork(paths=("fork",)))
    assert all(c.counters is None and c.profile is None for c in run.cases.values())


def test_an_event_without_figures_is_a_reason_and_no_zero(document, tmp_path):
    def change(entry):
        entry["counters"]["events"]["cycles:k"] = {"reason": "no PMU"}
        for who in ("parent", "child", "family", "cpu"):
            q = entry["counters"]["events"]["cycles:u"][who]
            q |= {"n": 0, "samples": [None] * 4}
    found = case(changed(document, change), tmp_path).counters
    assert found.reasons == {"cycles:k": "no PMU", "cycles:u": "it never ran"}
    assert found.median("cycles:k", "parent") is None
    assert found.ratio("instructions:k", "cycles:k", "parent") is None
    assert found.ratio("minor-faults", "instructions:k", "child") is not None


def test_an_event_that_one_round_could_not_count_is_that_of_the_others(document, tmp_path):
    document = copy.deepcopy(document)
    document["benchmarks"][0]["counters"]["events"]["cycles:k"] = {"reason": "busy"}
    document["benchmarks"][1]["counters"] = {"reason": "no"}
    found = case(document, tmp_path).counters
    assert len(found.events["cycles:k"].parent.rounds) == 1 and not found.reasons


def test_the_least_running_share_counts(document, tmp_path):
    document = copy.deepcopy(document)
    document["benchmarks"][1]["counters"]["events"]["cycles:k"]["running_share"] = 0.4
    assert case(document, tmp_path).counters.events["cycles:k"].running_share == 0.4


def test_whether_the_childs_end_is_counted_may_be_unknown(document, tmp_path):
    unknown = changed(document, lambda e: e["counters"].pop("child_end_counted"))
    assert case(unknown, tmp_path).counters.child_end_counted is None


def test_a_reason_for_the_whole_case(document, tmp_path):
    def change(entry):
        entry["counters"] = {"reason": "this case has no beginning"}
        entry["profile"] = {"reason": "kernel.perf_event_paranoid is 2"}
    found = case(changed(document, change), tmp_path)
    assert found.counters == "this case has no beginning"
    assert found.profile == "kernel.perf_event_paranoid is 2"


def test_profiles_of_rounds_add_up(document, tmp_path):
    found = case(document, tmp_path).profile
    assert isinstance(found, Profile)
    assert (found.rounds, found.samples, found.operations, found.throttled) == (
        3, 6000, sum(e["profile"]["operations"] for e in document["benchmarks"]), 3)
    assert sum(found.functions.values()) + sum(found.images.values()) == 6000
    assert found.functions["nf_hook [nf_tables]"] > 0
    assert list(found.functions.values()) == sorted(found.functions.values(), reverse=True)


def test_rounds_sampled_otherwise_do_not_add_up(document, tmp_path):
    document = copy.deepcopy(document)
    document["benchmarks"][2]["profile"] |= {"event": "cycles", "unit": "1", "period": 1e6}
    found = case(document, tmp_path).profile
    assert (found.event, found.rounds, found.samples, found.left_out) == ("cpu-clock", 2, 4000, 1)


def test_operations_without_room_are_counted_and_said(document, tmp_path):
    def change(entry):
        entry["profile"]["operations_left_out"] = 2
    found = case(changed(document, change), tmp_path).profile
    assert found.operations_left_out == 2 * len(document["benchmarks"])


def test_a_profile_without_samples_has_no_shares(document, tmp_path):
    def change(entry):
        entry["profile"] |= {"samples": 0, "functions": [], "images": []}
    assert "no sample" in case(changed(document, change), tmp_path).profile


def event(entry):
    return entry["counters"]["events"]["cycles:k"]


BROKEN = {
    "counters are a list": (lambda e: e.update(counters=[]), "counters is [], not an object"),
    "a reason is a number": (lambda e: e.update(counters={"reason": 1}),
                             "counters.reason is 1, not a string"),
    "no events": (lambda e: e["counters"].pop("events"), "counters has no 'events'"),
    "an event is text": (lambda e: e["counters"]["events"].update({"cycles:k": "x"}),
                         "counters.events.cycles:k is 'x', not an object"),
    "no unit": (lambda e: event(e).pop("unit"), "counters.events.cycles:k has no 'unit'"),
    "a share is text": (lambda e: event(e).update(running_share="1"),
                        "cycles:k.running_share is '1', not a number"),
    "samples lost": (lambda e: event(e)["parent"]["samples"].pop(),
                     "cycles:k.parent says n = 4"),
    "the child is a number": (lambda e: event(e).update(child=1),
                              "cycles:k.child is 1, not an object"),
    "child_end_counted is text": (lambda e: e["counters"].update(child_end_counted="no"),
                                  "counters.child_end_counted is 'no', not true or false"),
    "profile is text": (lambda e: e.update(profile="x"), "profile is 'x', not an object"),
    "no event": (lambda e: e["profile"].pop("event"), "profile has no 'event'"),
    "lost is text": (lambda e: e["profile"].update(lost="0"),
                     "profile.lost is '0', not a whole number"),
    "a function is text": (lambda e: e["profile"]["functions"].append("x"),
                           "] is 'x', not an object"),
    "a function without samples": (lambda e: e["profile"]["functions"][0].pop("samples"),
                                   "profile.functions[0] has no 'samples'"),
    "no period": (lambda e: e["profile"].update(period=0),
                  "profile.period is 0, less than 1"),
    "samples of no operation": (lambda e: e["profile"].update(operations=0),
                                "samples of no operation"),
    "fewer samples than none": (lambda e: e["profile"]["functions"][0].update(samples=-1),
                                "profile.functions[0].samples is -1, less than 0"),
    "a share below 0": (lambda e: event(e).update(running_share=-1),
                        "cycles:k.running_share is -1, less than 0"),
    "not a number": (lambda e: event(e)["parent"].update(p50=float("nan")), "NaN is no number"),
    "samples do not add up": (lambda e: e["profile"].update(samples=1), "says samples = 1"),
}


@pytest.mark.parametrize("what", BROKEN)
def test_a_broken_pass_is_named_with_the_reason(what, document, tmp_path):
    change, reason = BROKEN[what]
    document = copy.deepcopy(document)
    change(document["benchmarks"][0])
    with pytest.raises(InputError) as error:
        load([write(document, tmp_path / "broken.json")])
    assert re.search(r"broken.json: (benchmarks\[0\]|is not whole JSON)", str(error.value))
    assert reason in str(error.value)


def test_nothing_is_read_into_counters_that_are_none():
    assert Counters({}, {}, None).ratio("instructions:k", "cycles:k", "parent") is None
