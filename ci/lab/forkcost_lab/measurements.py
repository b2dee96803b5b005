"""Result files that are measured now: calls the program forkcost-run, as a user would."""

import signal
import subprocess
from contextlib import contextmanager
from pathlib import Path

from forkcost import files
from forkcost.errors import InputError, Interrupted, NoAnswer
from forkcost_lab import programs

_PASSED_ON = (signal.SIGTERM, signal.SIGHUP)


@contextmanager
def of_claims(preset, save):
    """The path of a result file with the cases that the claims need, for the length of a `with`, or
    for good at `save`. A run in which cases failed is still a run."""
    from forkcost.claims import case_filter

    with files.scratch_directory() as place:
        path = Path(save or place / "run.json")
        if path.exists():
            raise InputError(f"{path}: exists: name another file with --save, or remove it")
        _run(["--preset", preset, "--filter", case_filter(), "--out", str(path)], path,
             kept=save is not None)
        yield path


@contextmanager
def of_itself(preset, count):
    """The paths of the files of `count` runs of forkcost-run, one after the other, for the length
    of a `with`."""
    with files.scratch_directory() as place:
        paths = [place / f"aa{number}.json" for number in range(count)]
        for path in paths:
            _run(["--preset", preset, "--out", str(path)], path)
        yield paths


def forkcost_run():
    """The path of forkcost-run. Raises InputError."""
    return programs.find("forkcost-run", "FORKCOST_RUN", "judge a file that was measured "
                         "elsewhere: forkcost claims RUN.json")


def _run(words, path, kept=False):
    """Runs forkcost-run to its end. What it prints goes to stderr: our stdout is the answer.
    `path`: the result that it must leave; `kept`: whether that stays, and after an interruption its
    journal."""
    program = forkcost_run()
    status = _status([program, *words], None if kept else Path(f"{path}.journal"))
    if status < 0:
        name = signal.Signals(-status).name
        raise Interrupted(f"{program} was stopped by {name}: nothing is judged" + (
            "" if kept else "; nothing is kept either, so there is nothing to resume: with --save "
                            "FILE there would be"), -status)
    if status in (0, 1, 3) and path.exists():
        return
    if status == 3:
        raise NoAnswer(f"{program} could measure nothing here: its message says why; "
                       "forkcost-run --doctor says more")
    raise InputError(f"{program} ended with status {status} and left no result: its message says "
                     "why")


def _status(words, dropped):
    """The program's exit status, negative for a signal. Ctrl-C reaches the program through the
    terminal; it stops its own children and undoes its settings, so we wait for it; other signals
    are passed on. `dropped`: a journal that will not be kept. It goes before the signal is passed
    on: the program prints how to resume only where there is one."""
    running, early = None, []

    def stop(number, _):
        if dropped:
            dropped.unlink(missing_ok=True)
        if number in _PASSED_ON and running:
            running.send_signal(number)
        elif number in _PASSED_ON:
            early.append(number)

    # First of all: a signal that comes while the program starts would end us and leave it running.
    # A handler, unlike SIG_IGN, is not inherited by the program.
    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, *_PASSED_ON)}
    try:
        running = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=2)
        for number in early:
            running.send_signal(number)
        return running.wait()
    except OSError as error:
        raise InputError(f"{words[0]}: cannot be run: {error.strerror}: name forkcost-run in "
                         "FORKCOST_RUN") from error
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
