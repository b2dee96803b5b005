"""Boots, each a call of forkcost-boot (or, for the running kernel, of forkcost-run), several at a
time. None outlives us."""

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

from forkcost import programs
from forkcost.errors import Interrupted

_TAIL = 30  # lines of what the guest printed, where it did not do its work
_ENDED_BY = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@dataclass(frozen=True)
class Call:
    """One call of a program, which leaves a result file at `result`, and what else it is asked for
    at `asides`."""

    title: str
    words: tuple
    result: Path | None = None
    asides: tuple = ()


@dataclass(frozen=True)
class Ended:
    """A Call that ended. `status`: negative for a signal. `said`: stdout; `complained`: stderr.
    `document`: the result file, where it left one that can be read. `asides`: their text, None
    where it left none."""

    call: Call
    status: int
    said: str
    complained: str
    document: dict | None
    asides: tuple
    seconds: float

    @property
    def bad_call(self):
        """It refused what it was told; in a guest, forkcost-run did."""
        return self.status == 2 or bool(
            re.search(r"in the guest, \S+ ended with status 2$", self.complained, re.MULTILINE))

    @property
    def why(self):
        """What it said, where it left no result."""
        lines = self.complained.strip().splitlines() or [
            f"{self.call.words[0]} ended with status {self.status} and left no result"]
        if self.status not in (2, 3):  # those say themselves what the guest printed
            lines += [f"  | {line}" for line in self.said.rstrip().splitlines()[-_TAIL:]]
        return "\n".join(lines)


def run(calls, at_a_time, started=lambda call: None, ended=lambda ended: None):
    """[Ended], in the order of the calls. Raises Interrupted when a signal tells us to end; all
    calls have ended then."""
    waiting, running, done = list(calls), [], {}
    with _interruptible():
        try:
            while waiting or running:
                while waiting and len(running) < at_a_time:
                    started(waiting[0])
                    running.append(_Running(waiting.pop(0)))
                for one in [r for r in running if r.process.poll() is not None]:
                    running.remove(one)
                    done[one.call] = one.finish()
                    ended(done[one.call])
                time.sleep(0.02)
        finally:
            for one in running:
                one.process.terminate()
            for one in running:
                one.stop()
    return [done[call] for call in calls]


class _Running:
    def __init__(self, call):
        self.call = call
        self._begin = time.monotonic()
        # Files, not pipes: nobody has to empty them.
        self._out, self._err = tempfile.TemporaryFile(), tempfile.TemporaryFile()
        parent = os.getpid()
        self.process = subprocess.Popen(
            call.words, stdin=subprocess.DEVNULL, stdout=self._out, stderr=self._err,
            preexec_fn=lambda: programs.end_with_us(parent))

    def finish(self):
        return Ended(self.call, self.process.returncode, _text(self._out), _text(self._err),
                     _document(self.call.result), tuple(map(_taken, self.call.asides)),
                     time.monotonic() - self._begin)

    def stop(self):
        """It has been told to end."""
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        journal = [Path(f"{self.call.result}.journal")] if self.call.result else []
        for path in filter(None, (self.call.result, *journal, *self.call.asides)):
            path.unlink(missing_ok=True)


def _text(file):
    with file:
        file.seek(0)
        return file.read().decode(errors="replace")


def _document(path):
    """What is in the result file: not all of it need be a figure."""
    text = _taken(path) if path else None
    try:
        return json.loads(text) if text else None
    except ValueError:
        return None


def _taken(path):
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
