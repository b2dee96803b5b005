"""How well runs of two seconds repeat: ours and the peers', taken in turns."""

import datetime
import json
import os
import random
import re
import shutil
import subprocess
import tempfile
import time
from dataclasses import dataclass
from importlib import resources

import numpy as np

from forkcost import files, load, stats
from forkcost.compare import statistics
from forkcost.errors import InputError, NoAnswer
from forkcost_lab import jobs

OURS = "forkcost"
SECONDS = 2.0  # what one figure may take
_REPLICATES = 2000
_PROBE = 200  # runs by which hyperfine's time for one is known: the first ones take longer
_FEW, _SOME = 2, 6  # rounds, by which ours for one is
_TRIALS = 3
_GUESSES = 3
_NOBODY = 65534
_OF_SECONDS = 0.95  # is planned: a run may come later to its end than most


@dataclass(frozen=True)
class Row:
    """One thing that all of them measure. `case`: ours, which `preset` has; `loop`: words of loop.c;
    `stress`: stress-ng's stressor; `hyperfine`: it starts programs."""

    name: str
    case: str
    loop: tuple
    stress: str | None = None
    hyperfine: bool = False
    preset: str = "gate"


ROWS = (
    Row("fork 0", "fork/path:fork/heap:0", ("fork", "0"), stress="fork"),
    Row("vfork", "fork/path:vfork/heap:0", ("vfork", "0"), stress="vfork"),
    Row("posix_spawn", "spawn/path:posix_spawn/image:dynamic/heap:0", ("posix_spawn", "0"),
        stress="spawn", hyperfine=True),
    Row("fork 256 MiB", "fork/path:fork/heap:256MiB", ("fork", "256")),
    Row("COW 64 MiB", "cow/heap:64MiB", ("cow", "64"), preset="full"),
)


def compile_loop(target):
    """Raises NoAnswer where there is no compiler."""
    source = resources.files("forkcost_lab") / "resolution" / "loop.c"
    compiler = os.environ.get("CC", "cc")
    with resources.as_file(source) as path:
        try:
            done = subprocess.run([compiler, "-O2", "-o", str(target), str(path)], text=True,
                                  capture_output=True, check=False)
        except OSError as error:
            raise NoAnswer(f"{compiler}: {error.strerror}: install a C compiler, or name one in CC") from error
    if done.returncode != 0:
        raise NoAnswer(f"{compiler} cannot compile loop.c:\n{done.stderr.rstrip()}")


def measure(place, number, target):
    """One turn: every program on every row that it knows, in random order, on one CPU."""
    for program in ("stress-ng", "hyperfine", "taskset", "setpriv"):
        if shutil.which(program) is None:
            raise NoAnswer(f"{program}: not found; ci/setup.sh --peers installs it, or leave the peers "
                           "out by --turns 0")
    cpu = max(os.sched_getaffinity(0))
    work = [(row, measured) for row in ROWS for measured in (_ours, _loop, _stress, _hyperfine)]
    random.Random(number).shuffle(work)
    found = {"started": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
             "cpu": cpu, "rounds": _rounds(place, cpu),
             "figures": {row.name: {} for row in ROWS}, "seconds": {row.name: {} for row in ROWS}}
    with files.scratch_directory() as scratch:
        for row, measured in work:
            begin = time.monotonic()
            figures = measured(row, place, scratch, cpu, found["rounds"])
            for who, value in figures.items():
                found["figures"][row.name][who] = value
                found["seconds"][row.name][who] = round(time.monotonic() - begin, 3)
    files.write_whole(target, json.dumps(found, indent=1) + "\n")


def _rounds(place, cpu):
    """{row: how many rounds of ours SECONDS have}: tried once in a campaign, and kept."""
    kept = place.directory / "rounds.json"
    if not kept.exists():
        found = {}
        with files.scratch_directory() as scratch:
            for row in ROWS:
                found[row.name] = _fitting(lambda rounds, row=row: np.median(
                    [_timed(row, place, scratch, cpu, rounds) for _ in range(_TRIALS)]))
        files.write_whole(kept, json.dumps(found) + "\n")
    return json.loads(kept.read_text(encoding="utf-8"))


def _fitting(seconds_of):
    """The number of rounds for SECONDS, `seconds_of(rounds)` being how long so many take. What a few take
    says it roughly: by a few milliseconds of chance, seen, a run had 2.8 s. So what is found is tried."""
    few, rounds = seconds_of(_FEW), _SOME
    for _ in range(_GUESSES):
        each = max((seconds_of(rounds) - few) / (rounds - _FEW), few / 100)
        rounds = max(stats.MIN_ROUNDS, _FEW + int((_OF_SECONDS * SECONDS - few) / each))
    return rounds


def _timed(row, place, scratch, cpu, rounds):
    begin = time.monotonic()
    _ours(row, place, scratch, cpu, {row.name: rounds})
    return time.monotonic() - begin


def _call(row, who, words):
    [ended] = jobs.run([jobs.Job(row.name, tuple(map(str, words)))], 1)
    if ended.status != 0:
        raise NoAnswer(f"{row.name} by {who}: {ended.why}")
    return ended


def _ours(row, place, scratch, cpu, rounds):
    out = scratch / "run.json"
    _call(row, OURS, [place.program, "--preset", row.preset, "--filter", f"^{row.case}$", "--heap",
                      row.case.rpartition(":")[2], "--rounds", rounds[row.name], "--cpu", cpu,
                      "--quiet", "--force", "--out", out])
    return {OURS: figure(load.load([out]), row.case)}


def figure(run, case):
    """What compare would hold against another run's: of the primary quantity, the trimmed mean of the
    rounds' estimates."""
    if case not in run.cases:
        raise NoAnswer(f"{case}: not measured: " + "; ".join(
            reason for status in ("failed", "skipped") for reason in run.outcomes(status).get(case, {})))
    quantity = run.cases[case].entries[0]["primary"]
    estimator = run.estimator(quantity)
    share = 0.0 if estimator == "min" else int(estimator[1:]) / 100
    of_rounds = [stats.Rounds.of([r]).estimate(share)
                 for r in run.quantity(case, quantity).by_round.values()]
    return float(np.exp(statistics.Sample.of(np.log(of_rounds)).mean))


def _loop(row, place, scratch, cpu, _):
    said = _call(row, "the loop", ["taskset", "-c", cpu, place.loop, *row.loop, SECONDS]).stdout.split()
    return {"loop, mean": float(said[0]), "loop, median": float(said[1])}


def _stress(row, place, scratch, cpu, _):
    if row.stress is None:
        return {}
    # Its stressor spawn refuses to run as root.
    user = [] if os.geteuid() else ["setpriv", "--reuid", _NOBODY, "--regid", _NOBODY, "--clear-groups"]
    ended = _call(row, "stress-ng", [*user, "taskset", "-c", cpu, "stress-ng", f"--{row.stress}", 1,
                                     "--timeout", int(SECONDS), "--metrics-brief",
                                     "--temp-path", tempfile.gettempdir()])
    # stressor, bogo ops, real time, user time, system time, bogo ops/s of real time, of CPU time
    found = re.findall(rf"\] {row.stress}(?: +([\d.]+)){{5}} +[\d.]+$", ended.stdout + ended.stderr, re.MULTILINE)
    if len(found) != 1 or float(found[0]) <= 0:
        raise NoAnswer(f"{row.name} by stress-ng: it did nothing, and says that is fine: "
                       + (ended.stdout + ended.stderr).strip())
    return {"stress-ng": 1e9 / float(found[0])}


def _hyperfine(row, place, scratch, cpu, _):
    """It knows no limit of time: as many runs as a few of them say."""
    if not row.hyperfine:
        return {}

    def run(runs):
        begin, out = time.monotonic(), scratch / "hyperfine.json"
        _call(row, "hyperfine", ["taskset", "-c", cpu, "hyperfine", "-N", "--style", "none", "--runs",
                                 runs, "--export-json", out, "/bin/true"])
        [result] = json.loads(out.read_text(encoding="utf-8"))["results"]
        return result, time.monotonic() - begin

    probe = run(_PROBE)[1]
    result, _ = run(max(_PROBE, int(_PROBE * (SECONDS - probe) / probe)))
    return {"hyperfine, mean": 1e9 * result["mean"], "hyperfine, median": 1e9 * result["median"]}


@dataclass(frozen=True)
class Repeats:
    """`spreads`: who -> (p90 − p10) / median of all turns; `best`: the peer with the least; `ratio`,
    `interval`: ours of the best peer's; `seconds`: what one of our figures took, by the median and
    at most."""

    row: str
    turns: int
    spreads: dict
    best: str
    ratio: float
    interval: tuple
    seconds: tuple


def read(paths):
    """[a turn's document]. Raises InputError."""
    found = []
    for path in paths:
        try:
            found.append(json.loads(path.read_text(encoding="utf-8")))
            found[-1]["figures"], found[-1]["seconds"], found[-1]["started"]
        except (OSError, ValueError, LookupError) as error:
            raise InputError(f"{path}: is no turn of the peers: {error!r}: remove it, and call again") from error
    return found


def repeats(turns, seed=1):
    """[Repeats], of rows that all of them have. The best peer is chosen anew in every replicate, as
    the least of several is the more lucky one."""
    made = []
    for row in ROWS:
        of_row = [turn["figures"].get(row.name, {}) for turn in turns]
        who = [name for name in (of_row[0] if of_row else ()) if all(name in f for f in of_row)]
        if OURS not in who or len(who) < 2:
            continue
        values = np.array([[figures[name] for name in who] for figures in of_row])
        draws = np.random.default_rng(seed).integers(0, len(values), (_REPLICATES, len(values)))
        drawn = np.array([_ratio(_spread(values[draw]), who) for draw in draws])
        spreads = dict(zip(who, map(float, _spread(values))))
        made.append(Repeats(
            row.name, len(values), spreads, min((n for n in who if n != OURS), key=spreads.get),
            float(_ratio(_spread(values), who)), tuple(map(float, np.nanquantile(drawn, [0.025, 0.975]))),
            _median_and_most([turn["seconds"][row.name][OURS] for turn in turns])))
    return made


def _median_and_most(values):
    return float(np.median(values)), max(values)


def _spread(values):
    """Of each column."""
    low, middle, high = np.quantile(values, [0.1, 0.5, 0.9], axis=0)
    return (high - low) / middle


def _ratio(spreads, who):
    peers = min(s for name, s in zip(who, spreads) if name != OURS)
    return spreads[who.index(OURS)] / peers if peers > 0 else np.nan
