import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

import forkcost
import synthetic
from conftest import write
from forkcost import report
from forkcost.cli import main

ROOM = Path(forkcost.__file__).parents[1]


@pytest.fixture
def small(tmp_path):
    maker = synthetic.Maker(rounds=3, samples=5).fork(paths=("fork",), heaps={"0": 0}).failed()
    return write(maker.document(), tmp_path / "small.json")


def call(*words):
    return CliRunner(mix_stderr=False).invoke(main, [str(w) for w in words])


def test_a_report_prints_the_page_last_and_names_failed_cases(small, tmp_path):
    result = call("report", small, "-o", tmp_path / "out")
    assert result.exit_code == 0
    assert result.stdout.splitlines() == ["1 case failed: the report gives the reasons",
                                          str(tmp_path / "out" / "index.html")]
    assert (tmp_path / "out" / "index.html").exists()


def test_broken_input_is_status_2(tmp_path):
    (tmp_path / "cut.json").write_text('{"context": {')
    result = call("report", tmp_path / "cut.json", "-o", tmp_path / "out")
    assert result.exit_code == 2
    assert result.stderr.startswith("forkcost: ") and "cut.json" in result.stderr
    assert len(result.stderr.splitlines()) == 1
    assert not (tmp_path / "out").exists()


def test_damaged_values_are_status_2(tmp_path):
    document = synthetic.Maker(rounds=3, samples=5).fork(paths=("fork",)).document()
    document["benchmarks"][0]["heap_bytes"] = "x"
    result = call("report", write(document, tmp_path / "odd.json"), "-o", tmp_path / "out")
    assert result.exit_code == 2
    assert "odd.json: benchmarks[0] has no proper 'heap_bytes'" in result.stderr


@pytest.mark.parametrize("words", [["report"], ["report", "none.json"], ["nonsense"],
                                   ["report", "--nonsense"], ["estimators", "none.json"]])
def test_a_wrong_call_is_status_2(words):
    assert call(*words).exit_code == 2


def test_a_file_in_the_way_is_status_2_and_stays(small, tmp_path):
    (tmp_path / "out").write_text("mine")
    result = call("report", small, "-o", tmp_path / "out")
    assert result.exit_code == 2 and "is a file" in result.stderr
    assert (tmp_path / "out").read_text() == "mine"


def test_a_directory_that_cannot_be_made_is_status_2(small):
    result = call("report", small, "-o", "/proc/nowhere/out")
    assert result.exit_code == 2 and "/proc/nowhere/out: cannot be written" in result.stderr


def test_all_skipped_is_status_3(tmp_path):
    path = write(synthetic.Maker().skipped().document(), tmp_path / "run.json")
    result = call("report", path, "-o", tmp_path / "out")
    assert result.exit_code == 3 and "no case was measured (1 skipped)" in result.stderr


def test_a_failure_leaves_the_old_page_and_nothing_half(small, tmp_path, monkeypatch):
    index = tmp_path / "out" / "index.html"
    call("report", small, "-o", tmp_path / "out")
    before = index.read_bytes()

    def fail(*_):
        raise OSError(28, "No space left on device")
    monkeypatch.setattr(report.common, "save", fail)
    result = call("report", small, "-o", tmp_path / "out")
    assert result.exit_code == 2 and "No space left on device" in result.stderr
    assert index.read_bytes() == before
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == ["figures", "index.html"]


def test_estimators_writes_where_it_is_told(tmp_path):
    files = [write(synthetic.Maker(seed, rounds=2, samples=3).fork(paths=("fork",)).document(),
                   tmp_path / f"{seed}.json") for seed in range(3)]
    result = call("estimators", *files, "-o", tmp_path / "e.md")
    assert result.exit_code == 0
    assert (tmp_path / "e.md").read_text().startswith("# Which estimator repeats")
    assert call("estimators", *files).stdout == (tmp_path / "e.md").read_text()
    assert call("estimators", *files, "-o", tmp_path).exit_code == 2
    assert call("estimators", *files, "-o", tmp_path / "no" / "e.md").exit_code == 2


def test_it_runs_as_a_module_without_a_terminal(small, tmp_path):
    result = subprocess.run(
        [sys.executable, "-m", "forkcost", "report", str(small), "-o", str(tmp_path / "out")],
        env=os.environ | {"PYTHONPATH": str(ROOM)}, capture_output=True, text=True, check=False)
    assert result.returncode == 0
    assert result.stdout.splitlines()[-1] == str(tmp_path / "out" / "index.html")
    assert result.stderr == ""


def test_help_and_version():
    for words in (["--help"], ["report", "--help"], ["claims", "--help"],
                  ["estimators", "--help"], ["functions", "--help"], ["compare", "--help"], ["aa", "--help"]):
        assert call(*words).exit_code == 0
    assert call("--version").stdout.strip() == f"forkcost, version {forkcost.__version__}"


def test_the_version_is_that_of_the_suite():
    build = ROOM.parent / "CMakeLists.txt"
    if not build.exists():
        pytest.skip("not in the suite's source tree")
    suite = re.search(r"project\(forkcost VERSION (\S+)", build.read_text())[1]
    assert suite == forkcost.__version__
