"""Measures what the claims need: calls the program forkcost-run, as a user would."""

import signal
import subprocess
from pathlib import Path

from forkcost import programs
from forkcost.claims import case_filter
from forkcost.errors import InputError, Interrupted, NoAnswer

PROGRAM = "forkcost-run"
_PASSED_ON = (signal.SIGTERM, signal.SIGHUP)


def program():
    """The path of forkcost-run. Raises InputError."""
    return programs.find(PROGRAM, "FORKCOST_RUN", "judge a file that was measured elsewhere: "
                         "forkcost claims RUN.json")


def measure(path, preset, kept):
    """Runs the cases that claims need and leaves the result file at `path`. What the program prints
    goes to stderr: our stdout is the answer. A run in which cases failed is still a run. `kept`:
    whether that file, and after an interruption its journal, stays."""
    if Path(path).exists():
        raise InputError(f"{path}: exists: name another file with --save, or remove it")
    words = [program(), "--preset", preset, "--filter", case_filter(), "--out", str(path)]
    run(words, Path(path), kept)


def run(words, path, kept=False):
    """Runs a measuring program to its end. `path`: the result that it must leave."""
    status = _call(words, None if kept else Path(f"{path}.journal"))
    if status < 0:
        name = signal.Signals(-status).name
        raise Interrupted(f"{words[0]} was stopped by {name}: nothing is judged" + (
            "" if kept else "; nothing is kept either, so there is nothing to resume: with --save "
                            "FILE there would be"), -status)
    if status in (0, 1, 3) and path.exists():
        return
    if status == 3:
        raise NoAnswer(f"{words[0]} could measure nothing here: its message says why; "
                       "forkcost-run --doctor says more")
    raise InputError(f"{words[0]} ended with status {status} and left no result: its message says "
                     "why")


def _call(words, dropped):
    """Its exit status, negative for a signal. Ctrl-C reaches the program through the terminal; it
    stops its own children and undoes its settings, so we wait for it; other signals are passed on.
    `dropped`: a journal that will not be kept. It goes before the signal is passed on: the program
    prints how to resume only where there is one."""
    def stop(number, _):
        if dropped:
            dropped.unlink(missing_ok=True)
        if number in _PASSED_ON:
            running.send_signal(number)

    # A handler, unlike SIG_IGN, is not inherited by the program.
    before = {signal.SIGINT: signal.signal(signal.SIGINT, stop)}
    try:
        running = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=2)
        for number in _PASSED_ON:
            before[number] = signal.signal(number, stop)
        return running.wait()
    except OSError as error:
        raise InputError(f"{words[0]}: cannot be run: {error.strerror}: name forkcost-run in "
                         "FORKCOST_RUN") from error
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
