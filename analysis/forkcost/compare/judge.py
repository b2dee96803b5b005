"""The verdict on one ratio: of a quantity of a case, or of a slope."""

from dataclasses import dataclass

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
    """The Change. `p`: corrected; `tests`: how many it was corrected for."""
    threshold = float(np.log1p(evidence.threshold))
    common = {"base": evidence.base, "new": evidence.new, "unit": evidence.unit,
              "estimator": evidence.estimator, "ratio": evidence.ratio,
              "threshold": evidence.threshold, "replicated": evidence.what}
    if evidence.test is None:
        verdict, reason = _without_test(evidence, threshold)
        return Change(**common, interval=None, p=None, verdict=verdict, reason=reason,
                      more_rounds=evidence.missing if verdict == UNCLEAR else None)
    test = evidence.test
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
    wider = _wider(logs, test)
    return Change(
        **common, interval=(float(low), float(high)), p=float(p), verdict=verdict, reason=reason,
        more_rounds=statistics.more_rounds(test, wider, tests, threshold)
        if verdict == UNCLEAR else None,
        detectable=statistics.detectable(float(test.se) * wider, test.df, tests, threshold),
        paired=test.paired)


def _without_test(evidence, threshold):
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


def _wider(logs, test):
    """The bootstrap's standard error divided by the test's, at least 1: what is promised holds for
    the interval too."""
    if test.se <= 0:
        return 1.0
    half = (logs[1] - logs[0]) / 2
    return max(1.0, half / (statistics.t_quantile(0.975, test.df) * float(test.se)))


def _why(drawn, logs, threshold, evidence, p, tests):
    if max(drawn[0] / threshold, -drawn[1] / threshold) > 1 and (
            drawn[0] * evidence.test.delta < 0):
        return (f"{evidence.what}s are of two kinds: all together say one thing, their mean the "
                "opposite")
    if logs[0] > threshold or logs[1] < -threshold:
        return (f"beyond the threshold, but not significant among {units.many([tests], 'test')} "
                f"(p {p:.2g})")
    return f"the interval has the threshold of {units.percent(evidence.threshold)} inside"
