"""Jobs: calls of forkcost-boot (or, for the running kernel, of forkcost-run), several at a time.
None outlives us."""

import json
import os
import re
import signal
import subprocess
import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from forkcost.errors import Interrupted
from forkcost_lab import lifetime

_TAIL = 30  # lines of what the guest printed, where it did not do its work
_ENDED_BY = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@dataclass(frozen=True)
class Job:
    """One call of a program, which leaves a result file at `result`, and other files that it is
    asked for at `extras`."""

    title: str
    command: tuple
    result: Path | None = None
    extras: tuple = ()


@dataclass(frozen=True)
class Outcome:
    """A Job that ended. `status`: negative for a signal. `document`: the result file, where it left
    one that can be read. `extras`: the texts of these files, None where it left none."""

    job: Job
    status: int
    stdout: str
    stderr: str
    document: dict | None
    extras: tuple
    seconds: float

    @property
    def bad_call(self):
        """It refused what it was told; in a guest, forkcost-run did."""
        return self.status == 2 or bool(
            re.search(r"in the guest, \S+ ended with status 2$", self.stderr, re.MULTILINE))

    @property
    def why(self):
        """What it said, where it left no result."""
        lines = self.stderr.strip().splitlines() or [
            f"{self.job.command[0]} ended with status {self.status} and left no result"]
        if self.status not in (2, 3):  # those say themselves what the guest printed
            lines += [f"  | {line}" for line in self.stdout.rstrip().splitlines()[-_TAIL:]]
        return "\n".join(lines)


def run(jobs, at_a_time, ended=lambda outcome: None):
    """[Outcome], in the order of the jobs. Raises Interrupted when a signal tells us to end; all
    jobs have ended then."""
    waiting, running, done = list(jobs), [], {}
    with _interruptible():
        try:
            while waiting or running:
                while waiting and len(running) < at_a_time:
                    running.append(_Running(waiting.pop(0)))
                for one in [r for r in running if r.process.poll() is not None]:
                    running.remove(one)
                    done[one.job] = one.finish()
                    ended(done[one.job])
                time.sleep(0.02)
        finally:
            for one in running:
                one.process.terminate()
            for one in running:
                one.stop()
    return [done[job] for job in jobs]


class _Running:
    def __init__(self, job):
        self.job = job
        self._begin = time.monotonic()
        # Files, not pipes: nobody has to empty them.
        self._out, self._err = tempfile.TemporaryFile(), tempfile.TemporaryFile()
        parent = os.getpid()
        self.process = subprocess.Popen(
            job.command, stdin=subprocess.DEVNULL, stdout=self._out, stderr=self._err,
            preexec_fn=lambda: lifetime.end_with(parent, signal.SIGTERM))

    def finish(self):
        return Outcome(self.job, self.process.returncode, _text(self._out), _text(self._err),
                       _document(self.job.result), tuple(map(_take, self.job.extras)),
                       time.monotonic() - self._begin)

    def stop(self):
        """It has been told to end."""
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        journal = [Path(f"{self.job.result}.journal")] if self.job.result else []
        for path in filter(None, (self.job.result, *journal, *self.job.extras)):
            path.unlink(missing_ok=True)


def _text(file):
    with file:
        file.seek(0)
        return file.read().decode(errors="replace")


def _document(path):
    """What is in the result file: not all of it need be a figure."""
    text = _take(path) if path else None
    try:
        return json.loads(text) if text else None
    except ValueError:
        return None


def _take(path):
    """The text of a file, which goes; None where it has none."""
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, ValueError):
        return None
    finally:
        path.unlink(missing_ok=True)


@contextmanager
def _interruptible():
    """Signals that end us raise Interrupted meanwhile; those that we were told to ignore (by nohup,
    or by a shell's &) do not."""
    def stop(number, _):
        raise Interrupted(f"interrupted by {signal.Signals(number).name}", number)

    before = {number: signal.signal(number, stop) for number in _ENDED_BY
              if signal.getsignal(number) != signal.SIG_IGN}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
