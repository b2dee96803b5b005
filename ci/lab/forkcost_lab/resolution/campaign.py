"""What the campaign measures, in which order. Files that are there stay: after a break it goes on."""

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from forkcost import reader
from forkcost.compare import noise
from forkcost.errors import InputError, NoAnswer
from forkcost_lab import jobs, measurements
from forkcost_lab.resolution import spread

_PROGRAMS = ("forkcost-run", "bench_*")
_QUICK_RUNS = 2


@dataclass(frozen=True)
class Counts:
    """How often each kind is measured. `pairs`: a build with itself in turns; `runs`: by themselves; `aa`:
    runs that say what runs of this machine differ by; `turns`: of the peers' programs and ours."""

    pairs: int = 40
    runs: int = 80
    aa: int = 10
    turns: int = 30


@dataclass(frozen=True)
class Place:
    """The campaign's directory."""

    directory: Path

    @property
    def suite(self):
        return self.directory / "suite"

    @property
    def program(self):
        return self.suite / "bin" / "forkcost-run"

    @property
    def loop(self):
        return self.directory / "loop"

    @property
    def noise_file(self):
        return self.directory / noise.NAME

    def pair(self, number):
        return tuple(self.directory / "interleaved" / f"{number:02}-{side}.json" for side in "ab")

    def run(self, kind, number):
        return self.directory / kind / f"{number:02}.json"

    def pairs(self):
        """[(a, b)] that are there, whole."""
        found = sorted(self.directory.glob("interleaved/*-a.json"))
        pairs = [(a, a.with_name(a.name.replace("-a.", "-b."))) for a in found]
        return [pair for pair in pairs if pair[1].exists()]

    def runs(self, kind):
        return reader.files_in(self.directory / kind)


@dataclass(frozen=True)
class Step:
    """`files`: what it leaves; `words`: of forkcost-run, empty for a turn of the peers."""

    kind: str
    number: int
    files: tuple
    words: tuple = ()

    @property
    def is_done(self):
        return all(path.exists() for path in self.files)


def steps(place, counts):
    """All of them, each kind spread evenly over the campaign: one that was broken off has of all
    kinds, and runs half of the campaign apart are as far apart as can be."""
    def alone(kind, preset, count):
        return [Step(kind, n, (path,), ("--preset", preset, "--out", str(path)))
                for n in range(count) for path in [place.run(kind, n)]]

    kinds = [[Step("interleaved", n, place.pair(n),
                   ("--preset", "gate", "--interleave", str(place.suite), str(place.suite),
                    "--out", str(place.directory / "interleaved" / f"{n:02}.json")))
              for n in range(counts.pairs)],
             alone("separate", "gate", counts.runs), alone("aa", "gate", counts.aa),
             alone("quick", "quick", _QUICK_RUNS),
             [Step("spread", n, (place.run("spread", n),)) for n in range(counts.turns)]]
    placed = [((step.number + 0.5) / len(of_kind), step) for of_kind in kinds for step in of_kind]
    return [step for _, step in sorted(placed, key=lambda found: found[0])]


def measure(place, counts, say):
    """Does what is not done yet. Raises InputError, NoAnswer, Interrupted."""
    todo = [step for step in steps(place, counts) if not step.is_done]
    if not todo:
        return
    _prepare(place, counts)
    for index, step in enumerate(todo):
        say(f"{index + 1}/{len(todo)}: {step.kind} {step.number}")
        step.files[0].parent.mkdir(exist_ok=True)
        if step.words:
            _run(place, step)
        else:
            spread.measure(place, step.number, step.files[0])


def _run(place, step):
    """A journal of a run that was broken off is no use: what was measured before the break and
    behind it is not one run."""
    [ended] = jobs.run([jobs.Job(step.kind, (str(place.program), *step.words, "--force", "--quiet"))], 1)
    if step.is_done and ended.status in (0, 1):
        return
    for path in step.files:
        path.unlink(missing_ok=True)
    raise (InputError if ended.bad_call else NoAnswer)(
        f"{step.kind} {step.number}: {ended.why}\nwhat was measured before stays: call again to go on")


def _prepare(place, counts):
    """Copies the suite; all of the campaign is measured by this one, whatever is built meanwhile. Both
    sides are the same files: two copies are no A/A pair (seen: with one in another place of the page
    cache, "fork to main" is 1.6 ± 0.4% slower as long as it stays there; a copy with itself differs by
    −0.1 ± 0.2%)."""
    if not place.suite.exists():
        program = Path(os.path.realpath(measurements.forkcost_run()))
        _copy(program.parent, place.suite)
    if counts.turns and not place.loop.exists():
        spread.compile_loop(place.loop)


def _copy(programs, target):
    made = target.with_name(f"{target.name}.part")
    shutil.rmtree(made, ignore_errors=True)
    try:
        (made / "bin").mkdir(parents=True)
        for pattern in _PROGRAMS:
            for path in programs.glob(pattern):
                shutil.copy2(path, made / "bin")
        images = programs.parent / "libexec" / "forkcost"
        if images.is_dir():
            shutil.copytree(images, made / "libexec" / "forkcost", symlinks=True)
        made.rename(target)
    except OSError as error:
        raise InputError(f"{target}: the suite cannot be copied from {programs}: {error.strerror}: "
                         "name another directory with -o") from error
