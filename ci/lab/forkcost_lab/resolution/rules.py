"""What others' rules say of the same results: of a case's rounds on both sides, whether it is slower (1),
faster (−1), or neither (0)."""

import numpy as np
from scipy import stats as tests

_ALPHA = 0.05


def _by_test(test, base, new):
    """All values equal: no test has anything to say."""
    if len(base) < 2 or len(new) < 2 or np.ptp(np.concatenate([base, new])) == 0:
        return 0
    return int(np.sign(np.mean(new) - np.mean(base))) if test(base, new).pvalue < _ALPHA else 0


def _u_test(base, new):
    return tests.mannwhitneyu(base, new, alternative="two-sided")


def _real_times(entries):
    return np.array([float(e["real_time"]) for e in entries])


def _samples(entries):
    """Of each round, those of the primary quantity; of a histogram its median."""
    found = [e["quantities"][e["primary"]] for e in entries]
    return [q["samples"] if "samples" in q else np.array([q["p50"]]) for q in found]


def google(base, new):
    """Google Benchmark's compare.py: a U test of the repetitions' real_time."""
    return _by_test(_u_test, _real_times(base), _real_times(new))


def benchstat(base, new):
    """A U test of the runs' means, as Go's benchmarks print them."""
    return _by_test(_u_test, *(np.array([s.mean() for s in _samples(e)]) for e in (base, new)))


def pyperf(base, new):
    """Student's t-test of all values of all processes."""
    return _by_test(tests.ttest_ind, *(np.concatenate(_samples(e)) for e in (base, new)))


def threshold(share):
    """A ratio of medians beyond it, as CI services have it."""
    def rule(base, new):
        ratio = np.median(_real_times(new)) / np.median(_real_times(base))
        return int(ratio > 1 + share) - int(ratio < 1 / (1 + share))
    return rule


RULES = {"Google's compare.py (U test of real_time, α 0.05)": google,
         "benchstat's rule (U test of means, α 0.05)": benchstat,
         "pyperf's (t-test of all values, α 0.05)": pyperf,
         "ratio beyond 10%": threshold(0.1),
         "ratio beyond 100%": threshold(1.0)}


def primaries(base, new):
    """{case: (entries of base, of new)} of the core cases of two sides.Files whose primary quantity
    is of the core, which is what the rules look at."""
    found = {}
    for name in base.cases:
        if name not in new.cases:
            continue
        sides = [[e for case in files.cases[name].values() for e in case.entries] for files in (base, new)]
        if sides[0][0].get("primary") in sides[0][0].get("core", ()):
            found[name] = tuple(sides)
    return found


def said(base, new, names=None):
    """{rule: {case: -1, 0 or 1}}. `names`: of these cases alone."""
    entries = {n: e for n, e in primaries(base, new).items() if names is None or n in names}
    return {rule: {name: judge(*of_case) for name, of_case in entries.items()}
            for rule, judge in RULES.items()}
