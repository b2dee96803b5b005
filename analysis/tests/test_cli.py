import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

import forkcost
import synthetic
from conftest import write
from forkcost import cli, report
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
    assert "odd.json: benchmarks[0].heap_bytes is 'x', not a whole number" in result.stderr


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
                  ["estimators", "--help"], ["functions", "--help"], ["compare", "--help"],
                  ["aa", "--help"]):
        assert call(*words).exit_code == 0
    assert call("--version").stdout.strip() == f"forkcost, version {forkcost.__version__}"


def test_the_version_stands_in_one_place():
    """A second place is forgotten by the next release. The changelog names every release, results/ has
    files that releases wrote."""
    if not shutil.which("git"):
        pytest.skip("no git, which says what files are the suite's")
    listed = subprocess.run(["git", "-C", ROOM.parent, "ls-files", "-z"], capture_output=True, text=True, check=False)
    if listed.returncode:
        pytest.skip(f"git does not say what files are the suite's: {listed.stderr}")
    files = [ROOM.parent / name for name in listed.stdout.split("\0") if name and not name.startswith("results/")]
    number = re.compile(rb"(?<![\d.])" + re.escape(forkcost.__version__).encode() + rb"(?![\d.])")
    found = [file.relative_to(ROOM.parent) for file in files
             if file.is_file() and not file.is_symlink() and number.search(file.read_bytes())]
    assert set(map(str, found)) - {"CHANGELOG.md"} == {"analysis/forkcost/VERSION"}


def as_program(words, **options):
    return subprocess.run(
        [sys.executable, "-m", "forkcost", *map(str, words)], check=False, text=True,
        env=os.environ | {"PYTHONPATH": str(ROOM)} | options.pop("env", {}),
        **({"stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | options))


def test_an_interrupt_ends_it_by_the_signal(tmp_path):
    """Not with click's 1, which is a regression."""
    code = ("import forkcost.cli as c\n"
            "def stop(**_): raise KeyboardInterrupt\n"
            "c.compare.callback = stop\nc.main(['compare', 'a', 'b'])")
    for raised in (code, code.replace("KeyboardInterrupt", "c.click.Abort")):
        ended = subprocess.run([sys.executable, "-c", raised], capture_output=True, check=False,
                               env=os.environ | {"PYTHONPATH": str(ROOM)})
        assert ended.returncode == -signal.SIGINT


def test_output_that_cannot_be_written_is_status_2(small):
    with Path("/dev/full").open("w") as full:
        ended = as_program(["compare", small, copied(small)], stdout=full)
    assert ended.returncode == 2 and "No space left on device" in ended.stderr
    assert len(ended.stderr.splitlines()) == 1
    ended = as_program(["compare", small, copied(small), "--format", "markdown"],
                       env={"PYTHONIOENCODING": "ascii"})
    assert ended.returncode == 2 and "encoding ascii" in ended.stderr
    assert len(ended.stderr.splitlines()) == 1


@pytest.mark.parametrize("redirected", ["2>/dev/full", "2>&-", "2>&- >&-"])
@pytest.mark.parametrize("words, status", [
    ("claims", 2), ("--nonsense", 2), ("report none.json", 2)])
def test_an_error_that_cannot_be_said_keeps_its_status(words, status, redirected):
    """1 is a regression."""
    assert as_shell(f"{words} {redirected}") == status


@pytest.mark.parametrize("words, status", [
    ("--help >&-", 0), ("compare --help >&-", 0), ("--version >/dev/full", 2)])
def test_no_stdout_is_never_status_1(words, status):
    assert as_shell(words) == status


def as_shell(words, path=ROOM):
    return subprocess.run(["sh", "-c", f"exec {sys.executable} -m forkcost {words}"], check=False,
                          env=os.environ | {"PYTHONPATH": str(path)}, stderr=subprocess.DEVNULL,
                          stdout=subprocess.DEVNULL).returncode


def copied(path):
    other = path.with_name("copied.json")
    shutil.copy(path, other)
    return other


def test_a_pipe_that_nobody_reads_ends_it_by_the_signal(small):
    read, write_end = os.pipe()
    os.close(read)
    try:
        ended = as_program(["compare", small, copied(small)], stdout=write_end)
    finally:
        os.close(write_end)
    assert ended.returncode == -signal.SIGPIPE and ended.stderr == ""


def test_what_nobody_foresaw_is_never_status_1(monkeypatch):
    def raises(error):
        def fail(*_, **__):
            raise error
        monkeypatch.setattr(cli.compare, "callback", fail)
        return call("compare", "a", "b")
    result = raises(OSError(36, "File name too long", "x"))
    assert result.exit_code == 2 and len(result.stderr.splitlines()) == 1
    result = raises(KeyError("ours"))
    assert result.exit_code == 3 and "Traceback" in result.stderr and "'ours'" in result.stderr


def test_a_name_that_no_file_can_have_is_status_2(small):
    assert call("compare", "x" * 5000, small).exit_code == 2
