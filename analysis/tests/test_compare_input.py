"""Comparisons of files that do not fit: damaged, of another thing, without anything in common."""

import json

import pytest

import synthetic
from conftest import write
from forkcost.compare import aa, differences, sides
from forkcost.compare.result import FAILED, GONE, NEW, SAME, WARNING
from forkcost.errors import InputError, NoAnswer
from test_compare import call, changed, compared, files, interleaved, laboratory, maker
from test_compare_command import google


def small(seed=1, rounds=5, **options):
    return maker(seed, rounds=rounds, heaps={"0": 0}, **options).document()


def renamed(document, name):
    for entry in document["benchmarks"]:
        entry["name"] = name
    return document


def not_measured(document, name, reason, rounds=2, status="failed"):
    document["unmeasured"] += [
        {"name": name, "benchmark": "fork", "axes": {}, "repetition_index": i,
         "outcome": {"status": status, "reason": reason}} for i in range(rounds)]
    return document


def test_what_compares_nothing_is_no_answer(tmp_path):
    base, other = small(), renamed(small(2), "fork/path:other")
    paths = files(tmp_path, base, other)
    for words in ([], ["--strict"]):
        result = call(*paths, *words)
        assert result.exit_code == 3 and "no case in common (1 and 1)" in result.stderr
    both = files(tmp_path, base, {**base, "benchmarks": base["benchmarks"] + other["benchmarks"]})
    assert call(*both, "--threshold", "50%").exit_code == 0
    result = call(*both, "--quantity", "typo")  # what is new is no comparison
    assert result.exit_code == 3 and "'typo'" in result.stderr


def test_a_side_that_compares_nothing_keeps_no_other_from_being_compared(tmp_path):
    base, slow, other = files(tmp_path, small(), small(2, change=3),
                              renamed(small(2), "fork/path:other"))
    result = call(f"base={base}", f"slow={slow}", f"other={other}")
    assert result.exit_code == 3 and "no case in common" in result.stderr
    assert "Regression: 1 slower of 1 quantity" in result.stdout


def test_a_failure_on_the_new_side_is_an_answer_without_any_figure(tmp_path):
    name = small()["benchmarks"][0]["name"]
    broken = not_measured({**small(), "benchmarks": [], "unmeasured": []}, name, "no memory")
    found = compared(*files(tmp_path, small(), broken))
    assert [r.change.verdict for r in found.rows] == [FAILED] and found.exit_status() == 1


def test_what_failed_now_and_then_before_and_always_now_has_failed(tmp_path):
    other = renamed(small(3), "fork/path:flaky")["benchmarks"]
    base = not_measured(small(), "fork/path:flaky", "flaked", rounds=1)
    base["benchmarks"] += other
    new = not_measured(small(2), "fork/path:flaky", "EAGAIN", rounds=5)
    found = compared(*files(tmp_path, base, new), 0.5)
    of = {r.case: r.change for r in found.rows}
    assert of["fork/path:flaky"].verdict == FAILED and "EAGAIN" in of["fork/path:flaky"].reason
    assert found.exit_status() == 1 and found.warnings == ()
    both = not_measured(new, "fork/path:never", "EPERM")
    found = compared(*files(tmp_path, not_measured(base, "fork/path:never", "EPERM"), both), 0.5)
    assert found.warnings == ("failed on both sides, not compared: fork/path:never",)
    # Figures in spite of a failed round on both sides: it is compared, there is nothing to warn of.
    new["benchmarks"] += other
    found = compared(*files(tmp_path, base, new), 0.5)
    assert {r.change.verdict for r in found.rows if r.case == "fork/path:flaky"} == {SAME}
    assert not any("flaky" in w for w in found.warnings)


def test_new_and_gone_beside_a_comparison_are_said(tmp_path):
    base, new = small(), small(2)
    base["benchmarks"] += renamed(small(3), "fork/path:old")["benchmarks"]
    new["benchmarks"] += renamed(small(3), "fork/path:newer")["benchmarks"]
    found = compared(*files(tmp_path, base, new), 0.5)
    assert {r.change.verdict for r in found.rows} == {SAME, GONE, NEW}


@pytest.mark.parametrize("key, value", [("unit", "bytes"), ("better", "higher")])
def test_another_unit_or_sense_is_not_compared(tmp_path, key, value):
    def made(seed, **more):
        document = small(seed)
        for entry in document["benchmarks"]:
            entry["quantities"]["total_ns"] = {**entry["quantities"]["blocked_ns"], **more}
        return document
    found = compared(*files(tmp_path, made(1), made(2, **{key: value})), 0.5)
    assert {r.quantity for r in found.rows} == {"blocked_ns"}
    assert any(w.startswith("total_ns is in ns, lower is better and") for w in found.warnings)
    alone = files(tmp_path, small(), small(2, unit_better={key: value}))
    with pytest.raises(NoAnswer, match="blocked_ns is in ns"):
        compared(*alone)


def test_every_file_of_a_side_is_looked_at(tmp_path):
    base, odd, new = small(), changed(small(3), "run.preset", "full"), small(2)
    changed(odd, "run.filter", "fork")
    paths = files(tmp_path, base, odd, new)
    for two, one in ((paths[:2], paths[2]), (paths[2], paths[:2])):
        said = [w for w in compared(two, one, 0.5).warnings if "differs from" in w]
        assert len(said) == 1 and "1.json" in said[0] and "preset: quick and full" in said[0]
        assert "filter" not in said[0]  # of no weight
    assert not any("differs" in w for w in compared(paths[0], paths[2], 0.5).warnings)
    other = changed(small(3), "environment.machine.architecture", "aarch64")
    paths = files(tmp_path, base, other, new)
    with pytest.raises(InputError, match="1.json: is of another thing .*architecture"):
        compared(paths[:2], paths[2], 0.5, force=True)


def test_the_version_of_qemu_is_a_difference(tmp_path):
    documents = [laboratory(small(i), "tcg") for i in (1, 2)]
    for document, version in zip(documents, ("7.2.22", "9.1.0")):
        document["context"]["forkcost"]["laboratory"]["qemu"] = version
    paths = files(tmp_path, *documents)
    found = differences.between(*(sides.read("x", [path]) for path in paths))
    assert [(d.what, d.base, d.new, d.severity) for d in found] == [
        ("QEMU", "7.2.22", "9.1.0", WARNING)]


def damaged(path, value):
    """A document with a value of the wrong kind; `path` begins at the document."""
    document = interleaved(laboratory(small(2), "host"), "b")
    *keys, last = path
    holder = document
    for key in keys:
        holder = holder[key]
    holder[last] = value
    return document


OURS, ENTRY = ("context", "forkcost"), ("benchmarks", 0)


@pytest.mark.parametrize("path, value", [
    ((*OURS, "estimators"), ["p25"]), ((*OURS, "suite"), ["x"]), ((*OURS, "laboratory"), [1]),
    ((*OURS, "laboratory", "kernel"), ["x"]), ((*OURS, "laboratory", "mode"), ["exact"]),
    ((*OURS, "run", "preset"), {"a": 1}), ((*OURS, "environment", "machine", "cpu_model"), ["x"]),
    ((*ENTRY, "conditions", "disturbed"), "yes"), ((*ENTRY, "conditions", "disturbed"), [1]),
    ((*ENTRY, "repetition_index"), "x"), ((*ENTRY, "repetition_index"), [0])])
def test_values_of_the_wrong_kind_are_no_regression(tmp_path, path, value):
    paths = files(tmp_path, small(), damaged(path, value))
    for words in (paths, paths[::-1]):
        result = call(*words, "--threshold", "50%")
        assert result.exit_code in (0, 2) and "Traceback" not in result.stderr
        if result.exit_code == 2:
            assert "1.json" in result.stderr and len(result.stderr.splitlines()) == 1
    if "preset" not in path:
        assert result.exit_code == 2


def test_a_session_that_has_no_name_is_named(tmp_path):
    bad = [damaged((*OURS, "run", "interleaved", "session"), ["x"]) for _ in "ab"]
    result = call(*files(tmp_path, *bad))
    assert result.exit_code == 2 and "0.json" in result.stderr


def test_google_benchmarks_own_files_may_have_nan_where_nobody_looks(tmp_path):
    def with_nan(seed):
        document = google(seed)
        for entry in document["benchmarks"]:
            entry["rate"] = float("nan")
        return document
    paths = [tmp_path / "a.json", tmp_path / "b.json"]
    for path, document in zip(paths, (with_nan(1), with_nan(2))):
        path.write_text(json.dumps(document))
    assert call(*paths, "--threshold", "10%").exit_code == 0
    document = with_nan(1)
    document["benchmarks"][0]["real_time"] = float("inf")
    paths[1].write_text(json.dumps(document))
    result = call(*paths)
    assert result.exit_code == 2 and "real_time that is no number" in result.stderr
    ours = small(2)
    ours["context"]["forkcost"]["odd"] = float("nan")
    paths[1].write_text(json.dumps(ours))
    result = call(*paths)
    assert result.exit_code == 2 and "NaN is no number" in result.stderr


def test_a_file_is_not_twice_itself(tmp_path):
    path = write(synthetic.Maker(rounds=4).fork(paths=("fork",), heaps={"0": 0}).document(),
                 tmp_path / "a.json")
    (tmp_path / "b.json").symlink_to(path)
    with pytest.raises(InputError, match="given twice"):
        aa.of_files([path, tmp_path / "b.json"])
