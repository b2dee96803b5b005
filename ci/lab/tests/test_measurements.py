"""What `forkcost claims --run` and `forkcost aa` without files measure, around a stand-in for
forkcost-run."""

import os
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

import synthetic
import synthetic_claims
from conftest import write
from forkcost import claims
from forkcost_lab import measurements
from kernel_room import as_module
from test_claims import call, ktap
import test_compare_aa


@pytest.fixture(scope="module")
def true_file(tmp_path_factory):
    """A run in which all claims hold."""
    maker = synthetic_claims.world(synthetic.Maker(rounds=5, samples=5, noise=0.01))
    return write(maker.document(), tmp_path_factory.mktemp("claims") / "true.json")


@pytest.fixture
def runner(tmp_path, true_file, monkeypatch):
    """Function: shell commands -> a program in place of forkcost-run that writes down its words,
    copies the true run to --out, and then does the commands."""
    def make(then="exit 0", copies=True):
        path = tmp_path / "forkcost-run"
        path.write_text(f'#!/bin/sh\necho "progress"\nprintf "%s\\n" "$@" > {tmp_path}/words\n'
                        'while [ "$1" != --out ]; do shift; done\n'
                        + (f'cp {true_file} "$2"\n' if copies else "") + then + "\n")
        path.chmod(path.stat().st_mode | stat.S_IXUSR)
        monkeypatch.setenv("FORKCOST_RUN", str(path))
    return make


def test_run_measures_what_the_claims_need(runner, tmp_path):
    runner()
    result = call("claims", "--run", "--format", "ktap", "--save", tmp_path / "kept.json")
    assert result.exit_code == 0 and len(ktap(result.stdout)) == 29
    assert (tmp_path / "kept.json").exists()
    assert (tmp_path / "words").read_text().splitlines() == [
        "--preset", "quick", "--filter", claims.case_filter(), "--out",
        str(tmp_path / "kept.json")]
    again = call("claims", "--run", "--save", tmp_path / "kept.json")
    assert again.exit_code == 2 and "kept.json: exists" in again.stderr
    assert call("claims", "--run", "--preset", "smoke").exit_code == 0
    words = (tmp_path / "words").read_text().splitlines()
    assert words[1] == "smoke" and not os.path.exists(words[-1])


@pytest.mark.parametrize("then, copies, status, said", [
    ("exit 1", True, 0, ""), ("exit 3", True, 0, ""), ("exit 3", False, 3, "--doctor"),
    ("exit 2", False, 2, "status 2"), ("exit 0", False, 2, "left no result"),
    ("kill -TERM $$", True, 128 + signal.SIGTERM, "SIGTERM")])
def test_how_the_measuring_ends_is_passed_on(runner, then, copies, status, said):
    runner(then, copies)
    result = call("claims", "--run")
    assert result.exit_code == status and said in result.stderr
    assert ("nothing is kept" in result.stderr) == then.startswith("kill")


def test_a_signal_is_passed_on_and_waited_for(runner, tmp_path):
    runner(f"trap 'echo bye > {tmp_path}/bye; trap - TERM; kill -TERM $$' TERM\n"
           f"echo > {tmp_path}/ready\nwhile :; do sleep 0.05; done", copies=False)
    running = subprocess.Popen([sys.executable, "-m", "forkcost", "claims", "--run"],
                               env=as_module(),
                               stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 60
    while not (tmp_path / "ready").exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    running.send_signal(signal.SIGINT)  # from a terminal the program would have it too
    time.sleep(0.2)
    assert running.poll() is None
    running.terminate()
    _, said = running.communicate(timeout=60)
    assert running.returncode == 128 + signal.SIGTERM and "was stopped by SIGTERM" in said
    assert (tmp_path / "bye").exists()


def test_a_signal_while_the_program_starts_is_passed_on(runner, monkeypatch):
    """By its default it would end us, and leave the program running."""
    runner("sleep 60", copies=False)
    start = subprocess.Popen

    def interrupted(*words, **options):
        os.kill(os.getpid(), signal.SIGTERM)
        return start(*words, **options)
    monkeypatch.setattr(measurements.subprocess, "Popen", interrupted)
    result = call("claims", "--run")
    assert result.exit_code == 128 + signal.SIGTERM and "was stopped by SIGTERM" in result.stderr


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize("saved", [True, False])
def test_only_what_is_kept_can_be_resumed(runner, tmp_path, number, saved):
    name = number.name[3:]
    runner(f"""trap 'trap - {name}; test -e "$2.journal" && echo "go on with --resume"
kill -{name} $$' {name}
echo > "$2.journal"; echo > {tmp_path}/ready\nwhile :; do sleep 0.05; done""", copies=False)
    words = ["--save", str(tmp_path / "kept.json")] if saved else []
    running = subprocess.Popen([sys.executable, "-m", "forkcost", "claims", "--run", *words],
                               env=as_module(),
                               stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 60
    while not (tmp_path / "ready").exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    running.send_signal(number)
    if number == signal.SIGINT:  # from a terminal the program would have it too
        time.sleep(0.5)
        [program] = Path(f"/proc/{running.pid}/task/{running.pid}/children").read_text().split()
        os.kill(int(program), number)
    _, said = running.communicate(timeout=60)
    assert running.returncode == 128 + number
    assert ("--resume" in said) == saved == (tmp_path / "kept.json.journal").exists()
    assert ("nothing is kept" in said) != saved


def test_where_the_measuring_program_is_looked_for(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("FORKCOST_RUN", raising=False)
    result = call("claims", "--run")
    assert result.exit_code == 2 and "found neither" in result.stderr
    assert "FORKCOST_RUN" in result.stderr
    for place in ("on-path", "beside", "named"):
        (tmp_path / place).mkdir()
        program = tmp_path / place / "forkcost-run"
        program.write_text("#!/bin/sh\n")
        program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path / "on-path"))
    assert measurements.forkcost_run() == str(tmp_path / "on-path" / "forkcost-run")
    monkeypatch.setenv("FORKCOST_BIN", str(tmp_path / "beside"))
    assert measurements.forkcost_run() == str(tmp_path / "beside" / "forkcost-run")
    monkeypatch.setenv("FORKCOST_RUN", str(tmp_path / "named" / "forkcost-run"))
    assert measurements.forkcost_run() == str(tmp_path / "named" / "forkcost-run")
    monkeypatch.setenv("FORKCOST_RUN", str(tmp_path / "nowhere"))
    assert call("claims", "--run").exit_code == 2


def test_it_measures_with_forkcost_run_again_and_again(tmp_path, monkeypatch):
    """A stand-in that takes the flags and leaves a file."""
    source = test_compare_aa.run(tmp_path, "source", 3)
    program = tmp_path / "bin" / "forkcost-run"
    program.parent.mkdir()
    program.write_text(f"""#!/bin/sh
echo "$@" >> {tmp_path}/words
while [ "$1" != --out ]; do shift; done
cp {source} "$2"
""")
    program.chmod(0o755)
    monkeypatch.setenv("FORKCOST_RUN", str(program))
    result = call("aa", "--runs", "3", "--preset", "smoke")
    assert result.exit_code == 0, result.stderr
    words = (tmp_path / "words").read_text().splitlines()
    assert len(words) == 3 and len(set(words)) == 3
    assert words[0].startswith("--preset smoke --out ")
    program.write_text("#!/bin/sh\nexit 2\n")
    result = call("aa")
    assert result.exit_code == 2 and "status 2" in result.stderr
