"""The verdict on one ratio: of a quantity of a case, or of a slope."""

from dataclasses import dataclass, replace

import numpy as np

from forkcost import units
from forkcost.compare import statistics
from forkcost.compare.result import FASTER, SAME, SLOWER, UNCLEAR, Change

FAR = 3  # thresholds: by less, two boots of one round each differ for no reason


@dataclass(frozen=True)
class Evidence:
    """What is known of a ratio before all ratios are known. `sign`: 1 where less is better, else
    −1. `test`: of the units' logarithms, those of costs; None with too few units. `replicates`: of
    the ratio. `what`: a unit is, a `round` or a `file`; `alike`: all values of both sides are
    equal; `without`: why there is no test; `missing`: rounds to have one; `decides`: the ratio
    decides without one."""

    base: float
    new: float
    unit: str
    estimator: str
    threshold: float
    sign: int = 1
    test: statistics.Test | None = None
    replicates: np.ndarray | None = None
    what: str = "round"
    alike: bool = False
    without: str = ""
    missing: int | None = None
    decides: bool = False

    @property
    def ratio(self):
        """New / base; of pairs the geometric mean of their ratios. None where there is none: of
        nothing, or of what is below it."""
        if self.test is not None and self.test.paired:
            return float(np.exp(self.sign * self.test.delta))
        if self.base > 0 and self.new > 0:
            return self.new / self.base
        return 1.0 if self.base == self.new else None


def exact(base, new, unit, sign, what, missing):
    """The Change of a count that is the same in all samples of a side. `what`: a unit is;
    `missing`: so many more of them would make it sure."""
    delta = sign * (new - base)
    verdict = SAME if delta == 0 else UNCLEAR if missing else SLOWER if delta > 0 else FASTER
    ratio = 1.0 if delta == 0 else new / base if base > 0 else None
    reason = "" if verdict != UNCLEAR else "differs, but too few rounds to call it exact"
    return Change(base, new, unit, "all samples alike", ratio, None, None, 0.0, verdict, reason,
                  more_rounds=missing if verdict == UNCLEAR else None, exact=True, replicated=what)


def judge(evidence, p, tests):
    """[Change] of [Evidence]. `p`: corrected, None without a test; `tests`: how many it was
    corrected for."""
    found = [(_without_test if e.test is None else _tested)(e, of_e, tests)
             for e, of_e in zip(evidence, p)]
    return _promised(evidence, found, tests)


def _common(evidence):
    return {"base": evidence.base, "new": evidence.new, "unit": evidence.unit,
            "estimator": evidence.estimator, "ratio": evidence.ratio,
            "threshold": evidence.threshold, "replicated": evidence.what}


def _tested(evidence, p, tests):
    threshold, test = float(np.log1p(evidence.threshold)), evidence.test
    drawn = sorted(evidence.sign * np.log(statistics.interval(evidence.replicates, test)))
    logs = statistics.widened(drawn, test)
    low, high = sorted(np.exp(evidence.sign * logs))
    if logs[0] > threshold and p < statistics.ALPHA:
        verdict, reason = SLOWER, ""
    elif logs[1] < -threshold and p < statistics.ALPHA:
        verdict, reason = FASTER, ""
    elif -threshold < logs[0] and logs[1] < threshold:
        verdict, reason = SAME, ""
    else:
        verdict, reason = UNCLEAR, _why(drawn, logs, threshold, evidence, p, tests)
    return Change(**_common(evidence), interval=(float(low), float(high)), p=float(p),
                  verdict=verdict, reason=reason, paired=test.paired), logs


def _promised(evidence, found, tests):
    """The Changes of (Change, its interval's logarithms), those that have a test with what their
    rounds can find and how many more would settle them: of all at once, as each is a search."""
    changes = [change for change, _ in found]
    tested = [i for i, e in enumerate(evidence) if e.test is not None]
    if not tested:
        return changes
    wider = _wider([found[i][1] for i in tested], [evidence[i].test for i in tested])
    thresholds = np.log1p([evidence[i].threshold for i in tested])
    se, df = np.array([(evidence[i].test.se, evidence[i].test.df) for i in tested], dtype=float).T
    for i, smallest in zip(tested, statistics.detectable(se * wider, df, tests, thresholds)):
        changes[i] = replace(changes[i], detectable=_known(smallest))
    unclear = [n for n, i in enumerate(tested) if changes[i].verdict == UNCLEAR]
    if unclear:
        more = statistics.more_rounds([evidence[tested[n]].test for n in unclear],
                                      wider[unclear], tests, thresholds[unclear])
        for n, rounds in zip(unclear, more):
            changes[tested[n]] = replace(changes[tested[n]], more_rounds=_known(rounds, int))
    return changes


def _known(value, kind=float):
    return None if np.isnan(value) else kind(value)


def _without_test(evidence, _p, _tests):
    verdict, reason = _by_ratio(evidence, float(np.log1p(evidence.threshold)))
    return Change(**_common(evidence), interval=None, p=None, verdict=verdict, reason=reason,
                  more_rounds=evidence.missing if verdict == UNCLEAR else None), None


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


def _wider(logs, tested):
    """The bootstraps' standard errors divided by the tests', at least 1: what is promised holds for
    the interval too."""
    half = np.ptp(logs, axis=1) / 2
    se, df = np.array([(test.se, test.df) for test in tested], dtype=float).T
    of_test = statistics.t_quantile(0.975, df) * se
    return np.maximum(1.0, np.divide(half, of_test, out=np.ones_like(half), where=se > 0))


def _why(drawn, logs, threshold, evidence, p, tests):
    if max(drawn[0] / threshold, -drawn[1] / threshold) > 1 and (
            drawn[0] * evidence.test.delta < 0):
        return (f"{evidence.what}s are bimodal: pooled value and mean disagree")
    if logs[0] > threshold or logs[1] < -threshold:
        return (f"beyond the threshold, but not significant among {units.many([tests], 'test')} "
                f"(p {p:.2g})")
    return f"the interval includes the threshold of {units.percent(evidence.threshold)}"
