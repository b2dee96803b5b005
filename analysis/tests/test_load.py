import copy
import gzip
import json
import re

import numpy as np
import pytest
from click.testing import CliRunner

import synthetic
from conftest import SCHEMA_1, SCHEMA_2, write
from forkcost.cli import main
from forkcost.errors import InputError
from forkcost.load import load


@pytest.fixture(scope="module")
def document():
    return synthetic.Maker(rounds=3, samples=5).fork(paths=("fork",), heaps={"0": 0}).document()


def broken(document, change):
    document = copy.deepcopy(document)
    change(document)
    return document


def short(name):
    """Of schema 1, as schema 2 has it."""
    return name.replace("/backing:4k", "")


FIRST = "benchmarks[0].quantities.blocked_ns"


def first(document):
    return document["benchmarks"][0]["quantities"]["blocked_ns"]


BROKEN = {
    "another schema": (lambda d: d["context"]["forkcost"].update(schema=3), "schema 3"),
    "schema is text": (lambda d: d["context"]["forkcost"].update(schema="1"),
                       "context.forkcost has no proper 'schema'"),
    "schema is true": (lambda d: d["context"]["forkcost"].update(schema=True),
                       "context.forkcost has no proper 'schema'"),
    "plain Google Benchmark": (lambda d: d["context"].pop("forkcost"), "Google Benchmark"),
    "no context": (lambda d: d.pop("context"), "no benchmark result"),
    "no benchmarks": (lambda d: d.pop("benchmarks"), "the file has no 'benchmarks'"),
    "nothing in it": (lambda d: d.update(benchmarks=[], unmeasured=[]), "no case at all"),
    "an entry is text": (lambda d: d["benchmarks"].append("x"), "benchmarks[6] is 'x', not an object"),
    "no axes": (lambda d: d["benchmarks"][0].pop("axes"), "benchmarks[0] has no 'axes'"),
    "no quantities": (lambda d: d["benchmarks"][0].pop("quantities"),
                      "benchmarks[0] has no 'quantities'"),
    "a quantity is a list": (lambda d: d["benchmarks"][0]["quantities"].update(blocked_ns=[]),
                             f"{FIRST} is [], not an object"),
    "no unit": (lambda d: first(d).pop("unit"), f"{FIRST} has no 'unit'"),
    "no number of samples": (lambda d: first(d).pop("n"), f"{FIRST} has no 'n'"),
    "no minimum": (lambda d: first(d).pop("min"), f"{FIRST} has no 'min'"),
    "neither samples nor histogram": (lambda d: first(d).pop("samples"),
                                      f"{FIRST} has neither 'samples' nor 'histogram'"),
    "samples lost": (lambda d: first(d)["samples"].pop(), f"{FIRST} says n = 5"),
    "samples are text": (lambda d: first(d).update(samples=["a"] * 5),
                         f"{FIRST}.samples[0] is 'a', not a number"),
    "a sample is a number as text": (lambda d: first(d)["samples"].append("5"),
                                     f"{FIRST}.samples[5] is '5', not a number"),
    "histogram of pairs": (lambda d: first(d).update(histogram=[[1, 2]]),
                           f"{FIRST}.histogram[0] is [1, 2], and must contain"),
    "histogram of two pairs": (lambda d: first(d).update(histogram=[[1, 2]] * 2, n=4),
                               f"{FIRST}.histogram[0] is [1, 2], and must contain"),
    "histogram of texts": (lambda d: first(d).update(histogram=[[1, 2, "5"]]),
                           f"{FIRST}.histogram[0][2] is '5', not a number"),
    "samples are rows": (lambda d: first(d).update(samples=[[1.0]] * 5),
                         f"{FIRST}.samples[0] is [1.0], not a number"),
    "a number too large": (lambda d: first(d).update(samples=[10**400] * 5),
                           f"{FIRST}.samples has a number that is too large"),
    "an axis is a list": (lambda d: d["benchmarks"][0]["axes"].update(path=[]),
                          "benchmarks[0].axes.path is [], not a string"),
    "heap_bytes is text": (lambda d: d["benchmarks"][0].update(heap_bytes="x"),
                           "benchmarks[0].heap_bytes is 'x', not a whole number"),
    "environment is a list": (lambda d: d["context"]["forkcost"].update(environment=[]),
                              "context.forkcost.environment is []"),
    "machine is a list": (lambda d: d["context"]["forkcost"]["environment"].update(machine=[]),
                          "context.forkcost.environment.machine is []"),
    "page_size is text": (lambda d: d["context"]["forkcost"]["environment"]["machine"].update(
        page_size="4k"), "context.forkcost.environment.machine.page_size is '4k'"),
    "run is a list": (lambda d: d["context"]["forkcost"].update(run=[]),
                      "context.forkcost.run is []"),
    "clock is text": (lambda d: d["context"]["forkcost"].update(clock="tsc"),
                      "context.forkcost.clock is 'tsc'"),
    "warnings are text": (lambda d: d["context"]["forkcost"].update(warnings=["x"]),
                          "context.forkcost.warnings[0] is 'x'"),
    "conditions is a list": (lambda d: d["benchmarks"][0].update(conditions=[]),
                             "benchmarks[0].conditions is []"),
    "reasons are lists": (lambda d: d["benchmarks"][0]["conditions"].update(reasons=[[]]),
                          "benchmarks[0].conditions.reasons[0] is []"),
    "verification is an object": (lambda d: d["benchmarks"][0].update(verification={}),
                                  "benchmarks[0].verification is {}, not a list"),
    "a check is text": (lambda d: d["benchmarks"][0].update(verification=["x"]),
                        "benchmarks[0].verification[0] is 'x', not an object"),
    "unmeasured without outcome": (lambda d: d["unmeasured"].append(
        {"name": "a", "benchmark": "a", "axes": {}}), "unmeasured[0] has no 'outcome'"),
}


@pytest.mark.parametrize("what", BROKEN)
def test_a_broken_file_is_named_with_the_reason(what, document, tmp_path):
    change, reason = BROKEN[what]
    path = write(broken(document, change), tmp_path / "broken.json")
    with pytest.raises(InputError) as error:
        load([path])
    assert "broken.json: " in str(error.value)
    assert reason in str(error.value)
    assert re.search(r"forkcost-run|a newer forkcost$", str(error.value))  # what to do


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
    name = short(document["benchmarks"][0]["name"])
    assert run.quantity(name, "total_ns") is None
    assert run.quantity(name, "child_cpu_ns") is None
    assert run.quantity(name, "child_start_ns").summary["rounds"] == 2
    assert run.quantity(name, "teardown_ns").summary["n"] == 10
    assert (run.table.p50 > 0).all()


def test_null_samples_are_left_out(document, tmp_path):
    def change(d):
        q = first(d)
        q["samples"][2] = None
        q["n"] = 4
    run = load([write(broken(document, change), tmp_path / "run.json")])
    quantity = run.quantity(short(document["benchmarks"][0]["name"]), "blocked_ns")
    given = first(document)["samples"]
    assert quantity.rounds[0].tolist() == given[:2] + given[3:]


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
            for ours, theirs in zip(quantity.rounds, quantity.recorded.values()):
                # The same definition of a quantile on both sides of the file.
                if not quantity.histograms:
                    assert np.quantile(ours, 0.9, method="inverted_cdf") == theirs["p90"]


# The two schemas


@pytest.fixture(scope="module")
def both():
    return load([SCHEMA_1]), load([SCHEMA_2])


def test_both_schemas_have_one_form(both):
    old, new = both
    assert list(old.cases) == list(new.cases)
    assert [e["name"] for e in old.unmeasured] == [e["name"] for e in new.unmeasured]
    assert old.outcomes("skipped") == new.outcomes("skipped") != {}
    for name, case in old.cases.items():
        other = new.cases[name]
        assert list(case.axes.items()) == list(other.axes.items())
        assert (case.benchmark, case.heap_bytes, case.verified) == (
            other.benchmark, other.heap_bytes, other.verified)
        assert case.quantities.keys() == other.quantities.keys()
        for ours, theirs in zip(case.entries, other.entries):
            for key in ("repetition_index", "primary", "primary_cpu", "verification", "pid"):
                assert ours.get(key) == theirs.get(key)
            for key in ("disturbed", "reasons"):
                assert bool(ours["conditions"][key]) == bool(theirs["conditions"].get(key))
        for quantity in case.quantities:
            same_values(case.quantities[quantity], other.quantities[quantity], new)
            # Files of schema 1 name none for it, although its siblings have p25.
            named = {"entry_start_ns": "p25"}.get(quantity, old.estimator(quantity))
            assert new.estimator(quantity) == named


def same_values(ours, theirs, run):
    """To the step in which schema 2 stores them."""
    assert (ours.unit, ours.better) == (theirs.unit, theirs.better)
    step = run.context["quantities"][ours.name].get("step", 0)
    assert len(ours.rounds) == len(theirs.rounds)
    assert [h.tolist() for h in ours.histograms] == [h.tolist() for h in theirs.histograms]
    for a, b in zip(ours.rounds, theirs.rounds):
        assert b == pytest.approx(a, abs=step, rel=1e-6)
    for key, value in ours.summary.items():
        assert theirs.summary[key] == pytest.approx(value, abs=max(step, 1), rel=1e-3)


def test_names_and_axes_are_those_of_schema_2(both):
    for run in both:
        assert {"fork/path:fork/heap:256MiB", "cow/heap:4MiB/backing:thp"} <= set(run.cases)
        assert run.cases["cow/heap:4MiB"].axes == {
            "writer": "parent", "state": "first", "access": "write", "pattern": "sequential",
            "heap": "4MiB", "backing": "4k"}


def test_a_base_page_of_another_size_is_the_default(document, tmp_path):
    def change(d):
        d["context"]["forkcost"]["environment"]["machine"]["page_size"] = 65536
    run = load([write(broken(document, change), tmp_path / "run.json")])
    assert all("/backing:4k" in name or "/backing:thp" in name for name in run.cases)


SAMPLED = "benchmarks[0].quantities.sample_ns"
SPOILT = {
    "a case without its row": (lambda d: d["context"]["forkcost"]["cases"].pop("cow/heap:4MiB"),
                               "benchmarks[14]: context.forkcost.cases has no 'cow/heap:4MiB'"),
    "no table of cases": (lambda d: d["context"]["forkcost"].pop("cases"),
                          "context.forkcost has no 'cases'"),
    "a quantity without its row": (lambda d: d["context"]["forkcost"]["quantities"].pop("pages"),
                                   ".pages: context.forkcost.quantities has no 'pages'"),
    "no estimator": (lambda d: d["context"]["forkcost"]["quantities"]["pages"].pop("estimator"),
                     "context.forkcost.quantities.pages has no 'estimator'"),
    "samples above their min": (lambda d: sampled(d).update(
        samples=[s + 1 for s in sampled(d)["samples"]]), "the least of its samples"),
    "no samples": (lambda d: sampled(d).update(samples=[]),
                   f"{SAMPLED}.samples is [], and must contain at least 1"),
    "samples are text": (lambda d: sampled(d).update(samples=["x"]),
                         f"{SAMPLED}.samples[0] is 'x', not a number"),
    "a sample is true": (lambda d: sampled(d).update(samples=[True]),
                         f"{SAMPLED}.samples[0] is True, not a number"),
    "both samples and their number": (lambda d: sampled(d).update(n=3), f"{SAMPLED}.n is 3, and must not be there"),
    "more equal samples than any memory holds": (
        lambda d: [sampled(d).pop("samples"), sampled(d).update(n=10**15)],
        ".n is 1000000000000000, more than 10000000"),
    "a histogram without mean": (lambda d: binned(d).pop("mean"),
                                 "has neither 'samples' nor 'n' nor 'histogram' and 'max' and 'mean'"),
    "a histogram of texts": (lambda d: binned(d).update(histogram=[["x", 1]]),
                             ".histogram[0][0] is 'x', not a number"),
    "a histogram of rows": (lambda d: binned(d).update(histogram=[[[1], [1]]]),
                            ".histogram[0][0] is [1], not a number"),
}


def sampled(document):
    return document["benchmarks"][0]["quantities"]["sample_ns"]


def binned(document):
    return next(q for e in document["benchmarks"] for q in e["quantities"].values()
                if "histogram" in q)


@pytest.mark.parametrize("what", SPOILT)
def test_a_broken_file_of_schema_2_is_named_with_the_reason(what, tmp_path):
    change, reason = SPOILT[what]
    document = json.loads(SCHEMA_2.read_text(encoding="utf-8"))
    change(document)
    with pytest.raises(InputError, match="broken.json: .*run forkcost-run again") as error:
        load([write(document, tmp_path / "broken.json")])
    assert reason in str(error.value)


@pytest.mark.parametrize("change", [
    lambda d: d["benchmarks"][0]["quantities"].update({"\x1b[2J": {"n": 1}}),
    lambda d: d["context"].update(host_name="\x1b[2J")])
def test_names_in_a_file_are_text_on_a_terminal(change, tmp_path):
    document = json.loads(SCHEMA_2.read_text(encoding="utf-8"))
    change(document)
    path = write(document, tmp_path / "run.json")
    result = CliRunner(mix_stderr=False).invoke(
        main, ["report", str(SCHEMA_2), str(path), "-o", str(tmp_path / "report")])
    assert result.exit_code == 2
    assert r"\x1b[2J" in result.stderr and "\x1b" not in result.stderr


@pytest.mark.parametrize("schema, key", [(SCHEMA_1, "samples"), (SCHEMA_2, "min")])
def test_a_number_beyond_all_is_none(schema, key, tmp_path):
    text = re.sub(rf'("{key}": ?\[?)[0-9.]+', r"\g<1>1e999", schema.read_text(encoding="utf-8"), count=1)
    path = tmp_path / "run.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match="1e999 is no number"):
        load([path])


def test_files_with_other_quantities_each_say_what_theirs_are(tmp_path):
    """Bench programs list the quantities that they have; whichever file comes first decides nothing."""
    parts = []
    for benchmark in ("cow", "fork"):
        document = json.loads(SCHEMA_2.read_text(encoding="utf-8"))
        document["benchmarks"] = [e for e in document["benchmarks"]
                                  if e["name"].startswith(f"{benchmark}/")]
        document["unmeasured"] = []
        ours = document["context"]["forkcost"]
        ours["cases"] = {n: c for n, c in ours["cases"].items() if c["benchmark"] == benchmark}
        used = {q for e in document["benchmarks"] for q in e["quantities"]}
        ours["quantities"] = {q: row for q, row in ours["quantities"].items() if q in used}
        parts.append(write(document, tmp_path / f"{benchmark}.json"))
    one, other = load(parts), load(parts[::-1])
    assert one.quantities == other.quantities
    assert one.estimator("total_ns") == other.estimator("total_ns") == "p25"
    assert one.estimator("debt_ns") == other.estimator("debt_ns") == "p25"


def test_a_key_that_a_later_program_writes_is_no_damage(tmp_path):
    document = json.loads(SCHEMA_2.read_text(encoding="utf-8"))
    document["context"]["forkcost"]["later"] = document["benchmarks"][0]["later"] = 1
    sampled(document)["later"] = "x"
    assert len(load([write(document, tmp_path / "run.json")]).cases) == 10


def test_a_quantity_has_a_step_of_its_own_where_its_process_found_another(tmp_path):
    document = json.loads(SCHEMA_2.read_text(encoding="utf-8"))
    name = document["benchmarks"][0]["name"]
    expected = load([SCHEMA_2]).cases[name].quantities["sample_ns"].samples
    assert document["context"]["forkcost"]["quantities"]["sample_ns"]["step"] == 10
    found = sampled(document)
    found.update(step=1, samples=[10 * s for s in found["samples"]])
    run = load([write(document, tmp_path / "run.json")])
    assert run.cases[name].quantities["sample_ns"].samples.tolist() == expected.tolist()


def with_yardsticks():
    """The stored file, with yardsticks in all rounds of its second case but the first."""
    document = json.loads(SCHEMA_2.read_text(encoding="utf-8"))
    name = [*document["context"]["forkcost"]["cases"]][1]
    rounds = [entry for entry in document["benchmarks"] if entry["name"] == name]
    document["context"]["forkcost"]["yardsticks"] = {
        yardstick: {"unit": "ns", "title": title, "meaning": "what it is"}
        for yardstick, title in (("walk_ns", "a walk"), ("run_ns", "a run"))}
    for i, entry in enumerate(rounds[1:]):
        entry["yardsticks"] = {
            "walk_ns": {"unit": "ns", "min": 1.25 + i, "p50": 1.5 + i, "p90": 2 + i,
                        "samples": [1.5 + i, 1.25 + i, 2 + i]},
            "run_ns": {"unit": "ns", "min": 3, "p50": 3, "p90": 3, "n": 2}}
    return document, name, len(rounds)


def test_yardsticks_stand_beside_the_quantities_of_the_rounds_that_have_them(tmp_path):
    document, name, rounds = with_yardsticks()
    first, second = (write(document, tmp_path / f"{n}.json") for n in (1, 2))
    run = load([first, second])
    case = run.cases[name]
    assert rounds > 2
    assert {key: values.tolist() for key, values in case.yardsticks["walk_ns"].items()} == {
        (file, i + 1): [1.5 + i, 1.25 + i, 2 + i] for file in (0, 1) for i in range(rounds - 1)}
    assert [v.tolist() for v in case.yardsticks["run_ns"].values()] == [[3, 3]] * 2 * (rounds - 1)
    assert "walk_ns" not in case.quantities and "walk_ns" not in run.quantities
    assert [row["title"] for row in run.yardsticks.values()] == ["a walk", "a run"]
    others = [c for c in run.cases.values() if c.name != name]
    assert others and not any(c.yardsticks for c in others)


def test_a_file_without_yardsticks_has_none():
    run = load([SCHEMA_2])
    assert run.yardsticks == {} and not any(c.yardsticks for c in run.cases.values())


@pytest.mark.parametrize("change, reason", [
    (lambda ours, taken: ours.pop("yardsticks"), r"yardsticks.walk_ns: .* has no 'walk_ns'"),
    (lambda ours, taken: taken["walk_ns"].update(min=1), "walk_ns says min = 1, but the least"),
    (lambda ours, taken: taken["run_ns"].pop("n"), "run_ns has neither 'samples' nor 'n'"),
])
def test_yardsticks_that_are_damaged_are_named(change, reason, tmp_path):
    document, name, _ = with_yardsticks()
    entry = next(e for e in document["benchmarks"] if "yardsticks" in e)
    change(document["context"]["forkcost"], entry["yardsticks"])
    with pytest.raises(InputError, match=reason):
        load([write(document, tmp_path / "run.json")])


def test_a_round_has_all_of_its_checks_of_one_name(tmp_path):
    """As the C++ reader does: of two checks of one name that differ, both are in place of both."""
    def check(name, observed):
        return {"check": name, "expected": "any", "observed": observed, "ok": True}

    document = json.loads(SCHEMA_2.read_text(encoding="utf-8"))
    entry = document["benchmarks"][0]
    of_case = [check("program", "a"), check("arena", "8MiB"), check("program", "b")]
    document["context"]["forkcost"]["cases"][entry["name"]]["verification"] = of_case
    entry["verification"] = [check("program", "a"), check("program", "c"), check("late", "1")]
    run = load([write(document, tmp_path / "run.json")])
    assert run.cases[entry["name"]].entries[0]["verification"] == [
        check("program", "a"), check("program", "c"), check("arena", "8MiB"), check("late", "1")]


def test_a_compressed_file_is_read_whatever_its_name_is(tmp_path):
    packed = gzip.compress(SCHEMA_2.read_bytes())
    for name in ("run.json.gz", "run.json"):
        (tmp_path / name).write_bytes(packed)
        assert len(load([tmp_path / name]).cases) == 10
    (tmp_path / "cut.json.gz").write_bytes(packed[:-100])
    with pytest.raises(InputError, match="cut.json.gz: is not whole"):
        load([tmp_path / "cut.json.gz"])
    (tmp_path / "spoilt.json.gz").write_bytes(packed[:100] + bytes(50) + packed[150:])
    with pytest.raises(InputError, match="spoilt.json.gz: is not whole"):
        load([tmp_path / "spoilt.json.gz"])


def test_a_case_without_figures_has_no_checks_but_its_own(tmp_path):
    document = json.loads(SCHEMA_2.read_text(encoding="utf-8"))
    entry = next(e for e in document["benchmarks"] if e["name"].startswith("fork/"))
    assert document["context"]["forkcost"]["cases"][entry["name"]]["verification"]
    held = {"check": "arena", "expected": "1", "observed": "2", "ok": False}
    common = {k: entry[k] for k in ("name", "axes")} | {
        "repetition_index": 7, "outcome": {"status": "failed", "reason": "arena is 2"}}
    document["unmeasured"] = [common, common | {"verification": [held]}]
    run = load([write(document, tmp_path / "run.json")])
    assert [e["verification"] for e in run.unmeasured] == [[], [held]]
