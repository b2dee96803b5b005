"""How far runs of the same thing differ: what a comparison between runs has to hold against."""

import datetime
import json
from collections import defaultdict
from pathlib import Path

import numpy as np
from scipy import special

from forkcost import load, units
from forkcost.compare import adjust, noise, rows, sides, stages, statistics, thresholds
from forkcost.errors import InputError, NoAnswer

FEWEST = 3
_FEW_GROUPS = 3  # a quantity of fewer groups of cases has what all quantities have
_MOST_DF = 100
_FAR = 0.999  # of rounds: what further ones are, nobody knows
_LEVEL = 0.01


def of_files(paths):
    """The document of a noise file (noise.find reads it), of result files of one thing. Raises
    InputError, NoAnswer."""
    resolved = [Path(path).resolve() for path in paths]
    for path in paths:
        if resolved.count(Path(path).resolve()) > 1:
            raise InputError(f"{path}: is given twice, it does not differ from itself: name it "
                             "once")
    with load.understood(paths):
        return _of(_in_turns_once([sides.read(str(path), [path]) for path in paths]))


def _in_turns_once(files):
    """Two sides that were measured in turns moved together: they are one run."""
    sessions, kept = set(), []
    for one in files:
        session = one.sessions[0] and one.sessions[0][0]
        if session is None or session not in sessions:
            kept.append(one)
        sessions.add(session)
    return kept


def _of(files):
    for other in files[1:]:
        for what, of in (("machine or kernel", lambda f: f.runs[0].machine),
                         ("mode", lambda f: f.mode),
                         ("preset", lambda f: f.context.get("run", {}).get("preset"))):
            load.must_match(what, (other.paths[0], of(other)), (files[0].paths[0], of(files[0])))
    if files[0].mode == sides.EXACT:
        raise InputError(f"{files[0].paths[0]}: is of executed instructions, which a machine's hours "
                         "do not move: give runs that were measured with a clock")
    if len(files) < FEWEST:
        raise NoAnswer(f"{units.many([len(files)], 'run')}: what runs differ by takes {FEWEST} or more, "
                       "better ten, over an hour or longer (two sides measured in turns are one)")
    levels = _levels(files)
    if not levels:
        raise NoAnswer(f"{', '.join(str(f.paths[0]) for f in files)}: no primary quantity is in all "
                       "of them: give runs of the same cases")
    return _document(files, levels)


def _levels(files):
    """(group, quantity) -> [(logarithm of the cost in each run, its variance by rounds alone, the case's
    name, its rounds' logarithms in each run)]: of primary quantities."""
    matcher = rows.Matcher(files[0], files[-1], "time", thresholds.read())
    stage = stages.Stages(files[0], files[-1], "time")
    found = defaultdict(list)
    for name in files[0].cases:
        if any(name not in f.cases for f in files):
            continue
        case = next(iter(files[0].cases[name].values()))
        of_runs = [f.observed(name) for f in files]
        for quantity, first in of_runs[0].items():
            if (first.unit != "ns" or stage.of(name, quantity) == stages.REST
                    or not matcher.compared(first) or any(quantity not in o for o in of_runs)):
                continue
            q = matcher.estimator(quantity)[1]
            of_units = [rows.rounds_of(o[quantity]).of_units(q) for o in of_runs]
            if min(map(len, of_units)) < 2 or min(map(np.min, of_units)) <= 0:
                continue
            logs = [np.log(x) for x in of_units]
            samples = [statistics.Sample.of(x) for x in logs]
            found[stages.group(case), quantity].append(
                (np.array([s.mean for s in samples]), np.mean([s.variance / s.n for s in samples]), name, logs))
    return found


def _document(files, levels):
    centred = {key: [(y - y.mean(), variance) for y, variance, *_ in of] for key, of in levels.items()}
    by_group = defaultdict(list)
    for (group, _), of in centred.items():
        by_group[group] += [y for y, _ in of]
    by_group = {group: np.mean(of, axis=0) for group, of in by_group.items()}
    runs = len(files)
    common = np.median(list(by_group.values()), axis=0)
    own = defaultdict(list)
    for (group, quantity), of in centred.items():
        others = [y for other, y in by_group.items() if other != group]
        moved = np.median(others, axis=0) if others else common
        own[quantity] += [(group, ((y - moved)**2).sum() / (runs - 1) - variance)
                          for y, variance in of]
    every = [pair for pairs in own.values() for pair in pairs]
    own = {q: pairs for q, pairs in own.items() if len({g for g, _ in pairs}) >= _FEW_GROUPS}
    first = files[0].context
    started = sorted(filter(None, (f.context.get("run", {}).get("started") for f in files))) or [
        datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds")]
    return {"machine": list(files[0].runs[0].machine),
            "suite": first.get("suite", {}).get("version"), "made": started[-1],
            "first": started[0], "runs": runs,
            "preset": first.get("run", {}).get("preset"),
            "common": {"sd": round(float(common.std(ddof=1)), 6), "df": runs - 1},
            **_yardsticks(files, common),
            "own": {"default": _pooled(every, runs),
                    **{q: _pooled(pairs, runs) for q, pairs in sorted(own.items())}},
            **_rounds(levels)}


def _rounds(levels):
    """What a single round differs by from others of its run, for who has one or two: by case, and by
    quantity for cases that are not in these runs."""
    of_cases = defaultdict(dict)
    for (_, quantity), of in levels.items():
        for *_, name, logs in of:
            df = sum(len(x) - 1 for x in logs)
            centred = np.concatenate([x - x.mean() for x in logs])
            if centred.any():
                of_cases[quantity][name] = (centred, float((centred**2).sum() / df), df)
    every = [of for cases in of_cases.values() for of in cases.values()]
    if not every:
        return {}
    # A bad round, which many rounds leave out, is all that there is where it is the only one.
    far = np.quantile(np.concatenate([np.abs(x) / variance**0.5 for x, variance, _ in every]), _FAR)
    tail = max(float(far) / special.ndtri((1 + _FAR) / 2), 1.0)
    cases = defaultdict(dict)
    for quantity, of in sorted(of_cases.items()):
        for name, (_, variance, df) in of.items():
            cases[name][quantity] = {"sd": round(variance**0.5 * tail, 6), "df": min(df, _MOST_DF)}
    rounds = {"default": _of_round(every, tail),
              **{q: _of_round(of.values(), tail) for q, of in sorted(of_cases.items())}}
    return {"cases": dict(cases), "rounds": {q: v for q, v in rounds.items() if v}}


def _of_round(cases, tail):
    """What is usual; how unlike cases are is in the degrees of freedom. None of too few."""
    usual = statistics.usual([statistics.Sample(0.0, variance, float(df), df + 1) for _, variance, df in cases])
    return usual and {"sd": round(usual.variance**0.5 * tail, 6), "df": round(max(usual.df, 1.0), 2)}


def _yardsticks(files, common):
    """What yardsticks explain of what runs move together, where they do."""
    names, rows = adjust.of_runs(files)
    if len(files) < adjust.FEWEST_RUNS or not names:
        return {}
    found = adjust.explained_runs(common, rows)
    if found is None:
        return {}
    slopes, left, explained = found
    return {"yardsticks": {
        "explained": round(float(explained), 4), "sd": round(float(np.sqrt((left**2).mean())), 6),
        "df": len(files) - 1 - len(names) if len(files) - 1 > len(names) else 1,
        "slopes": {n: round(float(s), 6) for n, s in zip(names, slopes)},
        "range": {n: round(float(r), 6) for n, r in zip(names, np.ptp(rows, axis=0))}}}


def _pooled(pairs, runs):
    """What cases move on their own, without what their rounds know."""
    variance = max(float(np.mean([v for _, v in pairs])), 0.0)
    return {"sd": round(variance**0.5, 6),
            "df": min((runs - 1) * len({group for group, _ in pairs}), _MOST_DF)}


def text(document):
    return json.dumps(document, indent=1) + "\n"


def says(document):
    """What that means for a comparison of two runs, in a sentence."""
    common, own = document["common"], document["own"]["default"]
    bound = special.stdtrit(common["df"], 1 - _LEVEL / 2) * 2**0.5 * common["sd"]
    return (f"{document['runs']} runs: everything together moves by {units.percent(common['sd'])} from run to run "
            f"(standard deviation), a case beside that by {units.percent(own['sd'])}. Between two runs a common "
            f"change is told from {units.percent(float(np.expm1(bound)))} on. compare finds this beside the result "
            f"files as {noise.NAME}")
