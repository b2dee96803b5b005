"""Boots each kernel, runs the cases there, and keeps one result file per kernel and boot."""

import fcntl
import json
import os
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from forkcost import load, reader
from forkcost.errors import InputError, NoAnswer
from forkcost.files import write_whole
from forkcost_lab import artifacts, exact, jobs, programs
from forkcost_lab.boot import qemu
from forkcost_lab.options import HOST

_GUEST_RESULT = "/tmp/run.json"
_PROBE_LIMIT_S = 15  # a stock kernel under KVM is there in two; KVM may be there and hang


@dataclass
class Results:
    """`files`: label -> result files. `failures`: what was said of each boot without one;
    `bad_call`: whether one of them was told something wrong."""

    files: dict
    failures: list = field(default_factory=list)
    bad_call: bool = False


@contextmanager
def exclusive(directory):
    """Makes the directory, and keeps other calls out of it meanwhile. It goes again where nothing
    came of it. Raises InputError."""
    made = not directory.exists()
    _make(directory)
    try:
        descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    except OSError as error:
        raise InputError(f"{directory}: cannot be read: {error.strerror}; name another directory "
                         "with -o") from error
    try:
        _lock(descriptor, directory)
        try:
            yield
        finally:
            if made:
                with suppress(OSError):  # it is not empty
                    directory.rmdir()
    finally:
        os.close(descriptor)


def _lock(descriptor, directory):
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise InputError(f"{directory}: another forkcost writes there now; name another "
                         "directory with -o, or wait for it") from error
    except OSError:
        pass  # not every file system knows locks


def measure(variants, suite, measuring, directory, say, until=None):
    """Results of all variants, in `directory`/LABEL/boot-N.json, or where they are stored. `say`:
    function of a line of progress; `until`: says when there are boots enough. Raises InputError before
    anything is booted, where the call is wrong."""
    results = Results({variant.label: variant.stored for variant in variants})
    _must_be_free(directory, variants)
    laboratory = _Laboratory(suite, measuring)
    mode = laboratory.mode(variants, say)
    if until and mode == "exact":
        raise InputError("--until is for figures of time, and these are executed instructions, which "
                         "repeat: choose --mode kvm or tcg, or leave it out")
    boots = {}

    def planned(first, last):
        """Of all kernels in turns; who is first in one turn is last in the next."""
        for number in range(first, last + 1):
            for variant in variants[::1 if number % 2 else -1]:
                if not variant.stored:
                    path = Path(directory) / variant.label / f"boot-{number}.json"
                    _make(path.parent)
                    job = laboratory.boot(variant, number, mode, path)
                    boots[job] = (variant, number, path)
                    yield job

    def keep(outcome):
        variant, number, path = boots[outcome.job]
        try:
            if outcome.document is None:
                raise NoAnswer(outcome.why)
            for key, text in zip(variant.sysctl_files, outcome.extras):
                variant.must_be_in_force(key, text)
            laboratory.keep(outcome.document, variant, number, mode, path)
        except (InputError, NoAnswer) as error:
            results.failures.append(f"{outcome.job.title}: {error}")
            results.bad_call |= outcome.bad_call
            say(f"{outcome.job.title}: failed after {outcome.seconds:.0f} s")
            return
        results.files[variant.label].append(path)
        say(f"{outcome.job.title}: {outcome.seconds:.0f} s")

    at_a_time = min(2, len(os.sched_getaffinity(0))) if mode == "exact" else 1
    artifacts.remove(directory)
    for first, last in until.batches() if until else [(1, measuring.boots)]:
        jobs.run(list(planned(first, last)), at_a_time, ended=keep)
        measured = {v.label: results.files[v.label] for v in variants if not v.stored}
        if until and until.is_over(measured, last, say):
            break
    order = [path for *_, path in boots.values()]
    for variant in variants:
        if not variant.stored:
            results.files[variant.label].sort(key=order.index)
    return results


def _must_be_free(directory, variants):
    """Whoever is given DIR/LABEL compares all that is there: it has to be this call's."""
    for variant in variants:
        known = {path.resolve() for path in variant.stored}
        for path in reader.files_in(Path(directory) / variant.label):
            if path.resolve() not in known:
                raise InputError(f"{path} exists, and is not of {variant.label} as it is called "
                                 "for; name another directory with -o, or remove it")


def _make(directory):
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{directory}: cannot be made: {error.strerror}; name another directory "
                         "with -o") from error


@dataclass(frozen=True)
class _Origin:
    """Where figures are from. `mode`: None where that is not settled yet."""

    label: str
    mode: str | None
    arch: str

    @property
    def kind(self):
        """What its figures are: those of two kinds cannot be compared."""
        return "time" if self.mode in (HOST, "kvm") else self.mode


def _stored_origin(label, path):
    """Raises InputError."""
    laboratory = load.load([path]).context.get("laboratory", {})
    if laboratory.get("mode") is None:
        raise InputError(f"{path}: was not measured by forkcost kernels; it can be compared by "
                         "forkcost compare")
    return _Origin(label, laboratory["mode"], laboratory.get("arch"))


def _must_be_alike(origins):
    """Before hours are spent on what cannot be compared. Raises InputError."""
    settled = [origin for origin in origins if origin.mode]
    for one, other in ((p, origins[0]) for p in origins[1:]):
        if one.arch != other.arch:
            raise InputError(f"{other.label} is of {other.arch}, {one.label} of {one.arch}, and "
                             "they cannot be compared; name kernels of one architecture, and the "
                             "suite for it with --suite")
    for one, other in ((p, settled[0]) for p in settled[1:]):
        if one.kind != other.kind:
            raise InputError(f"{other.label} is in mode {other.mode}, {one.label} in mode "
                             f"{one.mode}, and they cannot be compared; choose one --mode for all "
                             f"({HOST} is time, as kvm is)")


class _Laboratory:
    def __init__(self, suite, measuring):
        self._suite, self._measuring = suite, measuring

    def mode(self, variants, say):
        """In which the kernels that are not the host's are booted. Raises what would keep a variant
        from being measured, or from being compared with the others."""
        known = [_stored_origin(variant.label, path)
                 for variant in variants for path in variant.stored]
        measured = [variant for variant in variants if not variant.stored]
        booted = [variant for variant in measured if variant.kernel != HOST]
        if not measured:
            return HOST
        known += [_Origin(variant.label, HOST, self._suite.arch) for variant in measured
                  if variant.kernel == HOST]
        wanted = self._measuring.mode
        # Time can also be measured on the host: whether there is KVM is found out first.
        stored = {origin.mode for origin in known} & {"exact", "tcg"}
        if wanted == "auto" and len(stored) == 1:
            [wanted] = stored
        self._must_fit(None if wanted == "auto" else wanted, known, booted)
        for variant in booted:
            self._check(variant, "exact" if wanted == "auto" else wanted)
        if not booted:
            return HOST
        if wanted == "auto":
            reason = self._why_no_kvm(booted[0])
            if reason and known:
                raise NoAnswer(f"{known[0].label} is measured in time, and there is no KVM to "
                               f"measure {booted[0].label} in time as well: {reason}; compare "
                               f"{known[0].label} with {HOST}, or on a machine with KVM")
            wanted = "exact" if reason else "kvm"
            if reason:
                say(f"mode exact: figures are executed instructions, not times. No KVM: {reason}")
            self._must_fit(wanted, known, booted)
        return wanted

    def _must_fit(self, mode, known, booted):
        """`mode`: of those that are booted; None where that is not settled yet."""
        _must_be_alike(known + [_Origin(variant.label, mode, self._suite.arch)
                                for variant in booted])
        if self._measuring.functions and booted and mode not in (None, "exact"):
            raise InputError("--functions counts the instructions of kernel functions, and only an "
                             "emulator can: --mode exact")

    def _why_no_kvm(self, variant):
        """None where it works."""
        [outcome] = jobs.run([jobs.Job("KVM", (
            *self._boot_arguments(variant, "kvm"), "--boot-limit-s", str(_PROBE_LIMIT_S), "--",
            "/suite/bin/forkcost-run", "--version"))], 1)
        if outcome.status == 0:
            return None
        return outcome.why.splitlines()[0].removeprefix("forkcost-boot: ")

    def _check(self, variant, mode):
        """Raises what would keep it from being booted: the call, or this machine."""
        [outcome] = jobs.run([jobs.Job(variant.label, (
            *self._boot_arguments(variant, mode), "--check", "--", "/suite/bin/forkcost-run"))], 1)
        if outcome.status:
            raise (InputError if outcome.bad_call else NoAnswer)(f"{variant.label}: {outcome.why}")

    def boot(self, variant, number, mode, path):
        """The jobs.Job that leaves the figures of a boot."""
        new = path.with_name(f".{path.stem}.new")  # no *.json
        booted = variant.kernel != HOST
        run = self._measuring.arguments(mode if booted else HOST, self._suite.arch, number)
        if not booted:
            return jobs.Job(f"{variant.label} run {number}", (
                str(self._suite.run), *run, "--out", str(new), "--force"), new)
        sysctls = variant.sysctl_files
        extras = tuple(path.with_name(f".{path.stem}.{key.replace('/', '.')}") for key in sysctls)
        read_back = (f"--out={guest}:{extra}" for guest, extra in zip(sysctls.values(), extras))
        return jobs.Job(f"{variant.label} boot {number}", (
            *self._boot_arguments(variant, mode),
            "--time-limit-s", f"{self._measuring.time_limit_s:g}",
            "--console", str(path.with_suffix(".console")), "--out", f"{_GUEST_RESULT}:{new}",
            *read_back, "--", "/suite/bin/forkcost-run", *run, "--out", _GUEST_RESULT), new, extras)

    def _boot_arguments(self, variant, mode):
        files = self._suite.files(all_images=mode != "exact" or self._measuring.selected)
        return [programs.find("forkcost-boot", "FORKCOST_BOOT", "name it there"),
                "--kernel", variant.kernel, "--arch", self._suite.arch, "--mode", mode,
                "--init", str(self._suite.init), "--memory", self._measuring.memory,
                *(f"--file={path}:{guest}" for path, guest in files),
                *([f"--append={variant.command_line}"] if variant.command_line else [])]

    def keep(self, document, variant, number, mode, path):
        """Writes a result file with what it is a measurement of, and with nothing but figures.
        Raises InputError where it is none."""
        document["context"]["forkcost"]["laboratory"] = {
            "mode": HOST if variant.kernel == HOST else mode, "kernel": variant.name,
            "arch": self._suite.arch, "boot": number, "append": variant.append,
            "sysctls": variant.sysctls} | (
            {} if variant.kernel == HOST else {"qemu": qemu.version(self._suite.arch)})
        if mode == "exact":
            exact.only_figures(document)
        write_whole(path, _text(document))
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
