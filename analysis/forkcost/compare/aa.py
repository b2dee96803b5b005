"""How far the same thing differs from itself: what thresholds come from."""

import json
import math
import tomllib
from collections import defaultdict
from importlib import resources
from itertools import combinations
from pathlib import Path

from forkcost import load, stats, units
from forkcost.compare import phrases, rows, sides, thresholds
from forkcost.errors import InputError, NoAnswer

SHARE = 0.95  # of cases and pairs differ by no more than the threshold
STEP = {"time": 0.01, "exact": 0.0005}  # thresholds are rounded up to this
FEW = 10  # ratios; of fewer the largest is no 95%
LARGEST = 9.99  # that compare takes


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
            if rows.counted(of_a[quantity]):
                continue  # exact unless the table has a threshold: a measured one would end that
            rounds = [_data(of_a[quantity]), _data(of_b[quantity])]
            if a is b:
                rounds = [rounds[0][::2], rounds[0][1::2]]
            if not all(rounds):
                continue
            q = matcher.estimator(quantity)[1]
            before, after = (stats.Rounds.of(r).estimate(q) for r in rounds)
            if before > 0 and after > 0:
                found[quantity].append(max(before, after) / min(before, after) - 1)


def _data(observed):
    return [observed.by_round[key] for key in sorted(observed.by_round)]


def measured_thresholds(noise):
    """{quantity, or `default`: threshold}. Of few ratios none that is smaller than ours, or none at
    all: then the default holds."""
    ours = thresholds.read()
    every = [d for found in noise.found.values() for d in found]
    made = {"default": max(_threshold(every, noise.mode), ours.of(noise.mode, "")
                           if len(every) < FEW else 0)}
    for quantity, found in sorted(noise.found.items()):
        own = ours.own(noise.mode, quantity)
        if len(found) >= FEW or own:
            made[quantity] = max(_threshold(found, noise.mode),
                                 own if len(found) < FEW else 0)
    return made


def warnings(noise):
    """Of what differs from itself by more than a comparison could ever tell."""
    return [f"{phrases.plain(quantity)} differs from itself by more than 100%: nothing but a factor "
            f"of {1 + value:.3g} will be told; measure on a quieter machine, or more rounds"
            for quantity, value in measured_thresholds(noise).items() if value > 1]


def table(noise):
    """The table of thresholds as text."""
    mode, first = noise.mode, noise.files[0]
    run = first.context.get("run", {})
    rounds = sorted({len(case.entries) for f in noise.files for of in f.cases.values()
                     for case in of.values()})
    ours = tomllib.loads((resources.files("forkcost") / "data" / "thresholds.toml").read_text(
        encoding="utf-8"))
    lines = [
        "# Thresholds of forkcost compare: changes up to these are no news. 0.05 is 5%; false: not",
        f"# compared. [{mode}] is what the same thing differs from itself, at most, in {SHARE:.0%}",
        f"# of cases, rounded up to {100 * STEP[mode]:g}%. Made by forkcost aa.",
        "# " + phrases.plain(
            f"Machine: {', '.join(first.runs[0].machine[1:])}; {noise.how}; "
            f"{units.many(sorted({rounds[0], rounds[-1]}), 'round')}, preset "
            f"{run.get('preset') or 'none'}, {str(run.get('started', 'date not known'))[:10]}.")]
    for other, values in ours.items():
        lines += ["", f"[{other}]"]
        if other != mode:
            lines += [f"{_key(q)} = {_toml(v)}" for q, v in values.items()]
            continue
        measured_here = measured_thresholds(noise)
        for q, value in measured_here.items():
            found = noise.found.get(q)
            lines.append(f"{_key(q)} = {value:.4g}  # " + (
                f"{units.many([len(found)], 'ratio')}, half of them within "
                f"{units.percent(stats.quantile(found, 0.5))}" if found else
                "all quantities together"))
        lines += [f"{_key(q)} = {_toml(v)}" + ("" if v is False else "  # ours, not measured here")
                  for q, v in values.items() if q not in measured_here]
    return "\n".join(lines) + "\n"


def _threshold(differences, mode):
    step = STEP[mode]
    steps = math.ceil(round(stats.quantile(differences, SHARE) / step, 6))
    return min(max(steps, 1) * step, LARGEST)


def _key(quantity):
    bare = quantity.replace("_", "").replace("-", "")
    if bare.isascii() and bare.isalnum():
        return quantity
    quoted = json.dumps(phrases.legal(quantity), ensure_ascii=False)  # TOML's too, but for DEL
    return quoted.replace("\x7f", "\\u007f")


def _toml(value):
    return "false" if value is False else f"{value:g}"
