"""The verdicts on ratios: of quantities of cases, and of slopes, stage by stage."""

from dataclasses import dataclass, replace

import numpy as np

from forkcost import units
from forkcost.compare import stages, statistics
from forkcost.compare.ranks import Ranks
from forkcost.compare.result import FASTER, SAME, SLOWER, UNCLEAR, Change
from forkcost.compare.stages import CORE, DETAIL, PRIMARY, REST

_SHIFTED = 0.05  # p of the common part, uncorrected
FAR = 3  # thresholds: by less, two boots of one round each differ for no reason


@dataclass(frozen=True)
class Evidence:
    """What is known of a ratio before all ratios are known. `sign`: 1 where less is better, else
    −1. `test`: of the units' logarithms, those of costs; None with too few units. `raw`: the
    logarithm before what all cases moved was taken out, None where nothing was. `what`: a unit is,
    a `round` or a `file`; `alike`: all values of both sides are equal; `without`: why there is no
    test; `missing`: rounds to have one; `decides`: the ratio decides without one. `ranks`: of values that
    have no logarithm, in place of a test; `drift`: what runs differ by, as a logarithm, which ranks do
    not know; `prior`: what says the test's variance, in place of rounds that are too few."""

    base: float
    new: float
    unit: str
    estimator: str
    threshold: float
    sign: int = 1
    test: statistics.Test | None = None
    raw: float | None = None
    what: str = "round"
    alike: bool = False
    without: str = ""
    missing: int | None = None
    decides: bool = False
    ranks: Ranks | None = None
    prior: statistics.Usual | None = None
    drift: float = 0.0

    @property
    def p(self):
        """None where nothing was tested."""
        found = self.test or self.ranks
        return found and found.p

    @property
    def ratio(self):
        """New / base, of the units' mean logarithms where there is a test. None where there is no
        ratio: of nothing, or of what is below it."""
        if self.test is not None:
            return self._ratio(self.test.delta)
        if self.base > 0 and self.new > 0:
            return self.new / self.base
        return 1.0 if self.base == self.new else None

    @property
    def raw_ratio(self):
        return None if self.raw is None else self._ratio(self.raw)

    def _ratio(self, delta):
        return float(np.exp(self.sign * min(delta, statistics.WIDEST)))


def exact(base, new, unit, sign, what, missing, stage, threshold):
    """The Change of a count that is the same in all samples of a side. `what`: a unit is; `missing`: so
    many more of them would make it sure. In the core any difference is news; elsewhere a fault more of
    4,096 is less than anybody asked for, and the exit status hears of it as of a time."""
    delta, ratio = sign * (new - base), new / base if base > 0 else None
    if delta == 0:
        ratio = 1.0
    size = np.inf if not ratio else abs(np.log(ratio))
    least = 0.0 if stage == CORE else threshold
    verdict, reason = SLOWER if delta > 0 else FASTER, ""
    if delta == 0:
        verdict = SAME
    elif missing:
        verdict, reason = UNCLEAR, "differs, but too few rounds to call it exact"
    elif size < np.log1p(least):
        verdict, reason = SAME, f"less than the threshold of {units.percent(least)}"
    return Change(base, new, unit, "all samples alike", ratio, None, None, least, verdict, reason,
                  more_rounds=missing if verdict == UNCLEAR else None, exact=True, replicated=what,
                  counts=_counts(stage, size), stage=stage)


def _counts(stage, size):
    """Whether the exit status hears of a change by so much (a logarithm)."""
    return stage == CORE or (stage == PRIMARY and bool(size >= np.log1p(stages.PRIMARY_CHANGE)))


@dataclass(frozen=True)
class _Stage:
    """`p`: corrected, by item's index; `error`: what they must be below; `level`: that of a single
    test, the hardest; None where errors are not counted so. `tests`: how many. `moved`: what was taken
    out as the machine's is more than a machine does by itself, and may be a change of the others."""

    name: str
    p: dict
    error: float
    level: float | None
    tests: int
    moved: bool

    @classmethod
    def by_family(cls, name, tested, error, moved):
        corrected = statistics.holm(list(tested.values()))
        return cls(name, dict(zip(tested, corrected)), error, error / max(len(tested), 1),
                   len(tested), moved)

    @classmethod
    def by_discovery(cls, name, tested, moved):
        corrected = statistics.benjamini_hochberg(list(tested.values()))
        return cls(name, dict(zip(tested, corrected)), stages.FALSE_DISCOVERIES, None, len(tested),
                   moved)


def judge(items, alpha, common=None, repeated=False):
    """([Change] of items with `evidence`, `stage` and `case_names`; that of the common part, or
    None). `alpha`: the chance that the exit status is bad news although nothing changed. `common`:
    the Evidence of what all cases moved; it is one of the core's. `repeated`: intervals are of the
    level of the stage's single test, so that `same` is as sure as `slower`."""
    p = {i: item.evidence.p for i, item in enumerate(items) if item.evidence.p is not None}
    of = {stage: {i: p[i] for i in p if items[i].stage == stage} for stage in stages.ORDER}
    share = stages.PRIMARY_SHARE if of[PRIMARY] else 0.0
    all_core = of[CORE] | ({None: common.test.p} if common else {})
    shifted = bool(common) and common.test.p < _SHIFTED
    core = _Stage.by_family(CORE, all_core, alpha * (1 - share), shifted)
    level = 1 - core.level if repeated else statistics.LEVEL
    found = {i: _tested(items[i].evidence, core, i, level) for i in of[CORE]}
    movement = _tested(common, core, None, level) if common else None
    primary = _Stage.by_family(PRIMARY, of[PRIMARY], alpha * share, shifted)
    found |= {i: _tested(items[i].evidence, primary, i) for i in of[PRIMARY]}
    moved = {name for i, change in found.items() if change.verdict in (SLOWER, FASTER)
             for name in items[i].case_names}
    where = {i: q for i, q in of[REST].items() if moved & set(items[i].case_names)}
    for name, of_stage in ((DETAIL, where),
                           (REST, {i: q for i, q in of[REST].items() if i not in where})):
        stage = _Stage.by_discovery(name, of_stage, shifted)
        found |= {i: _tested(items[i].evidence, stage, i) for i in of_stage}
    return [found[i] if i in found else replace(
        _without_test(item.evidence), stage=item.stage, counts=item.stage == CORE)
        for i, item in enumerate(items)], movement


def _common(evidence):
    return {"base": evidence.base, "new": evidence.new, "unit": evidence.unit,
            "estimator": evidence.estimator, "ratio": evidence.ratio, "raw": evidence.raw_ratio,
            "threshold": evidence.threshold, "replicated": evidence.what}


def _tested(evidence, stage, index, interval_level=statistics.LEVEL):
    if evidence.test is None:
        return _ranked(evidence, stage, stage.p[index])
    threshold, test, p = float(np.log1p(evidence.threshold)), evidence.test, stage.p[index]
    low, high = test.interval(interval_level)
    significant = p < stage.error
    # Beside others that changed, what stood still looks as if it had changed the other way.
    least = max(threshold, abs(test.delta) / 2) if stage.moved else 0.0
    relative = evidence.raw is not None and evidence.raw * np.sign(test.delta) < least
    verdict, reason, more, smallest = UNCLEAR, "", None, None
    if significant and relative and abs(test.delta) >= threshold:
        reason = "only beside what else moved: by itself it did not"
    elif significant and abs(test.delta) >= threshold:
        verdict = SLOWER if test.delta > 0 else FASTER
    elif -threshold < low and high < threshold:
        verdict = SAME
    else:
        reason = _why(evidence, significant, p, stage.tests)
    if evidence.prior:
        reason = "; ".join(filter(None, (evidence.without, reason)))
    if stage.level is not None:
        smallest = statistics.detectable(test.error, stage.level, threshold)
        if verdict == UNCLEAR:
            more = statistics.more_units(test, stage.level, threshold)
    return Change(**_common(evidence), interval=tuple(sorted(
        float(np.exp(evidence.sign * x)) for x in (low, high))), p=float(p), verdict=verdict,
        reason=reason, more_rounds=more, detectable=smallest, paired=test.paired,
        counts=_counts(stage.name, abs(test.delta)), stage=stage.name)


def _ranked(evidence, stage, p):
    """Of values without a ratio: ranks say which side is larger, and the figures of both sides, in the
    quantity's unit, have to lie as far apart as the threshold wants, of the larger one of them: from 0 on
    that is any difference. Between runs it takes more than what these differ by."""
    base, new, found = evidence.base, evidence.new, evidence.ranks
    direction = int(np.sign(evidence.sign * (new - base)))
    share = min(abs(new - base) / max(abs(base), abs(new)), 1.0) if direction else 0.0
    size = -np.log1p(-share) if share < 1 else np.inf  # of figures above 0 their ratio's logarithm
    verdict, more = UNCLEAR, None
    if p >= stage.error:
        reason, more = (f"{evidence.without}: not significant by ranks among {units.many([stage.tests], 'test')} "
                        f"(p {p:.2g})"), stage.level and found.more(stage.level)
    elif direction != found.direction:
        reason = f"{evidence.without}: rounds differ by ranks, and their {evidence.estimator} does not"
    elif size < max(float(np.log1p(evidence.threshold)), evidence.drift):
        reason = f"{evidence.without}: less than the threshold, or than what runs differ by"
    else:
        verdict, reason = SLOWER if direction > 0 else FASTER, f"{evidence.without}: by ranks"
    return Change(**_common(evidence), interval=None, p=float(p), verdict=verdict, reason=reason,
                  more_rounds=more, paired=found.paired, stage=stage.name, counts=_counts(stage.name, size))


def _why(evidence, significant, p, tests):
    threshold = units.percent(evidence.threshold)
    if significant:
        return f"less than the threshold of {threshold}, or a little more"
    if abs(evidence.test.delta) >= np.log1p(evidence.threshold):
        return f"not significant among {units.many([tests], 'test')} (p {p:.2g})"
    return f"the interval includes the threshold of {threshold}"


def _without_test(evidence):
    verdict, reason = _by_ratio(evidence, float(np.log1p(evidence.threshold)))
    return Change(**_common(evidence), interval=None, p=None, verdict=verdict, reason=reason,
                  more_rounds=evidence.missing if verdict == UNCLEAR else None)


def _by_ratio(evidence, threshold):
    """(verdict, reason). Values of which no noise is known decide only where all are alike, where
    one side is nothing, or where they are far beyond the threshold."""
    base, new = evidence.base, evidence.new
    if evidence.alike and (evidence.decides or base <= 0):
        return SAME, evidence.without
    if not evidence.decides or base == new <= 0 or min(base, new) < 0:
        return UNCLEAR, evidence.without
    delta = evidence.sign * (np.log(evidence.ratio) if evidence.ratio else np.inf * (new - base))
    if abs(delta) <= threshold:
        return SAME, evidence.without
    if abs(delta) <= FAR * threshold:
        return UNCLEAR, (f"{evidence.without.partition(':')[0]}: up to {FAR} times the threshold "
                         "it may be noise")
    return SLOWER if delta > 0 else FASTER, evidence.without
