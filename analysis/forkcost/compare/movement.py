"""What moved between two runs in all cases alike.

Between runs the machine moves: a quarter of an hour apart everything was 4% slower (METHOD), and of
that the rounds of a run know nothing. So a difference has two parts: what is common to the core,
estimated without the cases that are being judged, and a case's own. The common part is judged
against what runs of this machine differ by; the cases themselves could tell it from a slower kernel
by nothing.
"""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from forkcost.compare import statistics
from forkcost.compare.judge import Evidence
from forkcost.compare.noise import Noise
from forkcost.compare.sides import FILES_ARE_UNITS

_FEWEST = 4  # groups that say what is common: of fewer one that changed would be half of it
_APART, _TOGETHER = 2.5, 2 / 3  # standard errors; of the groups
_SURE = 0.999  # of what runs differ by, where ranks know nothing of it
_OF_MEDIAN = np.pi / 2  # its variance, of the mean's


@dataclass(frozen=True)
class Movement:
    """`levels`: group -> the mean logarithm of its costs in each file, those of base first, about
    their own middle; `errors`: group -> the variance that its rounds alone give the difference of
    both sides. `of_base`: how many files that has. `noise`: what runs differ by. `meanwhile`:
    yardstick -> how far it moved between the sides, a logarithm; None where it may not be asked."""

    levels: dict
    errors: dict
    of_base: int
    noise: Noise
    meanwhile: dict | None = None

    @classmethod
    def of(cls, core, n_files, noise, meanwhile=None):
        """Of core figures (Measured), and how many files base and new have."""
        groups, errors = {}, {}
        for m in core:
            if m.evidence.test is None or m.paired or not _is_time(m):
                continue
            logs = [m.evidence.sign * np.log(x) for x in m.of_units]
            levels = [_level(x[files == file])
                      for x, files, n in zip(logs, m.files, n_files) for file in range(n)]
            groups.setdefault(m.group, []).append(levels)
            errors.setdefault(m.group, []).append(m.evidence.test.error[0]**2)
        of_base = n_files[0]
        found = {}
        for group, of_members in groups.items():
            levels = np.array(of_members)
            middle = (levels[:, :of_base].mean(axis=1) + levels[:, of_base:].mean(axis=1)) / 2
            centred = (levels - middle[:, None])[~np.isnan(middle)]
            if len(centred):
                found[group] = centred.mean(axis=0)
        return cls(found, {group: np.mean(errors[group]) for group in found}, of_base, noise,
                   meanwhile)

    @cached_property
    def known(self):
        return len(self.levels) > _FEWEST and self.agreed

    @property
    def said(self):
        """The Noise, with a warning where the groups do not agree."""
        if len(self.levels) <= _FEWEST or self.agreed:
            return self.noise
        return replace(self.noise, warnings=(*self.noise.warnings, (
            "the groups of cases do not agree on what the machine did, as half of them changed or more: nothing "
            "is taken out, and all of what runs differ by is in each interval; measure both sides in turns")))

    @cached_property
    def agreed(self):
        """Whether two thirds of the groups lie together, as far as runs and rounds let them: where half
        of them changed, a median is the change of some and of nobody else."""
        apart = {g: float(x[self.of_base:].mean() - x[:self.of_base].mean())
                 for g, x in self.levels.items()}
        middle = np.median(list(apart.values()))
        files = self.of_base, len(next(iter(self.levels.values()))) - self.of_base
        own = sum(1 / n for n in files) * self.noise.own_of("").variance
        near = sum(abs(x - middle) <= _APART * np.sqrt(own + self.errors[g]) for g, x in apart.items())
        return near >= _TOGETHER * len(apart)

    def _others(self, group):
        return [other for other in self.levels if other != group]

    def _shift(self, groups):
        return np.median([self.levels[group] for group in groups], axis=0)

    def without(self, group):
        """(what the other groups moved in each file of base, of new; [(variance, degrees of
        freedom)] of the difference of the two sides)."""
        others = self._others(group)
        shift = self._shift(others)
        return shift[:self.of_base], shift[self.of_base:], [self._of_median(others)]

    def _of_median(self, others):
        """(variance, degrees of freedom) of the difference of both sides' medians over groups. What
        groups differ by is as much as runs and rounds let expect, or more where they say so; a
        handful alone would be a variance that nobody knows."""
        levels = np.array([self.levels[group] for group in others])
        files = self.of_base, levels.shape[1] - self.of_base
        apart = levels[:, self.of_base:].mean(axis=1) - levels[:, :self.of_base].mean(axis=1)
        seen, df = statistics.deviation(apart)**2, len(apart) - 1
        own = self.noise.own_of("")
        expected = (sum(1 / n for n in files) * own.variance
                    + np.mean([self.errors[group] for group in others]))
        variance = (own.df * expected + df * seen) / (own.df + df)
        return _OF_MEDIAN * variance / len(apart), own.df + df

    def taken_out(self, item, n_files):
        """The item (Measured or Slope) with its own part alone: what the cases of other groups
        moved is taken out of its units, and what runs differ by is in its error."""
        evidence = item.evidence
        if evidence.p is None or item.paired:
            return item
        of_files = evidence.what == "file" and all(
            len(files) == n for files, n in zip(item.files, n_files))
        if evidence.test is None:
            drift = 0.0 if of_files or not _is_time(item) else self._drift(n_files, item.quantity)
            return replace(item, evidence=replace(evidence, drift=drift))
        logs = [evidence.sign * np.log(x) for x in item.of_units]
        if self.known and _is_time(item):  # a machine has no hour in which it has fewer bytes
            *shifts, part = self.without(item.group)
            logs = [x - shift[files] for x, shift, files in zip(logs, shifts, item.files)]
            raw, common = evidence.test.delta, part
        else:
            raw, common = None, self.unknown(n_files) if _is_time(item) else []
        test = statistics.t_test(*logs, floor=item.floor, lost=item.lost, prior=evidence.prior)
        if not of_files:
            own = [(variance * item.amplified, df)
                   for variance, df in self.between(n_files, item.quantity)]
            test = replace(test, between=(*common, *own))
        if evidence.raw is not None:  # yardsticks were taken out before
            raw = evidence.raw
        return replace(item, evidence=replace(evidence, test=test, raw=raw))

    def between(self, n_files, quantity):
        """[(variance, degrees of freedom)] of what a case's own part differs by from run to run,
        that rounds do not know."""
        own = self.noise.own_of(quantity)
        return [(sum(1 / n for n in n_files) * own.variance, own.df)]

    def _drift(self, n_files, quantity):
        """How far, as a logarithm, two sides may lie apart for no other reason."""
        between = [*self.unknown(n_files), *self.between(n_files, quantity)]
        return statistics.Test(0.0, (), tuple(between)).interval(_SURE)[1]

    def unknown(self, n_files):
        """The same of the common part, where it cannot be told apart."""
        usual = self.noise.common
        return [(sum(1 / n for n in n_files) * usual.variance, usual.df)]

    def evidence(self, n_files, threshold):
        """The Evidence of the common part; None where it cannot be told apart."""
        if not self.known:
            return None
        others = self._others(None)
        shift = self._shift(others)
        base, new = shift[:self.of_base], shift[self.of_base:]
        usual, samples, between = self.noise.common, (), [self._of_median(others)]
        delta, explained = float(new.mean() - base.mean()), 0.0
        if self.meanwhile is not None and self.meanwhile.keys() >= self.noise.yardsticks.keys():
            within = all(abs(self.meanwhile[name]) <= most
                         for name, (_, most) in self.noise.yardsticks.items())
            if within and self.noise.unexplained:
                explained = sum(slope * self.meanwhile[name]
                                for name, (slope, _) in self.noise.yardsticks.items())
                # The slopes are known no better than what is left says.
                usual = replace(self.noise.unexplained, variance=self.noise.unexplained.variance * 2)
        if min(n_files) >= FILES_ARE_UNITS:
            samples = tuple(usual.moderated(s, 1) for s in statistics.t_test(base, new).samples)
        else:
            between.append((sum(1 / n for n in n_files) * usual.variance, usual.df))
        return Evidence(1.0, float(np.exp(delta - explained)), "ratio", "median of groups", threshold,
                        test=statistics.Test(float(delta - explained), samples, tuple(between)),
                        raw=delta if explained else None, what="file" if samples else "run")


def _level(logs):
    """As the tests have it: one bad round in every case must not pass for the machine."""
    if len(logs) == 0:
        return np.nan
    return logs[0] if len(logs) == 1 else statistics.Sample.of(logs).mean


def _is_time(item):
    return item.evidence.unit.partition(" ")[0] == "ns"
