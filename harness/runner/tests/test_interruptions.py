"""forkcost-run is interrupted, killed and resumed: nothing is left, lost or measured twice."""

import json
import os
import pathlib
import shlex
import signal
import subprocess

import pytest

from running import PATIENCE, is_alive, many, wait_until


def descendants_of(pid):
    try:
        children = pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except (FileNotFoundError, ProcessLookupError):
        return []
    return [p for child in map(int, children) for p in (child, *descendants_of(child))]


def keeper_of(process):
    (keeper,) = [p for p in descendants_of(process.pid)
                 if pathlib.Path(f"/proc/{p}/comm").read_text() == "forkcost-keeper\n"]
    return keeper


def check_nothing_lost_or_repeated(runner):
    """After a run of four cases and two rounds that was interrupted in its sixth measurement."""
    document = runner.result()
    assert [(e["name"], e["repetition_index"]) for e in document["benchmarks"]] == [
        (name, i) for name in many(4) for i in range(2)]
    begun = [name for name, *_ in runner.logged("begin")]
    assert len(begun) == 9, "only the sixth was begun twice"
    assert begun[5] == begun[6]
    assert len(runner.logged("end")) == 8
    assert document["context"]["forkcost"]["run"]["interrupted"]
    assert document["context"]["forkcost"]["run"]["seed"] == 5
    assert document["context"]["host_name"] == "mock"
    assert not runner.journal.exists()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_leaves_the_journal_and_nothing_else(runner, number):
    runner.set_cases(*many(4))
    runner.block_at(6)
    process = runner.start("--rounds", "2", "--seed", "5")
    wait_until(lambda: runner.logged("blocked"), "the sixth measurement hangs")
    process.send_signal(number)
    _, errors = process.communicate(timeout=PATIENCE)
    assert process.returncode == -number, "a shell must see 128 + the signal"
    assert not is_alive(runner.logged("blocked")[0][0])
    assert list(runner.temporary.iterdir()) == []
    assert runner.journal.exists() and not runner.out.exists()

    runner.unblock()
    command = next(line for line in errors.decode().splitlines() if "--resume" in line)
    assert subprocess.run(command, shell=True, env=runner.environment(), capture_output=True,
                          timeout=PATIENCE).returncode == 0
    check_nothing_lost_or_repeated(runner)


@pytest.mark.parametrize("whole_group", [False, True])
def test_a_kill_leaves_the_journal_and_nothing_else(runner, whole_group):
    runner.set_cases(*many(4))
    runner.block_at(6)
    process = runner.start("--rounds", "2", "--seed", "5", process_group=0)
    wait_until(lambda: runner.logged("blocked"), "the sixth measurement hangs")
    family = descendants_of(process.pid)
    assert len(family) >= 2
    (os.killpg if whole_group else os.kill)(process.pid, signal.SIGKILL)
    process.communicate(timeout=PATIENCE)
    assert list(runner.temporary.iterdir()) == []
    assert runner.journal.exists() and not runner.out.exists()
    runner.unblock()
    # At once: what cleans up after the dead runner holds no lock of the journal.
    assert runner.run("--rounds", "2", "--resume").returncode == 0
    check_nothing_lost_or_repeated(runner)
    wait_until(lambda: not any(is_alive(pid) for pid in family), "all of them are dead")


@pytest.mark.parametrize("victim", ["runner", "keeper"])
def test_a_kill_reaches_a_daemon_too(runner, victim):
    """The program started a daemon: no signal to its group and no parent's death reaches that."""
    runner.set_cases("a/mode:nest")
    process = runner.start("--preset", "smoke")
    wait_until(lambda: runner.logged("blocked"), "the case works")
    ((daemon,),), ((program,),) = runner.logged("straggler"), runner.logged("blocked")
    os.kill(process.pid if victim == "runner" else keeper_of(process), signal.SIGKILL)
    process.communicate(timeout=PATIENCE)
    wait_until(lambda: not is_alive(program) and not is_alive(daemon), "both are dead")
    if victim == "keeper":
        assert process.returncode == 1
        assert "killed by signal 9" in runner.outcomes()["a/mode:nest"]["reason"]


@pytest.mark.parametrize("mode", ["caretaken", "caretaking"])
@pytest.mark.parametrize("end", ["time limit", "kill", "kill of the runner"])
def test_a_caretaker_may_finish(runner, end, mode):
    """It was killed with what a dead program had left, and files of up to 16 MB stayed."""
    runner.set_cases(f"a/mode:{mode}")
    process = runner.start("--preset", "smoke", "--time-limit-s", "1" if end == "time limit" else "60")
    wait_until(lambda: runner.logged("blocked"), "the case works")
    if end != "time limit":
        victim = runner.logged("blocked")[0][0] if end == "kill" else process.pid
        os.kill(int(victim), signal.SIGKILL)
    process.communicate(timeout=PATIENCE)
    if end == "kill of the runner":
        wait_until(lambda: runner.logged("tidied"), "the caretaker tidied up")
    assert len(runner.logged("tidied")) == 1


def test_a_run_killed_after_its_result_is_gone_on_with(runner):
    """Between the result's writing and the journal's removal."""
    runner.set_cases(*many(2))
    runner.block_at(2)
    process = runner.start("--rounds", "1")
    wait_until(lambda: runner.logged("blocked"), "the last measurement hangs")
    process.kill()
    process.communicate(timeout=PATIENCE)
    runner.unblock()
    runner.out.write_text("of somebody else")
    assert runner.run("--rounds", "1", "--resume").returncode == 2
    assert runner.out.read_text() == "of somebody else"
    with runner.journal.open("a") as journal:
        journal.write('{"finished": true}\n')
    assert runner.run("--rounds", "1", "--resume").returncode == 0
    assert len(runner.result()["benchmarks"]) == 2 and not runner.journal.exists()


def test_resume_after_the_runner_was_killed(runner):
    runner.set_cases(*many(4))
    runner.block_at(6)
    process = runner.start("--rounds", "2", "--seed", "5")
    wait_until(lambda: runner.logged("blocked"), "the sixth measurement hangs")
    process.kill()
    process.communicate(timeout=PATIENCE)
    wait_until(lambda: not is_alive(runner.logged("blocked")[0][0]), "the program died with it")
    for left in runner.temporary.iterdir():  # nobody was there to remove it
        for file in left.iterdir():
            file.unlink()
        left.rmdir()
    with runner.journal.open("a") as journal:
        journal.write('{"round": 1, "entry": {"name": "a/mo')  # torn by the crash

    refused = runner.run("--rounds", "2")
    assert (refused.returncode, "--resume" in refused.err and "--force" in refused.err) == (2, True)
    for arguments, said in ((["--rounds", "3"], "exact_rounds: 2 in the journal, 3 now"),
                            (["--rounds", "2", "--filter", "n:1"], "filter"),
                            (["--rounds", "2", "--seed", "6"], "seed: 5 in the journal, 6 now")):
        refused = runner.run("--resume", *arguments)
        assert (refused.returncode, said in refused.err) == (2, True), refused.err

    runner.unblock()
    assert runner.run("--rounds", "2", "--resume").returncode == 0
    check_nothing_lost_or_repeated(runner)


def test_resume_when_all_was_measured(runner):
    runner.set_cases(*many(2))
    assert runner.run("--rounds", "1", "--seed", "5").returncode == 0
    runner.out.rename(runner.out.with_suffix(".first"))
    runner.block_at(4)
    process = runner.start("--rounds", "1", "--seed", "5")
    wait_until(lambda: runner.logged("blocked"), "the last measurement hangs")
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=PATIENCE)
    last = runner.logged("blocked")
    record = json.loads(runner.journal.read_text().splitlines()[1])
    missing = ({*many(2)} - {record["entry"]["name"]}).pop()
    record["entry"]["name"] = missing
    del record["context"]
    with runner.journal.open("a") as journal:
        journal.write(json.dumps(record) + "\n")
    assert runner.run("--rounds", "1", "--resume").returncode == 0
    assert runner.logged("blocked") == last and len(runner.logged("begin")) == 4
    assert len(runner.result()["benchmarks"]) == 2


def test_two_runs_do_not_write_one_journal(runner):
    runner.set_cases(*many(2))
    runner.block_at(1)
    process = runner.start("--rounds", "1")
    wait_until(lambda: runner.logged("blocked"), "the first measurement hangs")
    second = subprocess.run(runner.command("--rounds", "1", "--resume"), env=runner.environment(),
                            capture_output=True, text=True, timeout=PATIENCE)
    process.terminate()
    process.communicate(timeout=PATIENCE)
    assert (second.returncode, "another forkcost-run" in second.stderr) == (2, True)


def test_nohup_holds(runner):
    runner.set_cases(*many(2))
    runner.block_at(1)
    process = runner.start("--rounds", "1",
                           preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN))
    wait_until(lambda: runner.logged("blocked"), "the first measurement hangs")
    process.send_signal(signal.SIGHUP)
    os.kill(int(runner.logged("blocked")[0][0]), signal.SIGKILL)
    process.communicate(timeout=PATIENCE)
    assert process.returncode == 1, "it went on; the killed program is a failed case"
    assert len(runner.result()["benchmarks"]) == 1


def test_a_process_that_it_did_not_start_is_left_alone(runner):
    """A wrapper script that ends in `exec forkcost-run` leaves its own children behind."""
    pid_file = runner.bin_dir / "inherited_child"
    wrapper = subprocess.run(
        ["sh", "-c", f'sleep 60 & echo $! > {shlex.quote(str(pid_file))}; exec "$@"', "sh",
         *runner.command("--preset", "smoke", "--quiet")],
        env=runner.environment(), stdout=subprocess.DEVNULL, timeout=PATIENCE)
    inherited_child = int(pid_file.read_text())
    try:
        assert wrapper.returncode == 0
        os.kill(inherited_child, 0)  # it is there
    finally:
        os.kill(inherited_child, signal.SIGKILL)
