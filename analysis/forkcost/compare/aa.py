"""How far the same thing differs from itself: what thresholds come from."""

import math
import tempfile
import tomllib
from collections import defaultdict
from importlib import resources
from itertools import combinations
from pathlib import Path

from forkcost import load, stats, units
from forkcost.claims import measure
from forkcost.compare import rows, sides, thresholds
from forkcost.compare.statistics import Rounds
from forkcost.errors import InputError, NoAnswer

SHARE = 0.95  # of cases and pairs differ by no more than the threshold
STEP = {"time": 0.01, "exact": 0.0005}  # thresholds are rounded up to this


class Noise:
    """`found`: quantity -> [|ratio − 1|], one per case and pair; `files`: the Files; `how`: what
    the pairs are."""

    def __init__(self, files, how, found):
        self.files, self.how, self.found = files, how, found
        self.mode = sides.EXACT if files[0].mode == sides.EXACT else "time"


def of_files(paths):
    """The Noise of result files of one thing: of sides measured in turns, of every two files, or of
    the even and the odd rounds of a single one. Raises InputError, NoAnswer."""
    resolved = [Path(path).resolve() for path in paths]
    for path in paths:
        if resolved.count(Path(path).resolve()) > 1:
            raise InputError(f"{path}: is given twice, it does not differ from itself: name it "
                             "once")
    with load.understood(paths):
        return _noise(paths)


def _noise(paths):
    files = [sides.read(str(path), [path]) for path in paths]
    for other in files[1:]:
        for what, of in (("machine or kernel", lambda f: f.runs[0].machine),
                         ("mode", lambda f: f.mode),
                         ("preset", lambda f: f.context.get("run", {}).get("preset"))):
            load.must_match(what, (other.paths[0], of(other)), (files[0].paths[0], of(files[0])))
    found = defaultdict(list)
    if len(files) == 1:
        pairs, how = [(files[0], files[0])], "even against odd rounds of one run"
    else:
        pairs = [(a, b) for a, b in combinations(files, 2) if rows.interleaved(a, b)]
        how = f"{len(pairs)} pair(s) of runs measured in turns"
        if not pairs:
            pairs = list(combinations(files, 2))
            how = f"{len(pairs)} pair(s) of {len(files)} runs"
    for a, b in pairs:
        _differences(a, b, found)
    if not found:
        raise NoAnswer(f"{', '.join(map(str, paths))}: no quantity was measured twice: give runs "
                       "of the same preset, or one of several rounds")
    return Noise(files, how, found)


def _differences(a, b, found):
    matcher = rows.Matcher(a, b, sides.EXACT if a.mode == sides.EXACT else "time",
                           thresholds.read())
    for name in a.cases:
        if name not in b.cases:
            continue
        of_a, of_b = a.observed(name), b.observed(name)
        for quantity in of_a:
            if quantity not in of_b or not matcher.compared(of_a[quantity]):
                continue
            rounds = [_data(of_a[quantity]), _data(of_b[quantity])]
            if a is b:
                rounds = [rounds[0][::2], rounds[0][1::2]]
            if not all(rounds):
                continue
            q = matcher.estimator(quantity)[1]
            before, after = (Rounds.of(r).estimate(q) for r in rounds)
            if before > 0 and after > 0:
                found[quantity].append(max(before, after) / min(before, after) - 1)


def _data(observed):
    return [observed.rounds[key] for key in sorted(observed.rounds)]


def measured(preset, count):
    """The Noise of forkcost-run against itself, `count` times. Raises InputError, NoAnswer."""
    program = measure.program()
    suite = str(Path(program).resolve().parent)
    with tempfile.TemporaryDirectory(prefix="forkcost-") as scratch:
        paths = []
        for number in range(count):
            out = Path(scratch) / f"aa{number}.json"
            both = [out.with_name(f"{out.stem}-{side}.json") for side in "ab"]
            measure.run([program, "--preset", preset, "--interleave", suite, suite, "--out",
                         str(out)], both[0])
            paths += both
        return of_files(paths)


def table(noise):
    """The table of thresholds as text."""
    mode, first = noise.mode, noise.files[0]
    run = first.context.get("run", {})
    rounds = sorted({len(case.entries) for f in noise.files for of in f.cases.values()
                     for case in of.values()})
    ours = tomllib.loads((resources.files("forkcost") / "data" / "thresholds.toml").read_text(
        encoding="utf-8"))
    every = [d for found in noise.found.values() for d in found]
    lines = [
        "# Thresholds of forkcost compare: changes up to these are no news. 0.05 is 5%; false: not",
        f"# compared. [{mode}] is what the same thing differs from itself, at most, in {SHARE:.0%}",
        f"# of cases, rounded up to {100 * STEP[mode]:g}%. Made by forkcost aa.",
        f"# Machine: {', '.join(first.runs[0].machine[1:])}; {noise.how}; "
        f"{units.many(sorted({rounds[0], rounds[-1]}), 'round')}, preset "
        f"{run.get('preset') or 'none'}, {run.get('started', 'date not known')[:10]}."]
    for other, values in ours.items():
        lines += ["", f"[{other}]"]
        if other != mode:
            lines += [f"{_key(q)} = {_toml(v)}" for q, v in values.items()]
            continue
        lines.append(f"default = {_threshold(every, mode)}  # all quantities together")
        lines += [f"{_key(q)} = {_threshold(d, mode)}  # {units.many([len(d)], 'ratio')}, half "
                  f"of them within {units.percent(stats.quantile(d, 0.5))}"
                  for q, d in sorted(noise.found.items())]
        lines += [f"{_key(q)} = false" for q, v in values.items() if v is False]
    return "\n".join(lines) + "\n"


def _threshold(differences, mode):
    step = STEP[mode]
    steps = math.ceil(round(stats.quantile(differences, SHARE) / step, 6))
    return f"{max(steps, 1) * step:.4g}"


def _key(quantity):
    bare = quantity.replace("_", "").replace("-", "")
    return quantity if bare.isascii() and bare.isalnum() else f'"{quantity}"'


def _toml(value):
    return "false" if value is False else f"{value:g}"
