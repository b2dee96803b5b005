"""forkcost-run from end to end, against a mock bench program.

Needs the environment variable FORKCOST_RUN: the path of the program (ctest sets it).
"""

import gzip
import json
import os
import pathlib
import re
import shlex
import signal
import subprocess
import sys
import time

import pytest

MOCK = pathlib.Path(__file__).with_name("mock_bench.py")
COMPARE = pathlib.Path("/usr/share/benchmark/compare.py")
PATIENCE = 20  # seconds until a test gives up: far more than anything here takes


@pytest.fixture
def runner(tmp_path):
    return Runner(tmp_path)


def write_mock(directory):
    mock = directory / "bench_mock"
    mock.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -I -S '
                    f'{shlex.quote(str(MOCK))} {shlex.quote(str(directory))} "$@"\n')
    mock.chmod(0o755)


class Runner:
    def __init__(self, tmp_path):
        self.program = os.environ["FORKCOST_RUN"]
        self.bin_dir = tmp_path / "bin"
        self.bin_dir.mkdir()
        self.temporary = tmp_path / "tmp"
        self.temporary.mkdir()
        self.out = tmp_path / "run.json"
        self.journal = tmp_path / "run.json.journal"
        write_mock(self.bin_dir)
        (self.bin_dir / "bench_notes.txt").write_text("not a program")
        self.set_cases("a/mode:ok")

    def set_cases(self, *names):
        (self.bin_dir / "cases.json").write_text(json.dumps(names))

    def command(self, *arguments):
        return [self.program, "--bin-dir", str(self.bin_dir), "--out", str(self.out), *arguments]

    def environment(self):
        return {**os.environ, "TMPDIR": str(self.temporary)}

    def run(self, *arguments, **kwargs):
        done = subprocess.run(self.command(*arguments), env=self.environment(), timeout=PATIENCE,
                              capture_output=True, **kwargs)
        done.out = done.stdout.decode(errors="strict")
        done.err = done.stderr.decode(errors="strict")
        assert list(self.temporary.iterdir()) == [], "a temporary file was left"
        return done

    def start(self, *arguments, **kwargs):
        return subprocess.Popen(self.command(*arguments), env=self.environment(),
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, **kwargs)

    def block_at(self, number):
        (self.bin_dir / "block_at").write_text(str(number))

    def unblock(self):
        (self.bin_dir / "block_at").unlink()

    def logged(self, word):
        log = self.bin_dir / "log"
        lines = log.read_text().splitlines() if log.exists() else []
        return [line.split(" ")[1:] for line in lines if line.startswith(word + " ")]

    def forget_log(self):
        (self.bin_dir / "log").unlink()

    def result(self):
        return json.loads(self.out.read_text())

    def outcomes(self):
        document = self.result()
        return {entry["name"]: entry["outcome"] for entry in document["unmeasured"]}


def is_alive(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def wait_until(condition, what):
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, f"waited in vain until {what}"
        time.sleep(0.02)


def many(count):
    return [f"a/mode:ok/n:{i}" for i in range(count)]


# What is measured, and in which order


def test_every_case_once_in_every_round_in_an_order_that_the_seed_gives(runner):
    runner.set_cases(*many(6))
    orders = []
    for seed in (7, 7, 8):
        assert runner.run("--rounds", "2", "--seed", str(seed), "--force").returncode == 0
        orders.append([name for name, *_ in runner.logged("begin")])
        runner.forget_log()
        assert runner.result()["context"]["forkcost"]["run"]["seed"] == seed
    assert orders[0] == orders[1]
    assert orders[0] != orders[2]
    for order in orders:
        assert sorted(order[:6]) == sorted(order[6:]) == many(6)
    assert orders[0][:6] != orders[0][6:]


def test_every_round_is_a_process_of_its_own(runner):
    runner.set_cases(*many(2))
    assert runner.run("--rounds", "2").returncode == 0
    pids = [entry["pid"] for entry in runner.result()["benchmarks"]]
    assert len(set(pids)) == 4


def test_a_heap_is_asked_for_by_its_size(runner):
    runner.set_cases("a/mode:ok/heap:17GiB")
    assert runner.run("--preset", "smoke").returncode == 0
    assert runner.logged("begin")[0][2] == "17GiB"


def test_counters_and_profile_are_the_programs_affair(runner):
    assert runner.run("--preset", "smoke").returncode == 0
    assert runner.logged("passes") == [["None", "None"]]
    assert "counters" not in runner.result()["context"]["forkcost"]["run"]
    assert runner.run("--preset", "smoke", "--force", "--counters=cycles:u,page-faults",
                      "--profile").returncode == 0
    assert runner.logged("passes")[-1] == ["cycles:u,page-faults", "default"]
    run = runner.result()["context"]["forkcost"]["run"]
    assert (run["counters"], run["profile"]) == ("cycles:u,page-faults", "")


def test_a_wrong_event_is_told_before_anything_is_measured(runner):
    done = runner.run("--counters=wrong")
    assert done.returncode == 2
    assert "wrong: event not found" in done.err
    assert runner.logged("begin") == [] and not runner.journal.exists()


def test_a_limit_is_that_of_each_pass(runner):
    """Else a case that is counted and profiled would be ended for taking all of its passes."""
    runner.set_cases("a/mode:hang")
    begun = time.monotonic()
    assert runner.run("--preset", "smoke", "--time-limit-s", "0.5", "--counters",
                      "--profile").returncode == 1
    assert time.monotonic() - begun > 5 * 0.5
    assert "2.5 s" in runner.result()["unmeasured"][0]["outcome"]["reason"]


def test_filter_and_list(runner):
    runner.set_cases(*many(12))
    listed = runner.run("--list", "--filter", "n:1$|n:11")
    assert (listed.returncode, listed.out.split()) == (0, ["a/mode:ok/n:1", "a/mode:ok/n:11"])
    assert not runner.out.exists() and runner.logged("begin") == []


# The result file


def test_merged_file(runner):
    runner.set_cases("b/mode:ok", "a/mode:ok/heap:1MiB", "a/mode:skip")
    done = runner.run("--rounds", "3", "--filter", "mode", "--cpu", "0")
    assert done.returncode == 0
    document = runner.result()
    entries = document["benchmarks"]
    assert [(e["name"], e["repetition_index"]) for e in entries] == [
        ("b/mode:ok", 0), ("b/mode:ok", 1), ("b/mode:ok", 2),
        ("a/mode:ok/heap:1MiB", 0), ("a/mode:ok/heap:1MiB", 1), ("a/mode:ok/heap:1MiB", 2)]
    assert {e["repetitions"] for e in entries} == {3}
    assert [(e["name"], e["repetition_index"]) for e in document["unmeasured"]] == [
        ("a/mode:skip", 0)]
    forkcost = document["context"]["forkcost"]
    assert forkcost["cases"] == {
        "b/mode:ok": {"benchmark": "b", "primary": "blocked_ns", "primary_cpu": "blocked_cpu_ns",
                      "verification": []},
        "a/mode:ok/heap:1MiB": {"benchmark": "a", "heap_bytes": 1 << 20, "primary": "blocked_ns",
                                "primary_cpu": "blocked_cpu_ns", "verification": []},
        "a/mode:skip": {"benchmark": "a"}}
    assert set(forkcost["axes"]) == {"mode", "heap"}
    assert set(forkcost["quantities"]) == {"blocked_ns", "blocked_cpu_ns"}
    assert all(e["quantities"]["blocked_ns"]["samples"] == [0, 1, 2] for e in entries)
    assert document["context"]["host_name"] == "mock"
    assert forkcost["schema"] == 2
    assert forkcost["clock"] == {"source": "tsc"}
    assert forkcost["environment"]["process"]["uid"] == 4711, "as the bench program saw it"
    assert "loadavg" in forkcost["environment"]["load"]
    assert set(forkcost["suite"]) == {"version", "revision"}
    assert all(set(w) == {"id", "message", "remedy"} for w in forkcost["warnings"])
    run = forkcost["run"]
    assert run["program"] == "forkcost-run"
    assert (run["preset"], run["filter"], run["cpu"]) == ("quick", "mode", 0)
    assert (run["rounds"], run["rounds_done"], run["interrupted"]) == (3, 3, False)
    assert run["command"][0] == runner.program
    assert not runner.journal.exists()
    lines = done.out.splitlines()
    assert lines[-1] == str(runner.out)
    assert any(line.startswith("b/mode:ok") and "µs" in line for line in lines)
    assert any(re.fullmatch("skipped +1 case: the mock skipped it", line) for line in lines)


def test_a_file_named_gz_is_compressed_and_holds_the_same(runner):
    runner.set_cases(*many(2))
    done = runner.run("--rounds", "2", "--seed", "7")
    plain = runner.result()
    runner.out = runner.out.with_name("run.json.gz")
    done = runner.run("--rounds", "2", "--seed", "7")
    assert done.returncode == 0, done.err
    assert done.out.splitlines()[-1] == str(runner.out)
    compressed = json.loads(gzip.decompress(runner.out.read_bytes()))
    names = [[(e["name"], e["quantities"]) for e in d["benchmarks"]] for d in (plain, compressed)]
    assert names[0] == names[1]


def test_a_journal_of_an_older_schema_is_not_gone_on_with(runner):
    runner.journal.write_text('{"plan": {"preset": "quick", "cases": []}}\n')
    done = runner.run("--resume")
    assert done.returncode == 2
    assert "the journal is of schema 1" in done.err and "--force" in done.err


def test_a_program_of_another_version_is_refused_before_anything_is_measured(runner):
    old = json.dumps({"binary": "bench_old", "cases": [{"name": "a/mode:ok"}]})
    program = runner.bin_dir / "bench_old"
    program.write_text(f"#!/bin/sh\necho {shlex.quote(old)}\n")
    program.chmod(0o755)
    done = runner.run("--rounds", "1")
    assert done.returncode == 2 and "bench_old is of another version" in done.err
    assert runner.logged("begin") == []


@pytest.mark.skipif(not COMPARE.exists() or subprocess.run(
    ["/usr/bin/python3", "-c", "import scipy"], capture_output=True).returncode != 0,
    reason="apt-get install libbenchmark-tools")
def test_google_benchmarks_own_tool_reads_two_runs(runner, tmp_path):
    runner.set_cases(*many(2), "a/mode:skip", "a/mode:fail")
    other = tmp_path / "other.json"
    runner.run("--rounds", "2")
    runner.out.rename(other)
    runner.run("--rounds", "2")
    compared = subprocess.run(
        ["/usr/bin/python3", COMPARE, "--no-color", "benchmarks", other, runner.out],
        capture_output=True, text=True, timeout=PATIENCE)
    assert (compared.returncode, compared.stderr) == (0, "")
    assert "a/mode:ok/n:1_pvalue" in compared.stdout


# Programs that misbehave


@pytest.mark.parametrize("mode, reasons", [
    ("fail", ["the mock failed it"]),
    ("crash", ["signal 11", "about to crash"]),
    ("torn", ["result file is damaged"]),
    ("nofile", ["exit status 7 and wrote no result file", "first | last words"]),
    ("liar", ["exit status 66, but its result file says 'ok'"]),
])
def test_a_case_that_fails(runner, mode, reasons):
    runner.set_cases(f"a/mode:{mode}", "a/mode:ok")
    done = runner.run("--rounds", "2")
    assert done.returncode == 1
    outcome = runner.outcomes()[f"a/mode:{mode}"]
    assert outcome["status"] == "failed"
    assert all(reason in outcome["reason"] for reason in reasons), outcome["reason"]
    assert len(runner.result()["unmeasured"]) == 2, "each failure is kept"
    assert len(runner.result()["benchmarks"]) == 2, "the others go on"
    assert f"a/mode:{mode}" in done.out


def test_the_time_limit_kills_what_ignores_signals(runner):
    runner.set_cases("a/mode:hang", "a/mode:ok")
    done = runner.run("--preset", "smoke", "--time-limit-s", "0.5")
    assert done.returncode == 1
    assert "did not finish within 0.5 s" in runner.outcomes()["a/mode:hang"]["reason"]
    assert not any(is_alive(pid) for _, pid, _ in runner.logged("begin"))


def test_a_program_that_is_stopped_may_clean_up_first(runner):
    """It may have made a cgroup, or reserved huge pages."""
    runner.set_cases("a/mode:tidy")
    assert runner.run("--preset", "smoke", "--time-limit-s", "2").returncode == 1
    assert len(runner.logged("tidied")) == 1
    runner.forget_log()
    process = runner.start("--preset", "smoke", "--force")
    wait_until(lambda: runner.logged("blocked"), "the case works")
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=PATIENCE)
    assert len(runner.logged("tidied")) == 1


@pytest.mark.parametrize("mode", ["straggler", "daemon"])
def test_what_a_program_leaves_behind_is_killed(runner, mode):
    runner.set_cases(f"a/mode:{mode}")
    assert runner.run("--preset", "smoke").returncode == 0
    (pid,), = runner.logged("straggler")
    assert not is_alive(pid)


def test_skipped_in_the_first_round_is_not_tried_again(runner):
    runner.set_cases("a/mode:skip", "a/mode:ok")
    assert runner.run("--rounds", "3").returncode == 0
    assert [name for name, *_ in runner.logged("begin")].count("a/mode:skip") == 1


def test_nothing_measured(runner):
    runner.set_cases("a/mode:skip")
    done = runner.run("--rounds", "3")
    assert done.returncode == 3
    assert runner.result()["context"]["forkcost"]["run"]["rounds_done"] == 1
    assert runner.outcomes()["a/mode:skip"]["status"] == "skipped"


# Wrong calls: exit status 2, nothing measured, nothing written


@pytest.mark.parametrize("arguments, said", [
    (["--preset", "huge"], "smoke, quick, standard and full"),
    (["--filter", "a/mode:okay"], "a/mode:ok/n:0"),
    (["--filter", "("], "not a regular expression"),
    (["--heap", "1XiB"], "'1XiB' is not a size"),
    (["--max-heap", "-1"], "is not a size"),
    (["--rounds", "0"], "--rounds"),
    (["--cpu", "4095"], "--cpu 4095"),
    (["--bogus"], "--bogus"),
    (["--resume"], "nothing to go on with"),
    (["--bin-dir", "/nonexistent"], "No such file or directory"),
    (["--out", "/nonexistent/run.json"], "cannot write /nonexistent/run.json"),
    (["--out", "/dev/null"], "not a regular file"),
])
def test_wrong_calls(runner, arguments, said):
    runner.set_cases(*many(3))
    command = [runner.program]
    if "--bin-dir" not in arguments:
        command += ["--bin-dir", str(runner.bin_dir)]
    if "--out" not in arguments:
        command += ["--out", str(runner.out)]
    done = subprocess.run(command + arguments, env=runner.environment(), capture_output=True,
                          text=True, timeout=PATIENCE)
    assert done.returncode == 2
    assert said in done.stderr
    assert done.stdout == ""
    assert runner.logged("begin") == []
    assert not runner.out.exists() and not runner.journal.exists()


def test_no_programs(runner):
    (runner.bin_dir / "bench_mock").unlink()
    done = runner.run()
    assert (done.returncode, "no program bench_*" in done.err) == (2, True)


def test_a_program_that_is_not_ours(runner):
    (runner.bin_dir / "bench_other").write_text("#!/bin/sh\necho hello\n")
    (runner.bin_dir / "bench_other").chmod(0o755)
    done = runner.run()
    assert (done.returncode, "bench_other --list-cases does not print" in done.err) == (2, True)


def test_an_existing_result_is_kept_unless_forced(runner):
    runner.out.write_text("precious")
    done = runner.run("--preset", "smoke")
    assert (done.returncode, "--force" in done.err) == (2, True)
    assert runner.out.read_text() == "precious"
    assert runner.run("--preset", "smoke", "--force").returncode == 0
    assert len(runner.result()["benchmarks"]) == 1


@pytest.mark.parametrize("flag", ["--help", "--version", "--doctor"])
def test_what_only_says_something(runner, flag):
    done = runner.run(flag)
    assert done.returncode == 0 and done.out != ""
    assert not runner.out.exists() and runner.logged("begin") == []


# Interruptions


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
def test_a_kill_reaches_a_stranger_too(runner, victim):
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


def test_a_program_has_the_three_descriptors(runner):
    assert runner.run("--preset", "smoke").returncode == 0
    assert runner.logged("descriptors") == [["3"]]


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


def test_a_reader_that_goes_away_costs_no_result(runner):
    """forkcost-run … 2>&1 | head -0"""
    runner.set_cases(*many(2))
    read_end, write_end = os.pipe()
    os.close(read_end)
    subprocess.run(runner.command("--rounds", "1"), env=runner.environment(), stdout=write_end,
                   stderr=write_end, timeout=PATIENCE)
    os.close(write_end)
    assert len(runner.result()["benchmarks"]) == 2
    assert list(runner.temporary.iterdir()) == []


def test_a_process_that_it_did_not_start_is_left_alone(runner):
    """A wrapper script that ends in `exec forkcost-run` leaves its own children behind."""
    pid_file = runner.bin_dir / "stranger"
    wrapper = subprocess.run(
        ["sh", "-c", f'sleep 60 & echo $! > {shlex.quote(str(pid_file))}; exec "$@"', "sh",
         *runner.command("--preset", "smoke", "--quiet")],
        env=runner.environment(), stdout=subprocess.DEVNULL, timeout=PATIENCE)
    stranger = int(pid_file.read_text())
    try:
        assert wrapper.returncode == 0
        os.kill(stranger, 0)  # it is there
    finally:
        os.kill(stranger, signal.SIGKILL)


def test_the_time_limit_reaches_the_program_a_little_shorter(runner):
    """Else a case that may take 600 s would fail at the program's own 60."""
    assert runner.run("--preset", "smoke", "--time-limit-s", "500").returncode == 0
    ((limit, _),) = runner.logged("given")
    assert float(limit) == 450
