"""How far runs of the same thing on one machine differ: what `forkcost aa` measures, a comparison
finds by itself, and takes from data/noise.json where there is none."""

import datetime
import json
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path

from forkcost import files
from forkcost.compare.statistics import Usual
from forkcost.errors import InputError

NAME = "forkcost-noise.json"
_OLD_DAYS = 90
_LEAST = 1e-5  # nothing repeats better than a clock tells
_MOST_DF = 1e4
_KEYS = {"machine", "made", "runs", "common", "own", "suite"}


@dataclass(frozen=True)
class Noise:
    """Variances of logarithms, of one run. `common`: of what all cases have in common; `own`:
    quantity, or `default` -> of what a case moves beside that, without what its rounds know.
    `cases`: name -> quantity -> of a single round's logarithm within a run, and `rounds`: quantity, or
    `default` -> the same of further cases; empty where that is not known. `yardsticks`: name -> (slope,
    the range that it had), of what explains the common part, and `unexplained`: what is left of that.
    `says`: where it comes from; `warnings`: why it may not hold."""

    common: Usual
    own: dict
    says: str
    warnings: tuple = ()
    yardsticks: dict = field(default_factory=dict)
    unexplained: Usual | None = None
    rounds: dict = field(default_factory=dict)
    cases: dict = field(default_factory=dict)

    def own_of(self, quantity):
        return self.own.get(quantity, self.own["default"])

    def rounds_of(self, names, quantity):
        """Of the noisiest of cases with these names; None where it is not known."""
        usual = self.rounds.get(quantity, self.rounds.get("default"))
        found = [self.cases.get(name, {}).get(quantity, usual) for name in names]
        return None if None in found else max(found, key=lambda of: of.variance)


def ours():
    """The largest of any machine that was measured: for who has not measured his own."""
    found = json.loads((resources.files("forkcost") / "data" / "noise.json").read_text(
        encoding="utf-8"))
    return Noise(_usual(found["common"]), _all_usual(found["own"]),
                 "the most that runs of any machine in our results differed by; measure this one's "
                 "by forkcost aa")


def find(sides, named=None):
    """The Noise of a file, or of the one beside the results of a side, or ours. `sides`: Files.
    Raises InputError for a file that is none."""
    if named is not None:
        return _read(Path(named), sides, asked_for=True)
    for place in dict.fromkeys(path.parent for side in sides for path in side.paths):
        if (place / NAME).exists():
            found = _read(place / NAME, sides, asked_for=False)
            if found is not None:
                return found
    return ours()


def _read(path, sides, asked_for):
    content = files.content(path, "a file that forkcost aa wrote")
    try:
        found = json.loads(content)
    except ValueError as error:
        raise InputError(f"{path}: is no file of forkcost aa: {error}: measure anew by forkcost "
                         "aa") from error
    try:
        if not _KEYS <= set(found):
            raise ValueError(f"has no {', '.join(sorted(_KEYS - set(found)))}")
        noise = Noise(_usual(found["common"]), _all_usual(found["own"]),
                      f"{int(found['runs'])} runs of this machine, {path.name}",
                      tuple(_doubts(path, found, sides)), *_explains(found.get("yardsticks")),
                      _all_usual(found.get("rounds", {})),
                      {name: _all_usual(of) for name, of in found.get("cases", {}).items()})
        noise.own_of("")
    except (ValueError, TypeError, LookupError, AttributeError) as error:
        raise InputError(f"{path}: is no file of forkcost aa: {error}: measure anew by forkcost "
                         "aa") from error
    machine = [list(side.runs[0].machine[:2]) for side in sides]
    if found["machine"][:2] not in machine:
        said = f"{path}: is of another machine ({', '.join(found['machine'][:2])})"
        if asked_for:
            raise InputError(f"{said}: give one of this machine, or none")
        return None
    return noise


def _doubts(path, found, sides):
    age = (datetime.datetime.now(datetime.timezone.utc)
           - datetime.datetime.fromisoformat(found["made"].replace("Z", "+00:00"))).days
    if age > _OLD_DAYS:
        yield f"{path}: is {age} days old: measure the machine's noise again by forkcost aa"
    releases = {side.runs[0].machine[2] for side in sides}
    if found["machine"][2] not in releases:
        yield (f"{path}: was measured on kernel {found['machine'][2]}: measure it again on the "
               "base's kernel by forkcost aa")
    versions = {side.context.get("suite", {}).get("version") for side in sides}
    if found["suite"] not in versions:
        yield (f"{path}: was measured by suite {found['suite']}: measure it again by forkcost aa")


def _explains(found):
    """(yardsticks, unexplained) of a Noise."""
    if found is None:
        return {}, None
    return {name: (float(slope), float(found["range"][name]))
            for name, slope in found["slopes"].items()}, _usual(found)


def _all_usual(found):
    return {name: _usual(of) for name, of in found.items()}


def _usual(found):
    deviation, df = float(found["sd"]), float(found["df"])
    if not (0 <= deviation < 10 and 1 <= df <= _MOST_DF):
        raise ValueError(f"sd {deviation} with {df} degrees of freedom")
    return Usual(max(deviation, _LEAST)**2, df)
