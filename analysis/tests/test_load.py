import copy
import json

import numpy as np
import pytest

import synthetic
from conftest import write
from forkcost.errors import InputError
from forkcost.load import load


@pytest.fixture(scope="module")
def document():
    return synthetic.Maker(rounds=3, samples=5).fork(paths=("fork",), heaps={"0": 0}).document()


def broken(document, change):
    document = copy.deepcopy(document)
    change(document)
    return document


def first(document):
    return document["benchmarks"][0]["quantities"]["blocked_ns"]


BROKEN = {
    "another schema": (lambda d: d["context"]["forkcost"].update(schema=2), "schema 2"),
    "schema is text": (lambda d: d["context"]["forkcost"].update(schema="1"), "schema"),
    "plain Google Benchmark": (lambda d: d["context"].pop("forkcost"), "Google Benchmark"),
    "no context": (lambda d: d.pop("context"), "no benchmark result"),
    "no benchmarks": (lambda d: d.pop("benchmarks"), "benchmarks"),
    "nothing in it": (lambda d: d.update(benchmarks=[], unmeasured=[]), "no case at all"),
    "an entry is text": (lambda d: d["benchmarks"].append("x"), "is no object"),
    "no axes": (lambda d: d["benchmarks"][0].pop("axes"), "axes"),
    "no quantities": (lambda d: d["benchmarks"][0].pop("quantities"), "quantities"),
    "no unit": (lambda d: first(d).pop("unit"), "unit"),
    "neither samples nor histogram": (lambda d: first(d).pop("samples"), "samples"),
    "samples lost": (lambda d: first(d)["samples"].pop(), "says n = 5"),
    "samples are text": (lambda d: first(d).update(samples=["a"] * 5), "says n = 5"),
    "histogram of pairs": (lambda d: first(d).update(histogram=[[1, 2]]), "histogram"),
    "histogram of two pairs": (lambda d: first(d).update(histogram=[[1, 2]] * 2, n=4), "histogram"),
    "samples are rows": (lambda d: first(d).update(samples=[[1.0]] * 5), "says n = 5"),
    "a number too large": (lambda d: first(d).update(samples=[10**400] * 5), "says n = 5"),
    "an axis is a list": (lambda d: d["benchmarks"][0]["axes"].update(path=[]), "'path'"),
    "heap_bytes is text": (lambda d: d["benchmarks"][0].update(heap_bytes="x"), "heap_bytes"),
    "environment is a list": (lambda d: d["context"]["forkcost"].update(environment=[]),
                              "environment"),
    "machine is a list": (lambda d: d["context"]["forkcost"]["environment"].update(machine=[]),
                          "machine"),
    "page_size is text": (lambda d: d["context"]["forkcost"]["environment"]["machine"].update(
        page_size="4k"), "page_size"),
    "run is a list": (lambda d: d["context"]["forkcost"].update(run=[]), "'run'"),
    "clock is text": (lambda d: d["context"]["forkcost"].update(clock="tsc"), "clock"),
    "warnings are text": (lambda d: d["context"]["forkcost"].update(warnings=["x"]), "warnings"),
    "conditions is a list": (lambda d: d["benchmarks"][0].update(conditions=[]), "conditions"),
    "reasons are lists": (lambda d: d["benchmarks"][0]["conditions"].update(reasons=[[]]),
                          "reasons"),
    "verification is an object": (lambda d: d["benchmarks"][0].update(verification={}),
                                  "verification"),
    "a check is text": (lambda d: d["benchmarks"][0].update(verification=["x"]), "verification"),
    "unmeasured without outcome": (lambda d: d["unmeasured"].append(
        {"name": "a", "benchmark": "a", "axes": {}}), "outcome"),
}


@pytest.mark.parametrize("what", BROKEN)
def test_a_broken_file_is_named_with_the_reason(what, document, tmp_path):
    change, reason = BROKEN[what]
    path = write(broken(document, change), tmp_path / "broken.json")
    with pytest.raises(InputError) as error:
        load([path])
    assert "broken.json" in str(error.value)
    assert reason in str(error.value)


@pytest.mark.parametrize("error", [ValueError, TypeError, KeyError, AttributeError])
def test_what_no_check_foresaw_is_an_input_error_too(error, document, tmp_path, monkeypatch):
    def fail(*_):
        raise error("unforeseen")
    monkeypatch.setattr("forkcost.load._case", fail)
    with pytest.raises(InputError, match="odd.json.*unforeseen.*run forkcost-run again"):
        load([write(document, tmp_path / "odd.json")])


def test_the_way_out_of_an_empty_file_exists(document, tmp_path):
    path = write(broken(document, lambda d: d.update(benchmarks=[])), tmp_path / "run.json")
    with pytest.raises(InputError, match=r"forkcost-run --list shows"):
        load([path])


@pytest.mark.parametrize("content, reason", [
    (b"", "not whole JSON"), (b"[1, 2]", "no benchmark result"), (b"\xff\xfe\x00", "not text"),
    (b'{"context": ', "not whole JSON"), (b"[" * 100000, "not whole JSON")])
def test_what_is_no_result_file(content, reason, tmp_path):
    path = tmp_path / "file.json"
    path.write_bytes(content)
    with pytest.raises(InputError, match=reason):
        load([path])


def test_a_truncated_file(document, tmp_path):
    path = tmp_path / "cut.json"
    path.write_text(json.dumps(document)[:-200], encoding="utf-8")
    with pytest.raises(InputError, match="not whole JSON"):
        load([path])


def test_a_missing_file_and_a_directory(tmp_path):
    with pytest.raises(InputError, match="No such file"):
        load([tmp_path / "none.json"])
    with pytest.raises(InputError, match="Is a directory"):
        load([tmp_path])


def test_the_whole_document_is_read(document, tmp_path):
    run = load([write(document, tmp_path / "run.json")])
    quantity = next(iter(run.cases.values())).quantities["blocked_ns"]
    written = [v for e in document["benchmarks"] if e["axes"]["backing"] == "4k"
               for v in e["quantities"]["blocked_ns"]["samples"]]
    assert sorted(quantity.samples) == sorted(written)
    assert quantity.summary["rounds"] == 3
    assert quantity.summary["n"] == 15
    assert quantity.summary["max"] == max(written)


def test_a_missing_quantity_is_absent_and_never_zero(document, tmp_path):
    def change(d):
        d["benchmarks"][0]["quantities"].pop("child_start_ns")
        d["benchmarks"][1]["quantities"]["teardown_ns"] = {"unit": "ns", "better": "lower", "n": 0,
                                                           "samples": [None] * 5}
        for entry in d["benchmarks"]:
            entry["quantities"].pop("total_ns")
            entry["quantities"]["child_cpu_ns"] |= {"n": 0, "samples": [None] * 5}
    run = load([write(broken(document, change), tmp_path / "run.json")])
    name = document["benchmarks"][0]["name"]
    assert run.quantity(name, "total_ns") is None
    assert run.quantity(name, "child_cpu_ns") is None
    assert run.quantity(name, "child_start_ns").summary["rounds"] == 2
    assert run.quantity(name, "teardown_ns").summary["n"] == 10
    assert (run.table.p50 > 0).all()


def test_null_samples_keep_their_place(document, tmp_path):
    def change(d):
        q = first(d)
        q["samples"][2] = None
        q["n"] = 4
    run = load([write(broken(document, change), tmp_path / "run.json")])
    quantity = run.quantity(document["benchmarks"][0]["name"], "blocked_ns")
    assert np.isnan(quantity.paired[0][2])
    assert len(quantity.rounds[0]) == 4


def test_several_files_are_one_run(tmp_path):
    makers = [synthetic.Maker(seed, rounds=3, samples=5) for seed in (1, 2)]
    files = [write(m.fork(paths=("fork",), heaps={"0": 0}).document(), tmp_path / f"{i}.json")
             for i, m in enumerate(makers)]
    cases = load(files).cases.values()
    assert {c.quantities["blocked_ns"].summary["rounds"] for c in cases} == {6}


def test_files_of_two_machines_are_refused(document, tmp_path):
    other = broken(document, lambda d: d["context"].update(host_name="elsewhere"))
    files = [write(document, tmp_path / "a.json"), write(other, tmp_path / "b.json")]
    with pytest.raises(InputError, match="b.json: has another machine or kernel .*elsewhere"):
        load(files)


def test_unmeasured_cases_keep_their_reasons(made):
    run = made(synthetic.Maker(rounds=3).skipped().failed())
    assert [list(r) for r in run.outcomes("failed").values()] == [
        ["AnonHugePages is 2048 kB, expected 0"]]
    assert [sum(r.values()) for r in run.outcomes("skipped").values()] == [3]
    assert run.table.empty


def test_the_reference_run_is_read(reference):
    run = load([reference])
    assert run.cases
    assert not run.outcomes("failed")
    for case in run.cases.values():
        for quantity in case.quantities.values():
            for ours, theirs in zip(quantity.rounds, quantity.recorded):
                # The same definition of a quantile on both sides of the file.
                if not quantity.histograms:
                    assert np.quantile(ours, 0.9, method="inverted_cdf") == theirs["p90"]
