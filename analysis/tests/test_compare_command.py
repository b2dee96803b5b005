"""forkcost compare as it is called: what it prints, its arguments, and files it cannot use."""

import json
import re

import numpy as np
import pytest

import synthetic
from conftest import write
from forkcost.compare import thresholds
from forkcost.compare.result import FAILED, SAME, SLOWER
from test_compare import call, changed, compared, files, maker, verdicts



def test_text_has_what_matters_first(tmp_path):
    base, new = maker(1), changed(maker(2, 1.2).document(), "run.preset", "standard")
    result = call(*files(tmp_path, base, new), "--threshold", "5%")
    assert result.exit_code == 1
    out = result.stdout
    order = ["base: 6.18.0-synthetic", "preset", "Regression: 3 slower", "slower  +", "fork, per 4 KiB page"]
    places = [out.index(word) for word in order]
    assert places == sorted(places)
    assert out.count("caller blocked") == 2  # the family speaks for its three cases; what could be seen
    assert "\x1b" not in out and "\u00a0" not in out
    details = call(*files(tmp_path, base, new), "--threshold", "5%", "--format", "details").stdout
    order = ["base: 6.18.0-synthetic", "preset", "Slower", "ns per page", "3 slower", "Holm's correction"]
    places = [details.index(word) for word in order]
    assert places == sorted(places) and details.count("blocked_ns") == 1


def test_text_fits_a_screen_and_has_the_largest_change_in_it(tmp_path):
    """One case three times slower, among a hundred that are unclear or a little slower."""
    def made(seed, more, much):
        m = synthetic.Maker(seed, rounds=6, noise=0.05)
        for i in range(120):
            factor = much if i == 77 else more
            m.case("exec", {"args": str(i)},
                   [{"total_ns": m.around(1e6 * factor)} for _ in range(6)], "total_ns")
        return m
    for more in (1.0, 1.3):
        result = call(*files(tmp_path, made(1, 1, 1), made(2, more, 3)))
        lines = result.stdout.splitlines()
        assert result.exit_code == 1 and len(lines) <= 25 and max(map(len, lines)) <= 100
        slower = [line for line in lines if line.startswith("slower")]
        assert re.search(r"\+[12]\d\d%", slower[0]) and "args 77" in slower[0]


def test_people_read_titles_and_programs_names(tmp_path):
    paths = files(tmp_path, maker(1), maker(2, 1.2))
    said = {form: call(*paths, "--threshold", "5%", "--format", form).stdout for form in (
        "text", "details", "markdown", "html", "github", "json", "junit", "ktap", "bmf")}
    title, name = "fork, per 4 KiB page: caller blocked", "fork/path:fork blocked_ns per page"
    assert title in said["text"]
    for form in ("details", "markdown", "html"):
        assert title in said[form] and name in said[form], form
    assert f"<br><sub>`{name}`</sub>" in said["markdown"]
    assert f"<small><code>{name}</code></small>" in said["html"]
    assert f"title=slower%3A {title.replace(',', '%2C').replace(':', '%3A')}::" in said["github"]
    for form in ("junit", "ktap", "bmf"):
        assert "caller blocked" not in said[form] and "fork/path:fork" in said[form]
    made = json.loads(said["json"])["comparisons"][0]
    assert {r["title"] for r in made["rows"]} == {"fork, 16 MiB", "fork, 64 MiB", "fork, 256 MiB"}
    assert made["families"][0]["quantity_title"] == "caller blocked"


def test_json_has_it_all(tmp_path):
    result = call(*files(tmp_path, maker(1), maker(2, 1.2)), "--threshold", "5%", "--format",
                  "json", "-o", tmp_path / "out.json")
    assert result.exit_code == 1
    made = json.loads((tmp_path / "out.json").read_text())["comparisons"][0]
    assert made["regression"] is True and made["mode"] == "time"
    assert {"base", "new", "ratio", "interval", "p", "verdict", "detectable"} <= set(
        made["rows"][0]["change"])
    assert made["families"][0]["rows"] == [r["case"] for r in sorted(
        made["rows"], key=lambda r: r["heap_bytes"])]


def test_n_ways_and_labels(tmp_path):
    paths = files(tmp_path, maker(1), maker(2), maker(3), maker(4, 1.3))
    words = [f"6.1={paths[0]}", f"6.1={paths[1]}", f"6.12={paths[2]}", f"7.0={paths[3]}"]
    result = call(*words, "--threshold", "10%")
    assert result.exit_code == 1
    assert result.stdout.count("\n6.1: ") == 2 and "\n6.12: " in result.stdout and "\n7.0: " in result.stdout
    turned = call(*words, "--threshold", "10%", "--base-label", "7.0")
    assert turned.exit_code == 0 and "\n\n7.0: " in turned.stdout
    summary = result.stdout.partition("\n\n")[0].splitlines()
    assert [line.partition(":")[0] for line in summary] == ["6.12", "7.0"] and "Regression" in summary[1]
    for wrong in ([words[0], paths[1]], words[:2], [*words, "--base-label", "5"], ["=x", "a=b"],
                  [paths[0]], paths[:3], [words[0], words[0], words[2]]):
        assert call(*wrong).exit_code == 2, wrong


def test_a_directory_is_its_files(tmp_path):
    for label in ("a", "b"):
        (tmp_path / label).mkdir()
        for i in range(2):
            write(maker(ord(label) + i, rounds=3).document(), tmp_path / label / f"{i}.json")
    found = compared(tmp_path / "a", tmp_path / "b", 0.2)
    assert found.rows[0].rounds == (6, 6)
    (tmp_path / "empty").mkdir()
    assert call(tmp_path / "a", tmp_path / "empty").exit_code == 2


def test_filters(tmp_path):
    paths = files(tmp_path, maker(1), maker(2))
    found = compared(*paths, 0.1, case="heap:64MiB")
    assert [r.axes["heap"] for r in found.rows] == ["64MiB"]
    assert call(*paths, "--quantity", "nothing").exit_code == 3
    for option in ("--case", "--quantity"):
        assert call(*paths, option, "(").exit_code == 2


def google(seed, change=1.0, repetitions=6, unit="us"):
    rng = np.random.default_rng(seed)
    entries = [{"name": "BM_fork/8", "run_name": "BM_fork/8", "run_type": "iteration",
                "repetitions": repetitions, "repetition_index": i, "threads": 1, "iterations": 100,
                "real_time": float(50 * change * np.exp(rng.normal(0, 0.01))), "cpu_time": 40.0,
                "time_unit": unit} for i in range(repetitions)]
    entries.append(entries[0] | {"name": "BM_fork/8_mean", "run_type": "aggregate",
                                 "aggregate_name": "mean", "real_time": 1e9})
    return {"context": {"host_name": "h", "num_cpus": 4, "library_build_type": "release"},
            "benchmarks": entries}


def test_plain_google_benchmark_files(tmp_path):
    base, new = files(tmp_path, google(1), google(2, 1.5))
    found = compared(base, new, 0.2)  # runs of this machine differ by nobody knows what
    of = {r.quantity: r.change for r in found.rows}
    assert of["real_time"].verdict == SLOWER and of["cpu_time"].verdict == SAME
    assert of["real_time"].base == pytest.approx(50e3, rel=0.02)  # microseconds
    broken = google(3)
    for entry in broken["benchmarks"]:
        entry |= {"error_occurred": True, "error_message": "no memory"}
    assert verdicts(compared(base, write(broken, tmp_path / "broken.json"), 0.05)) == {FAILED}
    only = google(1)
    only["benchmarks"] = only["benchmarks"][-1:]
    result = call(base, write(only, tmp_path / "only.json"))
    assert result.exit_code == 2 and "aggregates" in result.stderr


@pytest.mark.parametrize("text", [
    "", "{", "[]", "null", "{}", '{"context": {}}', '{"context": {"forkcost": 3}}',
    '{"context": {}, "benchmarks": []}', '{"context": {}, "benchmarks": [7]}',
    '{"context": {}, "benchmarks": [{"name": "x"}]}',
    '{"context": {}, "benchmarks": [{"name": "x", "real_time": NaN}]}',
    '{"context": {"forkcost": {"schema": 1, "laboratory": 3}}, "benchmarks": [], "unmeasured": []}',
])
def test_broken_input_is_status_2_and_named(tmp_path, text):
    good = write(maker(1).document(), tmp_path / "good.json")
    (tmp_path / "bad.json").write_text(text)
    for words in ((good, tmp_path / "bad.json"), (tmp_path / "bad.json", good)):
        result = call(*words)
        assert result.exit_code == 2 and "bad.json" in result.stderr
        assert len(result.stderr.splitlines()) == 1
    assert call(good, tmp_path / "none.json").exit_code == 2


@pytest.mark.parametrize("words", [
    ["--threshold", "x"], ["--threshold", "-5%"], ["--threshold", "0"], ["--thresholds", "none"],
    ["--threshold", "5"], ["--threshold", ""],
    ["--format", "nonsense"]])
def test_a_wrong_option_is_status_2(tmp_path, words):
    assert call(*files(tmp_path, maker(1), maker(2)), *words).exit_code == 2


def test_what_a_table_lacks_is_ours(tmp_path):
    """A table for time alone must not end all comparing of instructions."""
    ours = thresholds.read()
    (tmp_path / "t.toml").write_text("[time]\ntotal_ns = 0.5\n")
    found = thresholds.read(tmp_path / "t.toml")
    assert found.of("time", "total_ns") == 0.5
    for mode, name in (("time", "x"), ("exact", "x"), ("exact", "child_cpu_ns")):
        assert found.of(mode, name) == ours.of(mode, name) is not None


def test_thresholds_of_a_file(tmp_path):
    paths = files(tmp_path, maker(1), maker(2, 1.2))
    table = tmp_path / "t.toml"
    table.write_text('[time]\ndefault = 0.01\n"blocked*" = 0.5\n')
    assert call(*paths, "--thresholds", table).exit_code == 0
    table.write_text("[time]\nblocked_ns = false\n")
    assert call(*paths, "--thresholds", table).exit_code == 3
    for wrong in ("[time]\nx = -1\n", "[other]\n", "", "x = 1\n", "[time", "[time]\na='b'\n",
                  "time = 0.05\n", "time = false\n"):
        table.write_text(wrong)
        assert call(*paths, "--thresholds", table).exit_code == 2
