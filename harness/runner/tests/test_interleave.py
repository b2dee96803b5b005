"""forkcost-run --interleave from end to end, against mock bench programs of two sides."""

import json
import os
import re
import signal
import subprocess

import pytest

from running import PATIENCE, Runner, is_alive, many, wait_until, write_mock

SETTINGS = ("--interleave", "env:SETTING=1", "env:SETTING=2")


@pytest.fixture
def runner(tmp_path):
    return Sides(tmp_path)


class Sides(Runner):
    """Also two suites, `old` (a prefix) and `new` (a directory of programs)."""

    def __init__(self, tmp_path):
        super().__init__(tmp_path)
        self.old, self.new = tmp_path / "old", tmp_path / "new"
        self.old_bin = self.old / "bin"
        for directory in (self.old_bin, self.new):
            directory.mkdir(parents=True)
            write_mock(directory)
        self.files = {side: tmp_path / f"run-{side}.json" for side in "ab"}
        self.set_suites(many(2), many(2))

    def set_suites(self, old, new):
        for directory, names in ((self.old_bin, old), (self.new, new)):
            (directory / "cases.json").write_text(json.dumps(names))

    def compare_suites(self, *arguments):
        """Not with --bin-dir, which would mean nothing."""
        return subprocess.run(
            [self.program, "--interleave", self.old, self.new, "--out", self.out, *arguments],
            env=self.environment(), capture_output=True, text=True, timeout=PATIENCE)

    def results(self):
        return [json.loads(self.files[side].read_text()) for side in "ab"]

    def measured(self):
        """[(setting, case)] in the order of time."""
        return [tuple(line) for line in self.logged("setting")]


def rounds_of(document):
    return [(entry["name"], entry["repetition_index"]) for entry in document["benchmarks"]]


def run_of(document):
    return document["context"]["forkcost"]["run"]


# What is measured


def test_two_files_of_one_session_with_aligned_rounds(runner):
    done = runner.compare_suites("--rounds", "3")
    assert done.returncode == 0, done.stderr
    a, b = runner.results()
    assert rounds_of(a) == rounds_of(b) == [(name, i) for name in many(2) for i in range(3)]
    assert [run_of(d)["interleaved"]["side"] for d in (a, b)] == ["a", "b"]
    session = run_of(a)["interleaved"]["session"]
    assert session == run_of(b)["interleaved"]["session"] and re.fullmatch("[0-9a-f]{16}", session)
    assert set(run_of(a)["interleaved"]) == {"session", "side"}
    assert "setting" not in run_of(a)
    assert done.stdout.splitlines()[-2:] == [str(runner.files[side]) for side in "ab"]
    assert not runner.out.exists() and not runner.journal.exists()

    assert runner.compare_suites("--rounds", "3", "--force").returncode == 0
    assert run_of(runner.results()[0])["interleaved"]["session"] != session


def test_sides_take_turns_and_turn_round(runner):
    """In two successive rounds each side of a case is first once."""
    runner.set_cases(*many(6))
    assert runner.run(*SETTINGS, "--rounds", "4").returncode == 0
    measured = runner.measured()
    pairs = list(zip(measured[::2], measured[1::2]))
    for first, second in pairs:
        assert first[1] == second[1] and {first[0], second[0]} == {"1", "2"}
    for turn in (pairs[:12], pairs[12:]):
        assert sorted(first for first, _ in turn) == sorted(
            (setting, name) for name in many(6) for setting in "12")
    assert len({first[0] for first, _ in pairs[:6]} | {first[0] for first, _ in pairs[12:18]}) == 2


def test_both_sides_take_as_many_samples(runner):
    assert runner.run(*SETTINGS, "--rounds", "2").returncode == 0
    assert [samples for _, samples in runner.logged("given")] == ["None", "3", "3", "3"]


def verdicts(document):
    until = run_of(document)["until"]
    return {(one["case"], one["quantity"]): (one["verdict"], one["pairs"])
            for one in until["verdicts"]}


def test_until_all_is_known(runner):
    """The mock has no noise: the first look settles all."""
    runner.set_cases(*many(3))
    done = runner.run("--interleave", "env:", "env:SLOWER=n:1", "--until", "2%", "--filter", ".")
    assert done.returncode == 0, done.err
    a, b = runner.results()
    assert run_of(a)["until"] == run_of(b)["until"]
    assert run_of(a)["rounds_done"] == 10 and "rounds" not in run_of(a)
    until = run_of(a)["until"]
    assert (until["size"], until["looks"], until["max_seconds"]) == (0.02, 1, 600)
    assert until["level"] == pytest.approx(0.01 / 6 * 10 / 268)
    same, slower = ("same", 10), ("slower", 10)
    assert verdicts(a) == {(f"a/mode:ok/n:{n}", quantity): slower if n == 1 else same
                           for n in range(3) for quantity in ("blocked_ns", "blocked_cpu_ns")}
    change = next(one["change"] for one in until["verdicts"] if one["verdict"] == "slower")
    assert change == pytest.approx(0.1, abs=0.02)
    assert "until 2%: 6 quantities of 3 cases, 1 looks," in done.out
    assert "2 slower, 4 same" in done.out


def test_until_time_is_up(runner):
    """Ten pairs there are whatever it takes; what never has figures stays unclear."""
    done = runner.run("--interleave", "env:", "env:MODES=n:1=fail", "--until", "2%",
                      "--max-time", "0.001s", "--filter", ".")
    assert done.returncode == 0, done.err
    assert run_of(runner.results()[0])["rounds_done"] == 10
    runner.set_cases(*many(2))
    done = runner.run("--interleave", "env:", "env:MODES=n:1=fail", "--until", "2%",
                      "--max-time", "0.001s", "--filter", ".", "--force")
    assert done.returncode == 1, done.err
    found = verdicts(runner.results()[0])
    assert found["a/mode:ok/n:1", "blocked_ns"] == ("unclear", 0)
    assert found["a/mode:ok/n:0", "blocked_ns"] == ("same", 10)


def test_until_goes_on_after_a_break_with_the_same_looks(runner):
    runner.set_cases(*many(2))
    call = ("--interleave", "env:", "env:SLOWER=n:1", "--until", "2%", "--filter", ".")
    runner.block_at(27)  # in the seventh round
    process = runner.start(*call)
    wait_until(lambda: runner.logged("blocked"), "it hangs")
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=PATIENCE)
    runner.unblock()
    assert runner.run(*call[:4], "5%", *call[5:], "--resume").returncode == 2, "another size"
    assert runner.run(*call, "--resume").returncode == 0
    a, b = runner.results()
    assert rounds_of(a) == rounds_of(b) == [(name, i) for name in many(2) for i in range(10)]
    assert set(verdicts(a).values()) == {("same", 10), ("slower", 10)}


UNTIL = ("--until", "2%", "--filter", ".")


def test_core_cases_take_turns_with_their_samples(runner):
    """From the round on in which their number is known."""
    runner.set_cases("a/mode:ok/core:1")
    assert runner.run(*SETTINGS, *UNTIL).returncode == 0
    assert len(runner.logged("takes")) == 18  # of ten rounds nine
    turns = [tuple(line) for line in runner.logged("turn")]
    assert turns == [(place, str(sample)) for sample in range(3) for place in ("first", "second")] * 9
    a, b = runner.results()
    assert rounds_of(a) == rounds_of(b) == [("a/mode:ok/core:1", i) for i in range(10)]


def test_others_do_not_take_turns(runner):
    runner.set_cases("a/mode:ok")
    assert runner.run(*SETTINGS, *UNTIL).returncode == 0
    assert runner.run(*SETTINGS, "--rounds", "3", "--force").returncode == 0
    assert runner.logged("takes") == []


def test_who_takes_turns_goes_on_when_the_other_dies(runner):
    runner.set_cases("a/mode:ok/core:1")
    done = runner.run("--interleave", "env:", "env:MODES=nobody=crash", *UNTIL)
    assert done.returncode == 1
    a, b = runner.results()
    # ten rounds: at the first look there is no pair, and will be none
    assert len(a["benchmarks"]) == 10 and len(b["benchmarks"]) == 1
    assert {entry["outcome"]["status"] for entry in b["unmeasured"]} == {"failed"}
    assert "signal 11" in b["unmeasured"][0]["outcome"]["reason"]


def test_a_signal_ends_both_who_take_turns(runner):
    runner.set_cases("a/mode:ok/core:1")
    runner.block_at(3)
    process = runner.start(*SETTINGS, *UNTIL)
    wait_until(lambda: len(runner.logged("begin")) == 4, "both are there")
    wait_until(lambda: runner.logged("takes"), "one waits for the other")
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=PATIENCE)
    assert not any(is_alive(int(pid)) for _, pid, _ in runner.logged("begin"))
    runner.unblock()
    assert runner.run(*SETTINGS, *UNTIL, "--resume").returncode == 0
    assert len(rounds_of(runner.results()[0])) == 10


@pytest.mark.parametrize("arguments, said", [
    (["--until", "2%"], "--until needs two sides"),
    (["--until", "2"], "'2' is not a share"),
    ([*SETTINGS, "--until", "2%", "--rounds", "3"], "leave --rounds out"),
    (["--max-time", "5min"], "--max-time is about --until"),
])
def test_wrong_calls_of_until(runner, arguments, said):
    done = runner.run(*arguments)
    assert done.returncode == 2 and said in done.err


def test_until_is_about_the_core_where_nothing_is_selected(runner):
    done = runner.run(*SETTINGS, "--until", "2%", "--list")
    assert runner.logged("listed") == [["gate"], ["gate"]]
    runner.forget_log()
    done = runner.run(*SETTINGS, "--until", "2%", "--filter", ".", "--list")
    assert done.returncode == 0 and runner.logged("listed") == [["quick"], ["quick"]]


def test_a_setting_is_in_the_environment_of_its_side_alone(runner):
    environment = {**runner.environment(), "SETTING": "inherited"}
    for second, seen in (("env:SETTING=a,b:c=d", "a,b:c=d"), ("env:SETTING=", "")):
        done = subprocess.run(
            runner.command("--interleave", "env:", second, "--rounds", "1", "--force"),
            env=environment, capture_output=True, text=True, timeout=PATIENCE)
        assert done.returncode == 0, done.stderr
        log = (runner.bin_dir / "log").read_text()
        assert sorted(re.findall("^setting (.*) a/mode:ok$", log, re.M)) == sorted(
            ["inherited", seen])
        runner.forget_log()
        a, b = runner.results()
        assert "setting" not in run_of(a)
        assert run_of(b)["setting"] == second.removeprefix("env:")


def test_what_only_one_side_has_is_named_and_left_out(runner):
    runner.set_suites([*many(2), "a/mode:ok/gone:1"], ["a/mode:ok/new:1", *reversed(many(2))])
    done = runner.compare_suites("--rounds", "1")
    assert done.returncode == 0
    assert "a: a/mode:ok/gone:1" in done.stderr and "b: a/mode:ok/new:1" in done.stderr
    a, b = runner.results()
    assert rounds_of(a) == rounds_of(b) == [(name, 0) for name in many(2)]
    listed = runner.compare_suites("--list", "--quiet")
    assert (listed.stdout.split(), listed.stderr) == (many(2), "")


def test_a_case_fails_or_is_skipped_on_its_side_alone(runner):
    """The same case, of which one suite cannot do what the other can."""
    runner.set_suites(many(2), many(2))
    (runner.new / "bench_mock").write_text(
        (runner.new / "bench_mock").read_text().replace("\nexec", "\nMODES=n:0=fail,n:1=skip exec"))
    done = runner.compare_suites("--rounds", "2")
    assert done.returncode == 1
    a, b = runner.results()
    assert rounds_of(a) == [(name, i) for name in many(2) for i in range(2)]
    assert (a["unmeasured"], b["benchmarks"]) == ([], [])
    first, second = many(2)
    assert [(entry["name"], entry["repetition_index"], entry["outcome"]["status"])
            for entry in b["unmeasured"]] == [
        (first, 0, "failed"), (first, 1, "failed"), (second, 0, "skipped")]
    assert f"b: {first}: the mock failed it" in done.stdout
    assert "1 case: the mock skipped it" in done.stdout


def test_a_side_without_figures_is_no_answer(runner):
    (runner.new / "bench_mock").write_text(
        (runner.new / "bench_mock").read_text().replace("\nexec", "\nMODES=n:0=skip,n:1=skip exec"))
    assert runner.compare_suites("--rounds", "1").returncode == 3
    assert len(runner.results()[0]["benchmarks"]) == 2


# Wrong calls


@pytest.mark.parametrize("sides, said", [
    (["env:", "env:NAME"], "env:NAME=VALUE"),
    (["env:", "/nonexistent"], "/nonexistent: No such file or directory"),
    (["env:"], "--interleave"),
])
def test_wrong_sides(runner, sides, said):
    done = runner.run("--interleave", *sides)
    assert (done.returncode, done.out) == (2, "")
    assert said in done.err
    assert runner.logged("begin") == [] and not runner.journal.exists()


def test_a_side_without_a_program(runner):
    (runner.old_bin / "bench_mock").unlink()
    done = runner.compare_suites()
    assert (done.returncode, f"no program bench_* in {runner.old_bin}" in done.stderr) == (2, True)


def test_nothing_in_common(runner):
    runner.set_suites(["a/mode:ok/gone:1"], ["a/mode:ok/new:1"])
    done = runner.compare_suites()
    assert (done.returncode, "no case in common" in done.stderr) == (2, True)
    assert "b: a/mode:ok/new:1" in done.stderr
    assert not runner.journal.exists()


@pytest.mark.parametrize("side", "ab")
def test_existing_results_are_kept_unless_forced(runner, side):
    runner.files[side].write_text("precious")
    done = runner.compare_suites()
    assert (done.returncode, str(runner.files[side]) in done.stderr) == (2, True)
    assert runner.files[side].read_text() == "precious"
    assert runner.compare_suites("--rounds", "1", "--force").returncode == 0
    assert all(run_of(document) for document in runner.results())


# Interruptions


def interrupt_at(runner, number, *arguments):
    """The command that goes on, from a run of two sides that was interrupted there."""
    runner.block_at(number)
    process = runner.start(*SETTINGS, "--rounds", "2", "--seed", "5", *arguments)
    wait_until(lambda: runner.logged("blocked"), "a measurement hangs")
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=PATIENCE)
    assert process.returncode == -signal.SIGINT
    assert runner.journal.exists()
    assert not any(file.exists() for file in runner.files.values())
    runner.unblock()
    return next(line for line in errors.decode().splitlines() if "--resume" in line)


@pytest.mark.parametrize("number, again", [(7, 1), (8, 2)])
def test_resume_measures_half_a_pair_anew(runner, number, again):
    """Its other half would be measured much later, not next to it."""
    runner.set_cases(*many(3))
    command = interrupt_at(runner, number)
    session = json.loads(runner.journal.read_text().splitlines()[0])["plan"]["session"]
    done = subprocess.run(command, shell=True, env=runner.environment(), capture_output=True,
                          text=True, timeout=PATIENCE)
    assert done.returncode == 0, done.stderr
    for document in runner.results():
        assert rounds_of(document) == [(name, i) for name in many(3) for i in range(2)]
        assert run_of(document)["interleaved"]["session"] == session
        assert run_of(document)["interrupted"]
        assert document["context"]["host_name"] == "mock"
    assert not runner.journal.exists()
    measured = runner.measured()
    assert len(measured) == 12 + again
    assert measured[number - again:number] == measured[number:number + again]
    pids = {entry["pid"] for document in runner.results() for entry in document["benchmarks"]}
    begun = [int(pid) for _, pid, _ in runner.logged("begin")]
    assert pids == set(begun[:number - again] + begun[number:]), "the pair that was measured anew"


def test_resume_wants_the_same_sides(runner):
    command = interrupt_at(runner, 2)
    refused = runner.run("--interleave", "env:SETTING=1", "env:SETTING=3", "--rounds", "2",
                         "--resume")
    assert (refused.returncode, "sides: " in refused.err) == (2, True)
    refused = runner.run("--rounds", "2", "--resume")
    assert (refused.returncode, "sides: " in refused.err) == (2, True)
    os.utime(runner.bin_dir / "bench_mock")
    refused = subprocess.run(command, shell=True, env=runner.environment(), capture_output=True,
                             text=True, timeout=PATIENCE)
    assert (refused.returncode, "sides: " in refused.stderr) == (2, True), "it was built anew"


def test_both_files_or_none(runner):
    """What cannot be written when all is measured costs nothing that was measured."""
    runner.block_at(3)
    process = runner.start(*SETTINGS, "--rounds", "2")
    wait_until(lambda: runner.logged("blocked"), "a measurement hangs")
    runner.files["b"].mkdir()
    os.kill(int(runner.logged("blocked")[0][0]), signal.SIGKILL)
    _, errors = process.communicate(timeout=PATIENCE)
    assert (process.returncode, str(runner.files["b"]) in errors.decode()) == (3, True)
    assert not runner.files["a"].exists() and runner.journal.exists()
    runner.files["b"].rmdir()
    begun = len(runner.logged("begin"))
    assert runner.run(*SETTINGS, "--rounds", "2", "--resume").returncode == 1, "one was killed"
    assert len(runner.logged("begin")) == begun
    assert [len(document["benchmarks"]) for document in runner.results()] in ([1, 2], [2, 1])
