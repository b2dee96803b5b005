"""Where the variance is: between rounds, in differences of pairs, between runs."""

import datetime
from collections import defaultdict
from dataclasses import dataclass

import numpy as np

from forkcost import processes
from forkcost.compare import rows, stages, statistics, thresholds
from forkcost_lab.resolution import compared


@dataclass(frozen=True)
class Part:
    """A core figure's standard deviations of logarithms. `rounds`: of a side's; `pairs`: of the
    differences of neighbours in time; `correlation`: of both sides' rounds; `n`: rounds a side, by
    the median; `runs`: of runs' means; `common`, `own`: what all groups moved together, and this one
    beside that; `expected`: of own, what its rounds alone give. None where it was not measured."""

    case: str
    quantity: str
    rounds: float | None
    pairs: float | None
    correlation: float | None
    n: float | None
    runs: float | None = None
    common: float | None = None
    own: float | None = None
    expected: float | None = None


def in_turns(base, new):
    """{(case, quantity): (variance of rounds, of differences, correlation, rounds)} of a pair."""
    found = {}
    for measured in _core(base, new):
        if measured.paired and measured.evidence.test is not None:
            a, b = (np.log(x) for x in measured.of_units)
            sides = (a.var(ddof=1) + b.var(ddof=1)) / 2
            correlation = np.corrcoef(a, b)[0, 1] if a.std() > 0 and b.std() > 0 else np.nan
            found[measured.case.name, measured.quantity] = (
                sides, (b - a).var(ddof=1), correlation, len(a))
    return found


def levels(path):
    """{(case, quantity): (group, mean of rounds' logarithms, its variance)} of a run."""
    run = compared.read("run", [path])
    found = {}
    for measured in _core(run, run):
        if measured.evidence.test is not None:
            sample = statistics.Sample.of(np.log(measured.of_units[0]))
            found[measured.case.name, measured.quantity] = (
                measured.group, sample.mean, sample.variance / sample.n)
    return found


def _core(base, new):
    stage = stages.Stages(base, new, "time").of
    matcher = rows.Matcher(base, new, "time", thresholds.read(), stage_of=stage)
    return [m for name in base.cases if name in new.cases for m in matcher.of_case(name)[0]
            if m.stage == stages.CORE]


def of(of_pairs, of_runs):
    """[Part] of what in_turns and levels gave, of all pairs and of all runs."""
    between = _between(of_runs) if len(of_runs) >= 3 else {}
    names = list(dict.fromkeys([*(key for pair in of_pairs for key in pair), *between]))
    made = []
    for key in names:
        seen = np.array([pair[key] for pair in of_pairs if key in pair])
        rounds, differences, correlation, n = (
            (seen[:, 0].mean()**0.5, seen[:, 1].mean()**0.5, np.nanmedian(seen[:, 2]), np.median(seen[:, 3]))
            if len(seen) else (None,) * 4)
        made.append(Part(*key, rounds, differences, correlation, n, *between.get(key, ())))
    return made


def _between(of_runs):
    """{(case, quantity): (runs, common, own, expected)}, of what all runs have."""
    names = [key for key in of_runs[0] if all(key in run for run in of_runs)]
    means = {key: np.array([run[key][1] for run in of_runs]) for key in names}
    means = {key: of - of.mean() for key, of in means.items()}
    by_group = defaultdict(list)
    for key in names:
        by_group[of_runs[0][key][0]].append(means[key])
    by_group = {group: np.mean(of_group, axis=0) for group, of_group in by_group.items()}
    made = {}
    for key in names:
        others = [of_group for group, of_group in by_group.items() if group != of_runs[0][key][0]]
        common = np.median(others, axis=0) if others else np.zeros(len(of_runs))
        expected = np.mean([run[key][2] for run in of_runs])
        made[key] = (means[key].std(ddof=1), common.std(ddof=1), (means[key] - common).std(ddof=1),
                     expected**0.5)
    return made


@dataclass(frozen=True)
class Facts:
    """The campaign's circumstances. `disturbed`: share of rounds; `steal`: share of time that the
    host took, the largest of any run's start; `load`: 1-minute load averages at runs' starts, median
    and largest. None where files do not say."""

    machine: str
    kernel: str
    suite: str
    first: str
    last: str
    hours: float
    disturbed: float | None
    steal: float | None
    load: tuple | None


def facts(paths):
    """The Facts of result files."""
    found = processes.in_parts(lambda path: [_circumstances(path)], list(paths))
    marks = [mark for _, _, of_run in found for mark in of_run]
    contexts = [context for context, _, _ in found]
    started = sorted(str(c.get("run", {}).get("started")) for c in contexts)
    loads = [c.get("environment", {}).get("load", {}) for c in contexts]
    steal = [load["steal_share"] for load in loads if load.get("steal_share") is not None]
    averages = [load["loadavg"][0] for load in loads if load.get("loadavg")]
    suite, machine = contexts[0].get("suite", {}), contexts[0].get("environment", {}).get("machine", {})
    _, model, kernel = found[0][1]
    return Facts(
        f"{model}, {machine.get('cpus_online', '?')} CPUs"
        + (f", hypervisor {machine['hypervisor']}" if machine.get("hypervisor") else ""), kernel,
        f"{suite.get('version', '?')} ({suite.get('revision', '?')})", started[0], started[-1],
        _hours(started), float(np.mean(marks)) if marks else None, max(steal, default=None),
        (float(np.median(averages)), max(averages)) if averages else None)


def _circumstances(path):
    """(its context, its machine, whether each of its rounds was disturbed)."""
    run = compared.read("run", [path])
    marks = [e["conditions"].get("disturbed", False) for of in run.cases.values()
             for case in of.values() for e in case.entries if "conditions" in e]
    return run.context, run.runs[0].machine, marks


def _hours(started):
    try:
        first, last = (datetime.datetime.fromisoformat(s.replace("Z", "+00:00")) for s in (started[0], started[-1]))
    except ValueError:
        return float("nan")
    return (last - first).total_seconds() / 3600
