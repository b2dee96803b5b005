"""The verdict on one ratio: of a quantity of a case, or of a slope."""

from dataclasses import dataclass

import numpy as np

from forkcost import units
from forkcost.compare import statistics
from forkcost.compare.result import FASTER, SAME, SLOWER, UNCLEAR, Change


@dataclass(frozen=True)
class Evidence:
    """What is known of a ratio before all ratios are known. `sign`: 1 where less is better, else
    −1. `test`: of the units' logarithms, those of costs; None with too few units. `replicates`: of
    the ratio. `what`: a unit is, a `round` or a `file`; `without`: why there is no test; `missing`:
    rounds to have one; `decides`: the ratio decides without one."""

    base: float
    new: float
    unit: str
    estimator: str
    threshold: float
    sign: int = 1
    test: statistics.Test | None = None
    replicates: np.ndarray | None = None
    what: str = "round"
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


def exact(base, new, unit, sign, threshold, sure):
    """The Change of a count that is the same in all samples of a side. `threshold`: mostly 0;
    `sure`: enough rounds say so."""
    delta = sign * (new - base)
    if abs(delta) <= threshold * abs(base):
        verdict = SAME
    else:
        verdict = UNCLEAR if not sure else SLOWER if delta > 0 else FASTER
    ratio = 1.0 if delta == 0 else new / base if base > 0 else None
    reason = "" if verdict != UNCLEAR else "differs, but too few rounds to call it exact"
    return Change(base, new, unit, "all samples alike", ratio, None, None, threshold, verdict,
                  reason, exact=True)


def judge(evidence, p, tests):
    """The Change. `p`: corrected; `tests`: how many it was corrected for."""
    threshold = float(np.log1p(evidence.threshold))
    common = {"base": evidence.base, "new": evidence.new, "unit": evidence.unit,
              "estimator": evidence.estimator, "ratio": evidence.ratio,
              "threshold": evidence.threshold, "replicated": evidence.what}
    if evidence.test is None:
        verdict = _without_test(evidence, threshold)
        return Change(**common, interval=None, p=None, verdict=verdict, reason=evidence.without,
                      more_rounds=evidence.missing if verdict == UNCLEAR else None)
    test = evidence.test
    low, high = statistics.interval(evidence.replicates, test)
    logs = sorted(evidence.sign * np.log([low, high]))
    if logs[0] > threshold and p < statistics.ALPHA:
        verdict, reason = SLOWER, ""
    elif logs[1] < -threshold and p < statistics.ALPHA:
        verdict, reason = FASTER, ""
    elif -threshold < logs[0] and logs[1] < threshold:
        verdict, reason = SAME, ""
    else:
        verdict, reason = UNCLEAR, _why(logs, threshold, evidence, p, tests)
    wider = _wider(logs, test)
    return Change(
        **common, interval=(float(low), float(high)), p=float(p), verdict=verdict, reason=reason,
        more_rounds=statistics.more_rounds(test, wider, tests, threshold)
        if verdict == UNCLEAR else None,
        detectable=statistics.detectable(float(test.se) * wider, test.df, tests, threshold),
        paired=test.paired)


def _without_test(evidence, threshold):
    if evidence.base == evidence.new:
        return SAME if evidence.decides or evidence.base == 0 else UNCLEAR
    if not evidence.decides or evidence.ratio is None:
        return UNCLEAR
    delta = evidence.sign * np.log(evidence.ratio)
    return SLOWER if delta > threshold else FASTER if delta < -threshold else SAME


def _wider(logs, test):
    """The bootstrap's standard error divided by the test's, at least 1: what is promised holds for
    the interval too."""
    if test.se <= 0:
        return 1.0
    half = (logs[1] - logs[0]) / 2
    return max(1.0, half / (statistics.t_quantile(0.975, test.df) * float(test.se)))


def _why(logs, threshold, evidence, p, tests):
    if logs[0] > threshold or logs[1] < -threshold:
        return (f"beyond the threshold, but not significant among {units.many([tests], 'test')} "
                f"(p {p:.2g})")
    return f"the interval has the threshold of {units.percent(evidence.threshold)} inside"
