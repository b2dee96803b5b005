"""Takes out of a figure's rounds what the machine meanwhile explains: control variates.

Yardsticks are work of user space alone, timed beside the samples: what they vary by is the
machine's doing. In an hour in which neighbours used cache and memory they explained two thirds of
the variance of fork, an hour later nothing; so a figure is adjusted by them only as far as they
explain it out of sample, in this very data, and where they do not nothing is adjusted.
"""

from dataclasses import dataclass, replace

import numpy as np

from forkcost import yardsticks
from forkcost.compare.result import Yardstick

FOLDS = 5  # contiguous in time: neighbours are alike, and would tell each other's values
FEWEST = 15  # rounds per side: of fewer, slopes would be noise
GAIN = 0.1  # of the variance out of sample: less is not worth a slope
GAIN_OF_RUNS = 0.2  # the same of what runs move together: there are ten of them, not forty
FEWEST_RUNS = 8
_COVERED = 0.9
_SIGMAS = 4.0  # from here on a shift is told
_SHIFTED = 2.5  # and from here on nothing is adjusted by it: that costs only what it would have explained
_RIDGES = (0.03, 0.1, 0.3, 1.0, 3.0)  # of the number of rounds: how far slopes are shrunk


@dataclass(frozen=True)
class Meanwhile:
    """The logarithms of a case's yardsticks: a row per round, a column per yardstick, of base and of
    new, the rounds in the order of time."""

    base: np.ndarray
    new: np.ndarray
    names: tuple = ()

    @classmethod
    def of(cls, cases, keys):
        """Of base and new: {file: Case} and the keys (file, round) of its rounds. A yardstick that nine
        of ten rounds have counts; None without any."""
        names = [set.intersection(*(set(case.yardsticks) for case in of.values())) for of in cases]
        names = sorted(set.intersection(*names))
        made = []
        for of, of_side in zip(cases, keys):
            columns = []
            for name in names:
                found = {(file, number): float(np.median(values)) for file, case in of.items()
                         for (_, number), values in case.yardsticks[name].items()}
                columns.append([found.get(key, np.nan) for key in of_side])
            made.append(np.array(columns, dtype=float).T.reshape(len(of_side), len(names)))
        with np.errstate(divide="ignore", invalid="ignore"):
            logs = [np.where(x > 0, np.log(x), np.nan) for x in made]
        kept = [i for i in range(len(names)) if all(
            np.mean(~np.isnan(x[:, i])) >= _COVERED for x in logs)]
        if not kept:
            return None
        # A gap has the mean: it explains nothing.
        filled = [np.where(np.isnan(x), np.nanmean(x, axis=0), x) for x in (x[:, kept] for x in logs)]
        return cls(*filled, tuple(names[i] for i in kept))


def adjusted(logs, meanwhile, files, paired):
    """(the rounds' logarithms of base and new without what the yardsticks explain, the share that
    they explain), or None where that is not enough. `files`: index of each round's file. Of pairs
    the difference of both sides is adjusted, so also what the machine did between the two; else a
    round is, against the others of its own file: what moved between runs no round can tell."""
    if meanwhile is None or min(map(len, logs)) < FEWEST:
        return None
    if paired:
        y, x = logs[1] - logs[0], meanwhile.new - meanwhile.base
        error = x.std(axis=0, ddof=1) / np.sqrt(len(x))
        if (np.abs(x.mean(axis=0)) > _SHIFTED * error).any():
            return None  # of pairs chance alone decides who is first: a side that shifts a yardstick is no chance
        blocks = [(y, x)]
    else:
        blocks = [(y[of == file], x[of == file])
                  for y, x, of in zip(logs, (meanwhile.base, meanwhile.new), files)
                  for file in np.unique(of)]
        if min(len(y) for y, _ in blocks) < FEWEST:
            return None
    gains = [_gain(blocks, ridge) for ridge in _RIDGES]
    best = int(np.argmax(gains))
    if gains[best] < GAIN:
        return None
    slopes = _slopes([(y - y.mean(), x - x.mean(axis=0)) for y, x in blocks], _RIDGES[best])
    if paired:
        centre = (meanwhile.base.mean(axis=0) + meanwhile.new.mean(axis=0)) / 2
        moved = [(x - centre) @ slopes for x in (meanwhile.base, meanwhile.new)]
        # Never beyond what was seen: a side may not lie further off than its rounds vary.
        limit = np.ptp(x, axis=0) @ np.abs(slopes)
        moved[1] = moved[1] - moved[0]
        moved = [np.zeros_like(moved[0]), np.clip(moved[1], -limit, limit)]
    else:
        moved = []
        for x, of in zip((meanwhile.base, meanwhile.new), files):
            centres = np.array([x[of == file].mean(axis=0) if (of == file).any() else x.mean(axis=0)
                                for file in range(of.max() + 1)])
            moved.append((x - centres[of]) @ slopes)
    return tuple(y - m for y, m in zip(logs, moved)), gains[best]


def _slopes(centred, ridge):
    """Of centred blocks (y, x), in units of x's own spread."""
    y = np.concatenate([b for b, _ in centred])
    x = np.concatenate([b for _, b in centred])
    spread = x.std(axis=0)
    spread[spread == 0] = np.inf
    z = x / spread
    shrunk = z.T @ z + ridge * len(y) * np.eye(z.shape[1])
    return np.linalg.solve(shrunk, z.T @ y) / spread


def _gain(blocks, ridge):
    """The share of the variance out of sample: each fold is foretold by the others."""
    left = without = 0.0
    for fold in range(FOLDS):
        training, tests = [], []
        for y, x in blocks:
            inside = np.arange(len(y)) * FOLDS // len(y) == fold
            mean_y, mean_x = y[~inside].mean(), x[~inside].mean(axis=0)
            training.append((y[~inside] - mean_y, x[~inside] - mean_x))
            tests.append((y[inside] - mean_y, x[inside] - mean_x))
        slopes = _slopes(training, ridge)
        for y, x in tests:
            without += (y**2).sum()
            left += ((y - x @ slopes)**2).sum()
    return 1 - left / without if without > 0 else 0.0


def steady(meanwhile, names):
    """The Meanwhile without yardsticks of these names, which lie apart on the two sides."""
    kept = [i for i, name in enumerate(meanwhile.names) if name not in names]
    if not kept:
        return None
    return Meanwhile(meanwhile.base[:, kept], meanwhile.new[:, kept],
                     tuple(meanwhile.names[i] for i in kept))


def taken_out(item, decides):
    """The item (Measured), its rounds without what its yardsticks explain. `decides`: whether the
    verdict may be of that; else it is shown beside."""
    if item.evidence.test is None or item.meanwhile is None:
        return item
    sign = item.evidence.sign
    found = adjusted([sign * np.log(x) for x in item.of_units], item.meanwhile, item.files,
                     item.paired)
    if found is None:
        return item
    units = tuple(np.exp(sign * y) for y in found[0])
    return replace(item, adjusted_units=units, explained=float(found[1]),
                   of_units=units if decides else item.of_units)


def levels(sides):
    """yardstick -> per case that all sides (Files) have it in, its rounds' logarithms, an array per
    side."""
    names = {name for files in sides for run in files.runs for name in run.yardsticks}
    found = {name: [] for name in sorted(names)}
    for case in sorted(set.intersection(*(set(files.cases) for files in sides))):
        for name, of_cases in found.items():
            of = [np.log([m for c in files.cases[case].values()
                          for v in c.yardsticks.get(name, {}).values() if (m := np.median(v)) > 0])
                  for files in sides]
            if min(map(len, of)):
                of_cases.append(of)
    return {name: of_cases for name, of_cases in found.items() if of_cases}


def of_runs(sides):
    """(names, an array of a row per side): the mean of each yardstick over the cases that all have
    it in, about its middle."""
    found = levels(sides)
    rows = [[np.mean([of[i].mean() for of in of_cases]) for of_cases in found.values()]
            for i in range(len(sides))]
    rows = np.array(rows, dtype=float).reshape(len(sides), len(found))
    return list(found), rows - rows.mean(axis=0)


def explained_runs(common, rows):
    """(slopes, what is left of `common`, one value per run, the share of its variance that is
    explained), each run foretold by the others; None where that is not enough."""
    best = None
    for ridge in _RIDGES:
        left = np.empty_like(common)
        for i in range(len(common)):
            others = np.arange(len(common)) != i
            y, x = common[others].mean(), rows[others].mean(axis=0)
            slopes = _slopes([(common[others] - y, rows[others] - x)], ridge)
            left[i] = common[i] - y - (rows[i] - x) @ slopes
        n = len(common)
        gain = 1 - (left**2).sum() / (((common - common.mean()) * n / (n - 1))**2).sum()
        if best is None or gain > best[2]:
            best = _slopes([(common - common.mean(), rows - rows.mean(axis=0))], ridge), left, gain
    return best if best[2] >= GAIN_OF_RUNS else None


def over_rounds(base, new):
    """(a Yardstick for each that two rounds of a case have on both sides (Files))."""
    usual = {}
    for name in base.joined.yardsticks:
        of_new = yardsticks.usual(new.joined, name)
        usual[name] = {case: level for case, level in yardsticks.usual(base.joined, name).items()
                       if level > 0 and case in of_new}
    usual = {name: of for name, of in usual.items() if of}
    sides = [yardsticks.spreads([yardsticks.apart(files.joined, name, of) for name, of in usual.items()])
             for files in (base, new)]
    return tuple(Yardstick(base.joined.yardsticks[name]["title"], tuple(of_base), tuple(of_new), len(of))
                 for (name, of), of_base, of_new in zip(usual.items(), *sides))


def moved(base, new):
    """(name, title, ratio, whether it is sure) of yardsticks that lie further apart on the two sides
    (Files) than chance of their rounds would have them."""
    titles = {name: row["title"] for files in (new, base) for run in files.runs
              for name, row in run.yardsticks.items()}
    for name, of_cases in levels((base, new)).items():
        # Cases with the same number of rounds weigh the same; a case's own level drops out.
        apart = np.array([after.mean() - before.mean() for before, after in of_cases])
        rounds = np.array([np.mean([before.var() / len(before), after.var() / len(after)]) * 2
                           for before, after in of_cases])
        mean = apart.mean()
        error = np.sqrt(max(rounds.sum() / len(rounds)**2,
                            apart.var(ddof=1) / len(apart) if len(apart) > 1 else 0))
        if abs(mean) > _SHIFTED * error:
            yield name, titles[name], float(np.exp(mean)), abs(mean) > _SIGMAS * error
