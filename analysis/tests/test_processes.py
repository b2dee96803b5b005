"""Work spread over processes: its results, and that none of them is left, whatever happens."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from forkcost import processes
from forkcost.errors import NoAnswer


@pytest.fixture(autouse=True)
def three(monkeypatch):
    monkeypatch.setattr(processes, "cpus", lambda: 3)
    before = children()
    yield
    assert children() <= before  # none is left, not even unreaped


def children():
    """Those of other tests too, which may have left some."""
    return set(Path(f"/proc/self/task/{os.getpid()}/children").read_text().split())


class Meeting:
    """Else one process might be done with everything before another has begun."""

    def __init__(self):
        self.parent, self.met = os.getpid(), False
        self.from_helpers, self.from_parent = os.pipe(), os.pipe()

    def in_parent(self):
        return os.getpid() == self.parent

    def meet(self):
        """The parent waits until a helper is here, or ended, and each helper for the parent."""
        if self.met:
            return
        self.met = True
        here, there = self.from_helpers, self.from_parent
        if self.in_parent():
            os.write(there[1], b"..")
            os.close(here[1])
            os.read(here[0], 1)
        else:
            os.write(here[1], b".")
            os.read(there[0], 1)


def test_results_are_in_order_and_of_several_processes():
    meeting = Meeting()
    told = []

    def work(i):
        meeting.meet()
        return i, os.getpid()

    found = processes.spread(work, 50, told.append)
    assert [i for i, _ in found] == list(range(50))
    assert 1 < len({pid for _, pid in found}) <= 3
    assert told == [i for i, pid in found if pid == os.getpid()]


def test_one_cpu_needs_no_further_process(monkeypatch):
    monkeypatch.setattr(processes, "cpus", lambda: 1)
    assert set(processes.spread(lambda i: os.getpid(), 5)) == {os.getpid()}


def test_work_within_spread_work_stays_in_its_process():
    within = processes.spread(
        lambda i: {os.getpid(), *processes.spread(lambda j: os.getpid(), 4)}, 6)
    assert all(len(pids) == 1 for pids in within)


@pytest.mark.parametrize("n", [0, 1, 15, 16, 17, 1000])
def test_lists_of_parts_are_joined_in_order(n):
    assert processes.in_parts(lambda i: [i, -i], list(range(n))) == [
        x for i in range(n) for x in (i, -i)]


def test_an_exception_comes_from_where_it_was_raised():
    def broken(i):
        return 1 / (i - 5)

    with pytest.raises(ZeroDivisionError) as caught:
        processes.spread(broken, 9)
    assert caught.traceback[-1].name == "broken"


def test_an_exception_here_ends_the_others():
    meeting = Meeting()

    def work(_):
        meeting.meet()
        if meeting.in_parent():
            raise KeyboardInterrupt
        time.sleep(600)

    with pytest.raises(KeyboardInterrupt):
        processes.spread(work, 9)


def test_a_process_that_was_killed_is_no_result():
    meeting = Meeting()

    def work(_):
        if not meeting.in_parent():
            os.kill(os.getpid(), signal.SIGKILL)
        meeting.meet()

    with pytest.raises(NoAnswer, match="signal 9 ended it: was memory short"):
        processes.spread(work, 9)


def test_without_room_for_a_process_one_does_it_all(monkeypatch):
    def fork():
        raise BlockingIOError

    monkeypatch.setattr(os, "fork", fork)
    assert set(processes.spread(lambda i: os.getpid(), 5)) == {os.getpid()}


KILLED = r"""
import os, sys, time
from forkcost import processes
processes.cpus = lambda: 2
parent = os.getpid()
def work(i):
    os.write(1, b"%d\n" % i)
    while os.getppid() == parent or os.getpid() == parent:
        time.sleep(0.01)
processes.spread(work, 9)
"""


def test_a_killed_command_takes_its_processes_with_it():
    with subprocess.Popen([sys.executable, "-c", KILLED], stdout=subprocess.PIPE, text=True,
                          env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}) as command:
        lines = [command.stdout.readline() for _ in "ab"]  # both are at work
        command.kill()
        rest = command.stdout.read()  # ends with the last that has it open
    assert sorted(lines) == ["0\n", "1\n"] and rest == ""
