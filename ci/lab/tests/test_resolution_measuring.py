"""How the campaign measures, around a stand-in for forkcost-run; the loop in C and the calls of the peers'
programs are real where these are installed."""

import json
import os
import shutil
import signal
import stat
import subprocess
import sys
import time

import numpy as np
import pytest
from click.testing import CliRunner

import resolution_truth
from conftest import write
from forkcost.cli import main
from forkcost.errors import NoAnswer
from forkcost_lab.resolution import campaign, spread
from kernel_room import as_module

FEW = ["--pairs", "2", "--runs", "4", "--aa", "3", "--turns", "0"]
STEPS = 2 + 4 + 3 + 2

# Writes down what it is asked for, and copies a file of this preset to where it is told; of two sides, both.
RUN = """#!/bin/sh
here={here}
while [ $# -gt 0 ]; do
  case $1 in
    --preset) preset=$2 ;;
    --interleave) a=$2 b=$3 ;;
    --out) out=$2 ;;
  esac
  shift
done
echo "$0 $preset $out" >> $here/calls
: > "$out.journal"
if [ -e $here/hang ] && [ "$(wc -l < $here/calls)" = 5 ]; then
  rm $here/hang
  : > $here/hangs
  exec sleep 600
fi
if [ -n "$a" ]; then
  [ -x "$a/bin/forkcost-run" ] && [ -x "$b/bin/forkcost-run" ] && [ "$a" = "$b" ] || exit 2
  cp $here/gate-a.json "${{out%.json}}-a.json"
  cp $here/gate-b.json "${{out%.json}}-b.json"
else
  cp $here/$preset.json "$out"
fi
rm "$out.journal"
"""


@pytest.fixture
def suite(tmp_path, monkeypatch):
    rng = np.random.default_rng(1)
    for name, side, rounds in (("gate-a", "a", 10), ("gate-b", "b", 10), ("gate", None, 10), ("quick", None, 5)):
        write(resolution_truth.document(rng, rounds, session=1, side=side), tmp_path / f"{name}.json")
    program = tmp_path / "bin" / "forkcost-run"
    program.parent.mkdir()
    program.write_text(RUN.format(here=tmp_path))
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("FORKCOST_RUN", str(program))
    return tmp_path


def call(*words):
    return CliRunner(mix_stderr=False).invoke(main, ["resolution", *map(str, words)])


def calls(suite):
    return [line.split() for line in (suite / "calls").read_text().splitlines()]


def test_it_measures_and_reports_and_then_only_reports(suite):
    result = call("-o", suite / "out", *FEW)
    assert result.exit_code == 0, result.stderr
    assert result.stdout == f"{suite / 'out' / 'resolution.md'}\n"
    text = (suite / "out" / "resolution.md").read_text()
    assert "`forkcost resolution -o DIR --pairs 2 --runs 4 --aa 3 --turns 0`" in text
    assert len(calls(suite)) == STEPS
    # By a copy: what is built meanwhile changes nothing.
    assert {program for program, _, _ in calls(suite)} == {str(suite / "out" / "suite" / "bin" / "forkcost-run")}
    (suite / "bin" / "forkcost-run").unlink()
    (suite / "out" / "resolution.md").unlink()
    assert call("-o", suite / "out", *FEW, "--only", "report").exit_code == 0
    assert (suite / "out" / "resolution.md").read_text() == text
    assert call("-o", suite / "out", *FEW, "--runs", "5", "--only", "measure").exit_code == 0
    assert len(calls(suite)) == STEPS + 1


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_after_a_break_it_goes_on_and_measures_nothing_twice(suite, number):
    (suite / "hang").touch()
    words = [sys.executable, "-m", "forkcost", "resolution", "-o", str(suite / "out"), *FEW, "--only", "measure"]
    running = subprocess.Popen(words, env=as_module(), stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 60
    while not (suite / "hangs").exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    running.send_signal(number)
    running.communicate(timeout=60)
    assert running.returncode in (-number, 128 + number)
    kept = {path: path.stat().st_mtime_ns for kind in ("interleaved", "separate", "aa", "quick")
            for path in (suite / "out" / kind).glob("*.json")}
    assert len(calls(suite)) == 5 and kept
    assert call("-o", suite / "out", *FEW, "--only", "measure").exit_code == 0
    asked = [out for _, _, out in calls(suite)]
    assert len(asked) == STEPS + 1 and len(set(asked)) == STEPS and asked.count(asked[4]) == 2
    assert kept == {path: path.stat().st_mtime_ns for path in kept}
    assert not list((suite / "out").glob("*/*.journal"))


def test_half_a_pair_is_measured_again(suite):
    assert call("-o", suite / "out", *FEW, "--only", "measure").exit_code == 0
    lost = suite / "out" / "interleaved" / "01-b.json"
    lost.unlink()
    assert call("-o", suite / "out", *FEW, "--only", "measure").exit_code == 0
    assert len(calls(suite)) == STEPS + 1 and lost.exists()


@pytest.mark.parametrize("status", [2, 3])
def test_a_run_that_fails_ends_it_and_what_is_there_stays(suite, status):
    assert call("-o", suite / "out", *FEW, "--only", "measure").exit_code == 0
    broken = suite / "out" / "suite" / "bin" / "forkcost-run"
    broken.write_text(f"#!/bin/sh\necho 'the reason' >&2\nexit {status}\n")
    result = call("-o", suite / "out", *FEW, "--runs", "5")
    assert result.exit_code == status and "the reason" in result.stderr and "call again" in result.stderr
    assert len(list((suite / "out" / "separate").glob("*.json"))) == 4


def test_without_a_campaign_there_is_nothing_to_report(suite):
    result = call("-o", suite / "out", "--only", "report")
    assert result.exit_code == 3 and "measure first" in result.stderr


# The loop in C


@pytest.fixture(scope="module")
def loop(tmp_path_factory):
    target = tmp_path_factory.mktemp("loop") / "loop"
    spread.compile_loop(target)
    return target


@pytest.mark.parametrize("words", [("fork", "0"), ("vfork", "0"), ("posix_spawn", "0"), ("fork", "16"), ("cow", "4")])
def test_the_loop_measures(loop, words):
    done = subprocess.run([loop, *words, "0.2"], capture_output=True, text=True, check=True)
    mean, median, n = map(float, done.stdout.split())
    assert mean > 0 and median > 0 and n >= 1


def test_the_loop_measures_memory_that_is_there(loop):
    """A fork of 64 MiB copies 16,384 entries of page tables: an empty process's takes a small part of that."""
    large, none = (min(float(subprocess.run([loop, "fork", mib, "0.3"], capture_output=True, text=True,
                                            check=True).stdout.split()[1]) for _ in range(3)) for mib in ("64", "0"))
    assert large > 2 * none


@pytest.mark.parametrize("words, status, said", [
    (["nonsense", "0", "1"], 2, "nonsense"), (["cow", "0", "1"], 2, "a size in MiB"), (["fork", "0"], 2, "usage"),
    (["fork", "4096", "1"], 3, "mmap: Cannot allocate memory")])
def test_the_loop_says_what_fails(loop, words, status, said):
    done = subprocess.run(["sh", "-c", 'ulimit -v 1000000; exec "$0" "$@"', loop, *words], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (status, "") and said in done.stderr


def test_without_a_compiler_it_says_so(tmp_path, monkeypatch):
    monkeypatch.setenv("CC", str(tmp_path / "none"))
    with pytest.raises(NoAnswer, match="install a C compiler"):
        spread.compile_loop(tmp_path / "loop")


# A turn of the peers

STRESS = """#!/bin/sh
name=${{1#--}}
echo "stress-ng: metrc: [7] stressor       bogo ops real time  usr time  sys time   bogo ops/s     bogo ops/s"
echo "stress-ng: metrc: [7] $name               2342      2.00      0.52      0.45      {rate}        2406.52"
"""
HYPERFINE = """#!/bin/sh
while [ "$1" != --export-json ]; do shift; done
printf '{"results": [{"mean": 0.002, "median": 0.001}]}' > "$2"
"""


@pytest.fixture
def peers(suite, monkeypatch, loop):
    """A Place in which a turn takes no time, and a function that makes a program of a text."""
    def program(name, text):
        path = suite / "peers" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
        path.chmod(0o755)
    program("stress-ng", STRESS.format(rate="2000.0"))
    program("hyperfine", HYPERFINE)
    monkeypatch.setenv("PATH", f"{suite / 'peers'}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setattr(spread, "SECONDS", 0.05)
    monkeypatch.setattr(os, "geteuid", lambda: 1000)  # nobody cannot see our stand-ins
    case = "fork/path:fork/heap:64MiB"
    monkeypatch.setattr(spread, "ROWS", tuple(
        spread.Row(row.name, case, (row.loop[0], "0" if row.loop[1] == "0" else "4"), row.stress, row.hyperfine)
        for row in spread.ROWS))
    place = campaign.Place(suite / "out")
    (suite / "out" / "suite").mkdir(parents=True)
    shutil.copytree(suite / "bin", suite / "out" / "suite" / "bin")
    shutil.copy(loop, place.loop)
    return place, program


def test_a_turn_has_a_figure_of_every_program(peers, suite, tmp_path):
    place, _ = peers
    spread.measure(place, 1, tmp_path / "turn.json")
    found = json.loads((tmp_path / "turn.json").read_text())["figures"]
    assert list(found) == [row.name for row in spread.ROWS]
    for row in spread.ROWS:
        assert set(found[row.name]) == {
            spread.OURS, "loop, mean", "loop, median", *(["stress-ng"] if row.stress else []),
            *(["hyperfine, mean", "hyperfine, median"] if row.hyperfine else [])}
    assert found["posix_spawn"]["stress-ng"] == 5e5
    asked = len(calls(suite))
    spread.measure(place, 2, tmp_path / "next.json")  # as many rounds as in the first turn
    assert len(calls(suite)) == asked + len(spread.ROWS)
    turns = spread.read([tmp_path / "turn.json", tmp_path / "next.json"])
    assert turns[0]["rounds"] == turns[1]["rounds"] and min(turns[0]["rounds"].values()) >= 3
    assert (found["posix_spawn"]["hyperfine, mean"], found["posix_spawn"]["hyperfine, median"]) == (2e6, 1e6)


@pytest.mark.parametrize("name, text, said", [
    ("stress-ng", STRESS.format(rate="0.0"), "did nothing"), ("stress-ng", "#!/bin/sh\nexit 3\n", "by stress-ng"),
    ("hyperfine", "#!/bin/sh\necho broken >&2\nexit 1\n", "broken")])
def test_a_peer_that_fails_gives_no_figure(peers, tmp_path, name, text, said):
    place, program = peers
    program(name, text)
    with pytest.raises(NoAnswer, match=said):
        spread.measure(place, 1, tmp_path / "turn.json")
    assert not (tmp_path / "turn.json").exists()


def test_a_peer_that_is_not_installed_is_named(peers, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(NoAnswer, match="--turns 0"):
        spread.measure(peers[0], 1, tmp_path / "turn.json")
