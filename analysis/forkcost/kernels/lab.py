"""Boots each kernel, runs the cases there, and keeps one result file per kernel and boot."""

import json
import os
import re
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

from forkcost import load, programs
from forkcost.errors import InputError, NoAnswer
from forkcost.estimators import write
from forkcost.kernels import boots, exact
from forkcost.kernels.options import HOST

_GUEST_RESULT = "/tmp/run.json"
_PROBE_LIMIT_S = 15  # a stock kernel under KVM is there in two; KVM may be there and hang


@dataclass
class Results:
    """`files`: label -> result files. `failures`: what was said of each boot without one;
    `bad_call`: whether one of them was told something wrong."""

    files: dict
    failures: list = field(default_factory=list)
    bad_call: bool = False


def measure(sides, suite, measuring, directory, say):
    """Results of all sides, in `directory`/LABEL/boot-N.json, or where they are stored. `say`:
    function of a line of progress. Raises InputError before anything is booted, where the call is
    wrong."""
    results = Results({side.label: side.stored for side in sides})
    stored = {path: _mode_of(path) for side in sides for path in side.stored}
    sides = [side for side in sides if not side.stored]
    for side in sides:
        for number in range(1, measuring.boots + 1):
            if _result(directory, side, number).exists():
                raise InputError(f"{_result(directory, side, number)} exists; name another "
                                 "directory with -o, or remove it")
    laboratory = _Laboratory(suite, measuring)
    mode = laboratory.mode(sides, say, set(stored.values()))
    for side in sides:
        if side.kernel != HOST:
            laboratory.check(side, mode)
    calls = {}
    for number in range(1, measuring.boots + 1):
        for side in sides:
            path = _result(directory, side, number)
            _make(path.parent)
            calls[laboratory.call(side, number, mode, path)] = (side, number, path)

    def keep(ended):
        side, number, path = calls[ended.call]
        try:
            if ended.document is None:
                raise NoAnswer(ended.why)
            laboratory.keep(ended.document, side, number, mode, path)
        except (InputError, NoAnswer) as error:
            results.failures.append(f"{ended.call.title}: {error}")
            results.bad_call |= ended.bad_call
            say(f"{ended.call.title}: failed after {ended.seconds:.0f} s")
            return
        results.files[side.label].append(path)
        say(f"{ended.call.title}: {ended.seconds:.0f} s")

    at_a_time = min(2, len(os.sched_getaffinity(0))) if mode == "exact" else 1
    boots.run(list(calls), at_a_time, ended=keep)
    for label in results.files:
        results.files[label].sort(key=lambda p: int(re.search(r"\d+", p.name)[0]))
    return results


def _result(directory, side, number):
    return Path(directory) / side.label / f"boot-{number}.json"


def _make(directory):
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{directory}: cannot be made: {error.strerror}; name another directory "
                         "with -o") from error


def _mode_of(path):
    """Of a stored result file. Raises InputError."""
    mode = load.load([path]).context.get("laboratory", {}).get("mode")
    if mode is None:
        raise InputError(f"{path}: was not measured by forkcost kernels; it can be compared by "
                         "forkcost compare")
    return mode


class _Laboratory:
    def __init__(self, suite, measuring):
        self._suite, self._measuring = suite, measuring

    def mode(self, sides, say, stored):
        """In which the kernels that are not the host's are booted. `stored`: modes of what was
        measured before."""
        wanted = self._measuring.mode
        if wanted == "auto" and len(stored) == 1:
            wanted = next(iter(stored))
        booted = [side for side in sides if side.kernel != HOST]
        on_host = len(booted) < len(sides)
        if not booted:
            return HOST
        if wanted == "auto":
            reason = self._why_no_kvm(booted[0])
            wanted = "exact" if reason else "kvm"
            if reason and not on_host:
                say(f"mode exact: figures are executed instructions, not times. No KVM: {reason}")
        if self._measuring.functions and wanted != "exact":
            raise InputError("--functions counts the instructions of kernel functions, and only an "
                             "emulator can: --mode exact")
        if on_host and wanted != "kvm":
            raise InputError(f"{HOST} is measured in time, a kernel in mode {wanted} is not: "
                             "compare it with kernels in mode kvm, where KVM works, or with "
                             f"{HOST} alone")
        return wanted

    def _why_no_kvm(self, side):
        """None where it works."""
        [ended] = boots.run([boots.Call("KVM", (
            *self._boot_words(side, "kvm"), "--boot-limit-s", str(_PROBE_LIMIT_S), "--",
            "/suite/bin/forkcost-run", "--version"))], 1)
        if ended.bad_call:
            raise InputError(ended.why)
        return ended.why.splitlines()[0].removeprefix("forkcost-boot: ") if ended.status else None

    def check(self, side, mode):
        """Raises what would keep it from being booted: the call, or this machine."""
        [ended] = boots.run([boots.Call(side.label, (
            *self._boot_words(side, mode), "--check", "--", "/suite/bin/forkcost-run"))], 1)
        if ended.status:
            raise (InputError if ended.bad_call else NoAnswer)(f"{side.label}: {ended.why}")

    def call(self, side, number, mode, path):
        """The boots.Call that leaves the figures of a boot."""
        new = path.with_name(f".{path.stem}.new.json")
        run = self._measuring.words(HOST if side.kernel == HOST else mode, self._suite.arch, number)
        if side.kernel == HOST:
            return boots.Call(side.label + f" run {number}", (
                str(self._suite.run), *run, "--out", str(new), "--force"), new)
        words = [*self._boot_words(side, mode),
                 "--time-limit-s", f"{self._measuring.time_limit_s:g}",
                 "--console", str(path.with_suffix(".console")), "--out", f"{_GUEST_RESULT}:{new}",
                 "--", "/suite/bin/forkcost-run", *run, "--out", _GUEST_RESULT]
        return boots.Call(f"{side.label} boot {number}", tuple(words), new)

    def _boot_words(self, side, mode):
        files = self._suite.files(all_images=mode != "exact" or self._measuring.selected)
        return [programs.find("forkcost-boot", "FORKCOST_BOOT", "name it there"),
                "--kernel", side.kernel, "--arch", self._suite.arch, "--mode", mode,
                "--init", str(self._suite.init), "--memory", self._measuring.memory,
                *(f"--file={path}:{guest}" for path, guest in files),
                *([f"--append={side.command_line}"] if side.command_line else [])]

    def keep(self, document, side, number, mode, path):
        """Writes a result file with what it is a measurement of, and with nothing but figures.
        Raises InputError where it is none."""
        document["context"]["forkcost"]["laboratory"] = {
            "mode": HOST if side.kernel == HOST else mode, "kernel": side.name,
            "arch": self._suite.arch, "boot": number, "append": side.append,
            "sysctls": side.sysctls} | (
            {} if side.kernel == HOST else {"qemu": qemu_version(self._suite.arch)})
        if mode == "exact":
            exact.only_figures(document)
        write(_text(document), path)
        try:
            load.load([path])
        except InputError:
            path.unlink()
            raise


def _text(document):
    """JSON with a line for each entry, so that a difference of two files can be read."""
    def lists(key):
        return ",\n".join(json.dumps(entry, ensure_ascii=False) for entry in document[key])
    context = json.dumps(document["context"], indent=1, ensure_ascii=False)
    return (f'{{\n"context": {context},\n"benchmarks": [\n{lists("benchmarks")}\n],\n'
            f'"unmeasured": [\n{lists("unmeasured")}\n]\n}}\n')


def qemu_version(arch):
    """`7.2.22`, or what else it says of itself."""
    program = shutil.which(f"qemu-system-{arch}")
    if program is None:
        return "unknown"
    said = subprocess.run([program, "--version"], capture_output=True, text=True, check=False)
    found = re.search(r"version (\S+)", said.stdout)
    return found[1] if found else "unknown"
