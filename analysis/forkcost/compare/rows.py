"""Quantities of cases that both sides have, as evidence; and cases that only one side has."""

import re
from dataclasses import dataclass, field, replace

import numpy as np

from forkcost import stats, units
from forkcost.compare import adjust, judge, ranks, sides, stages, statistics
from forkcost.compare.result import FAILED, GONE, NEW, Adjustment, Change, Row

# Bytes of the same thing that come in two sizes are no further apart.
_FEW_PAGES = 4
_FEW_PERCENT = 0.05


@dataclass(frozen=True)
class Measured:
    """A quantity of a case on both sides, ready to be judged. `paired`: both sides have the same
    rounds; `seen`: the rounds' numbers and medians, for the Row; `of_units`: the units' estimates,
    of base and new, and `files`: the index of each one's file on its side; `step`: what its values
    come in, 0 where that is not known; `stage`: see stages; `pairs`: the key (file, round) of each pair, in
    the order of time. `meanwhile`: its rounds' yardsticks;
    `adjusted_units`: the units without what these explain, which is the share `explained`."""

    case: object
    quantity: str
    paired: bool
    evidence: judge.Evidence
    seen: tuple
    of_units: tuple
    files: tuple
    step: float
    stage: str
    pairs: tuple = ()
    meanwhile: adjust.Meanwhile | None = None
    adjusted_units: tuple | None = None
    explained: float = 0.0

    @property
    def floor(self):
        """The variance that the step alone gives a unit's logarithm: rounds that agree to the last
        digit do not know it better than that."""
        if not self.step:
            return 0.0
        mean = np.unique(np.concatenate(self.of_units)).mean()
        return (self.step / mean)**2 / 12

    @property
    def case_names(self):
        return (self.case.name,)

    @property
    def group(self):
        """Cases that one cause would move together."""
        return stages.group(self.case)

    amplified = 1.0  # what a case moves by itself moves the figure so much

    @property
    def lost(self):
        """Degrees of freedom of its units that the yardsticks' slopes took."""
        return self.meanwhile.base.shape[1] if self.of_units is self.adjusted_units else 0

    def _adjustment(self, change):
        """For the Change: what the figure is with the yardsticks taken out."""
        if self.adjusted_units is None:
            return None
        if self.of_units is self.adjusted_units:
            return Adjustment(change.ratio, change.interval, self.explained, True)
        test = statistics.t_test(*(self.evidence.sign * np.log(x) for x in self.adjusted_units),
                                 self.paired, self.floor, self.meanwhile.base.shape[1])
        ends = sorted(self.evidence.sign * x for x in test.interval())
        return Adjustment(float(np.exp(self.evidence.sign * test.delta)),
                          tuple(float(np.exp(x)) for x in ends), self.explained, False)

    def row(self, change, family=None):
        change = replace(change, adjusted=self._adjustment(change))
        (base_rounds, new_rounds), medians = self.seen
        return Row(self.case.name, self.quantity, self.case.axes, self.case.heap_bytes, change,
                   (base_rounds, new_rounds), medians, family)


@dataclass
class Noticed:
    """What is not compared as one might think. `alone`: quantities that one side has alone;
    `unknown`: estimators that mean nothing here; `unlike`: quantity: what its unit is on either
    side, and what is better."""

    alone: int = 0
    unknown: set = field(default_factory=set)
    unlike: dict = field(default_factory=dict)

    def add(self, other):
        self.alone += other.alone
        self.unknown |= other.unknown
        self.unlike |= other.unlike


class Matcher:
    """Pairs what two sides have. `base`, `new`: Files; `mode`: `time` or `exact`; `stage_of`: a
    function of case and quantity; `noise_of`: one of names of cases and a quantity, the Usual of their
    rounds on this machine or None."""

    def __init__(self, base, new, mode, thresholds, quantities="", stage_of=lambda *_: stages.REST,
                 noise_of=lambda *_: None):
        self.base, self.new, self.mode, self.thresholds = base, new, mode, thresholds
        self.wanted, self.stage_of, self.noise_of = re.compile(quantities), stage_of, noise_of
        self.estimators = {quantity: row["estimator"] for quantity, row in
                           (new.quantities | base.quantities).items()}
        self.partner = interleaved(base, new)
        self.noticed = Noticed()

    def of_case(self, name):
        """[Measured], [Row of counts] of a case that both have, and what was Noticed."""
        self.noticed = Noticed()
        # Without its figures, as it may go to another process.
        case = replace(next(iter(self.new.cases[name].values())), quantities={}, entries=(),
                       counters=None, profile=None)
        base, new = (files.observed(name) for files in (self.base, self.new))
        measured, counts = [], []
        for quantity in dict.fromkeys([*base, *new]):
            if not self.wanted.search(quantity):
                continue
            if quantity not in base or quantity not in new:
                self.noticed.alone += 1
                continue
            kinds = [f"in {o.unit}, {o.better} is better" for o in (base[quantity], new[quantity])]
            if kinds[0] != kinds[1]:
                self.noticed.unlike[quantity] = kinds
                continue
            found = self._match(case, base[quantity], new[quantity])
            if isinstance(found, Row):
                counts.append(found)
            elif found is not None:
                measured.append(found)
        return measured, counts, self.noticed

    def _match(self, case, base, new):
        rounds, keys, files, paired, what = self._arranged(base, new)
        seen = (tuple(r.cumulative.shape[1] for r in rounds), tuple(r.estimate(0.5) for r in rounds))
        alone = all(r.constant for r in rounds)
        if counted(new) and alone and self.thresholds.own(self.mode, new.name) is None:
            return self._count(case, new, rounds, seen, what)
        if not self.compared(new):
            return None
        threshold = self.thresholds.of(self.mode, new.name, counted(new))
        estimator, q = self.estimator(new.name)
        of_units = tuple(r.of_units(q) for r in rounds)
        found = Measured(case, new.name, paired, judge.Evidence(
            *(r.estimate(q) for r in rounds), new.unit, estimator, threshold,
            -1 if new.better == "higher" else 1, what=what,
            alike=alone and rounds[0].values[0] == rounds[1].values[0]), seen, of_units, files,
            self._step(of_units, new), self.stage_of(case.name, new.name), tuple(keys[0]) if paired else ())
        if found.stage != stages.REST and what == "round" and self.mode != sides.EXACT and (
                new.unit == "ns"):
            found = replace(found, meanwhile=adjust.Meanwhile.of(
                [files.cases[case.name] for files in (self.base, self.new)], keys))
        return replace(found, evidence=self.tested(found))

    def _count(self, case, new, rounds, seen, what):
        """A count that is the same in all samples of a side, and of which the table does not say
        that it differs for no reason."""
        missing = stats.MIN_ROUNDS - min(len(r.nested) for r in rounds)
        change = judge.exact(*(float(r.values[0]) for r in rounds), new.unit,
                             -1 if new.better == "higher" else 1, what,
                             0 if self.mode == sides.EXACT else max(missing, 0),
                             self.stage_of(case.name, new.name),
                             self.thresholds.of(self.mode, new.name, True))
        return Row(case.name, new.name, case.axes, case.heap_bytes, change, *seen)

    def compared(self, quantity):
        """Whether the table has it. Executed instructions are known of CPU time alone: idle time is
        skipped, and a counter says nothing of time."""
        if self.thresholds.of(self.mode, quantity.name) is None:
            return False
        if counted(quantity):
            return True
        if self.mode == sides.EXACT:
            return quantity.name.endswith("_cpu_ns") or _instructions(quantity.name)
        return quantity.better in ("lower", "higher") and not _instructions(quantity.name)

    def estimator(self, quantity):
        """(name, share) of what the files name."""
        name = self.estimators.get(quantity, "p50")
        if name != "min" and not re.fullmatch(r"p[1-9]\d?", str(name)):
            self.noticed.unknown.add(f"{name} ({quantity})")
            name = "p50"
        return name, 0.0 if name == "min" else int(name[1:]) / 100

    def _arranged(self, base, new):
        """((Rounds of base, of new), their keys, the units' files, are they pairs, what a unit is).
        Rounds of an interleaved run that only one side has are left out."""
        keys = [sorted(q.by_round) for q in (base, new)]
        common = [key for key in keys[0] if self.partner
                  and (self.partner[key[0]], key[1]) in new.by_round]
        if common:
            keys = [common, [(self.partner[file], number) for file, number in common]]
        # Of sessions in turns each pair of rounds is a unit: what a session moved is in both.
        of_files = [not common and len(side.paths) >= sides.FILES_ARE_UNITS
                    for side in (self.base, self.new)]
        nested = [_nested(k) if files else (1,) * len(k) for k, files in zip(keys, of_files)]
        rounds = tuple(stats.Rounds.of([q.by_round[key] for key in k], n)
                       for q, k, n in zip((base, new), keys, nested))
        files = tuple(np.array([file for file, _ in k])[np.cumsum(n) - 1]
                      for k, n in zip(keys, nested))
        return rounds, keys, files, bool(common), "file" if any(of_files) else "round"

    def tested(self, found):
        """The evidence of what is Measured, or of a Slope, with its test."""
        evidence, of_units = found.evidence, found.of_units
        fewest = min(map(len, of_units))
        exact = self.mode == sides.EXACT
        if prior := fewest < stats.MIN_ROUNDS and self._prior(found):
            return replace(evidence, prior=prior, test=statistics.t_test(
                *(evidence.sign * np.log(x) for x in of_units), found.paired, prior=prior), without=(
                f"{units.many([fewest], evidence.what)}: judged by what rounds of this machine differ by"))
        if fewest < stats.MIN_ROUNDS:
            return replace(evidence, decides=exact, missing=stats.MIN_ROUNDS - fewest, without=(
                f"{units.many([fewest], evidence.what)}: " + (
                    "no interval; executed instructions repeat" if exact else
                    f"{stats.MIN_ROUNDS} are needed, or what rounds of this machine differ by (forkcost aa)")))
        if min(x.min() for x in of_units) <= 0:
            found_ranks = ranks.test(*(evidence.sign * x for x in of_units), found.paired)
            decides = exact and found_ranks.apart and not found.paired
            return replace(evidence, without="values of 0 or below have no ratio", decides=decides,
                           ranks=None if decides or evidence.alike else found_ranks)
        return replace(evidence, test=statistics.t_test(
            *(evidence.sign * np.log(x) for x in of_units), found.paired, found.floor, found.lost))

    def _prior(self, found):
        """The Usual of rounds that are too few to say what they differ by; None where nobody measured it:
        forkcost aa does, of times of the core and primary ones."""
        evidence = found.evidence
        if (self.mode == sides.EXACT or evidence.what != "round" or found.stage == stages.REST
                or evidence.unit.partition(" ")[0] != "ns" or min(x.min() for x in found.of_units) <= 0):
            return None
        usual = self.noise_of(found.case_names, found.quantity)
        return usual and replace(usual, variance=usual.variance * found.amplified)

    def _step(self, of_units, quantity):
        """A clock's, as far as it shows, or a few pages: rounds that differ by more may be of two
        kinds, but each of them is known better. What is counted, is so to 1. Executed instructions
        have none."""
        distinct = np.unique(np.concatenate(of_units))
        if len(distinct) < 2:
            return 0.0
        if counted(quantity):
            return 1.0
        if self.mode == sides.EXACT or quantity.unit not in ("ns", "bytes"):
            return 0.0
        gap = float(np.diff(distinct).min())
        if quantity.unit == "ns":
            return gap
        page = float(self.base.runs[0].page_size)
        return max(page, min(gap, max(_FEW_PAGES * page, _FEW_PERCENT * float(distinct.mean()))))


def rounds_of(quantity):
    """stats.Rounds of a Quantity."""
    return stats.Rounds.of([quantity.by_round[key] for key in sorted(quantity.by_round)])


def counted(quantity):
    """Whether it is faults, of which fewer are better, or another count with a better side."""
    return quantity.unit == "1" and not _instructions(quantity.name) and (
        "faults" in quantity.name or quantity.better in ("lower", "higher"))


def _instructions(name):
    return name.startswith("instructions")


def _nested(keys):
    files = [file for file, _ in keys]
    return tuple(files.count(file) for file in dict.fromkeys(files))


def interleaved(base, new):
    """{base's file: new's file} where both sides were measured in turns; else nothing."""
    sessions = [files.sessions for files in (base, new)]
    if None in sessions[0] or None in sessions[1]:
        return {}
    places = {session: index for index, (session, _) in enumerate(sessions[1])}
    of_new = dict(sessions[1])
    pairs = {index: places[session] for index, (session, side) in enumerate(sessions[0])
             if session in places and of_new[session] != side}
    return pairs if len(pairs) == len(sessions[0]) == len(sessions[1]) else {}


def alone(base, new, wanted):
    """Rows of cases that one side has alone, or of which rounds failed on the new side alone."""
    failed, failed_before = (files.unmeasured("failed") for files in (new, base))
    rows = []
    for name in dict.fromkeys([*base.cases, *new.cases, *failed]):
        if not wanted.search(name):
            continue
        lost = name in base.cases and name not in new.cases
        if name in failed and (lost or name not in failed_before):
            rows.append(_without_figures(base, new, name, FAILED, _why_not(new, name)))
        elif lost:
            rows.append(_without_figures(base, new, name, GONE, _why_not(new, name)))
        elif name in new.cases and name not in base.cases:
            rows.append(_without_figures(base, new, name, NEW, f"base: {_why_not(base, name)}"))
    return rows


def _why_not(files, name):
    for status in ("failed", "skipped"):
        reasons = files.unmeasured(status).get(name)
        if reasons:
            return f"{units.many([len(reasons)], 'round')} {status}: {reasons[0]}"
    return "not in the file"


def _without_figures(base, new, name, verdict, reason):
    found = [files.cases.get(name, {}) for files in (base, new)]
    case = next(iter({**found[0], **found[1]}.values()), None)
    entry = next((e for run in (*new.runs, *base.runs) for e in run.unmeasured
                  if e["name"] == name), {})
    rounds = tuple(sum(len(c.entries) for c in of.values()) for of in found)
    change = Change(None, None, "", "", None, None, None, 0.0, verdict, reason)
    return Row(name, "", case.axes if case else entry.get("axes", {}),
               case.heap_bytes if case else entry.get("heap_bytes"), change, rounds, (None, None))
