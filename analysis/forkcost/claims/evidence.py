"""Reads the evidence for one claim out of a Run. Counts and bytes are the median over all samples
of all rounds; times are medians, their ratios and differences with a 95% interval."""

import dataclasses
import re
from collections import defaultdict
from functools import cached_property

import numpy as np

from forkcost import stats, titles
from forkcost.claims.verdict import Missing, number

HOW_TO_GET = "forkcost claims --run --preset quick measures it"

# The axes that the claims know, by benchmark. A case with another one off its default is evidence for
# none of them: it would stand in the place of the case that a claim means.
AXES = {benchmark: frozenset(axes.split()) for benchmark, axes in (
    ("fork", "path heap backing placement"),
    ("spawn", "path image heap backing placement"),
    ("cow", "writer state access pattern heap backing"),
    ("load", "libraries shape relocations kind binding hash page-cache"),
    ("zygote", "path libraries placement"),
    ("share", "what files processes page-cache"),
    ("text-touch", "pattern pages page-cache"),
    ("switch", "between by touch"),
    ("claim", "id processes memory pattern state backing written region marks path overcommit "
              "mapping writers children does"))}


class View:
    """What a run has for a claim: only cases of AXES whose names fit the claim's patterns, so that a
    claim cannot rest on a case that `--run` would not measure."""

    def __init__(self, run, patterns):
        wanted = re.compile("|".join(patterns))

        def known(name, benchmark, axes):
            return wanted.match(name) and run.off_default(axes) <= AXES.get(benchmark, frozenset())

        self.run = dataclasses.replace(
            run, cases={name: case for name, case in run.cases.items()
                        if known(name, case.benchmark, case.axes)},
            unmeasured=tuple(e for e in run.unmeasured
                             if known(e["name"], e["benchmark"], e["axes"])))

    @cached_property
    def untested(self):
        """Cases that gave no figure in any round: name -> why."""
        found = {}
        for status in ("failed", "skipped"):
            for name, reasons in self.run.outcomes(status).items():
                if name not in self.run.cases:
                    found[name] = f"{status}: {reasons.most_common(1)[0][0]}"
        return found

    def find(self, **axes):
        """The measured cases with these values of axes, in the run's order."""
        return [c for c in self.run.cases.values() if fit(c.axes, axes)]

    def one(self, **axes):
        """The first case with these axes; raises Missing with the reason why there is none."""
        found = self.find(**axes)
        if not found:
            raise Missing(self.why_not(**axes))
        return found[0]

    def why_not(self, **axes):
        """Why there is no case with these axes."""
        reasons = [self.untested[e["name"]] for e in self.run.unmeasured
                   if e["name"] in self.untested and fit(e["axes"], axes)]
        if reasons:
            return max(set(reasons), key=reasons.count)
        if not self.run.cases:
            return f"not in this run: {HOW_TO_GET}"
        which = ", ".join(f"{axis}:{value}" for axis, value in axes.items() if axis != "id")
        return f"not in this run{' (' + which + ')' if which else ''}: {HOW_TO_GET}"

    def read(self, case, needed, optional=()):
        """{name: median} of a case's quantities. An optional one that is not there is left out;
        raises Missing for a needed one, and for 0 pages: nothing was observed then."""
        figures = {}
        for name in (*needed, *optional):
            if name in case.quantities:
                figures[name] = plain(case.quantities[name].quantile(0.5))
            elif name in needed:
                raise Missing(f"{case.name} has no figure {name}")
        if figures.get("pages", 1) <= 0:
            raise Missing(f"{case.name} observed no page")
        return figures

    def unsteady(self, figures):
        """Words for the counts that differ by more than 2% between the samples of a case, of those
        whose names are in `figures`; of several cases the one with the widest range. What is judged
        is the median."""
        names = set(_keys(figures))
        widest = {}
        for case in self.run.cases.values():
            for q in case.quantities.values():
                if q.name not in names or q.unit != "1" or q.histograms:
                    continue
                low, high = q.samples.min(), q.samples.max()
                if high - low > max(0.02 * abs(q.quantile(0.5)), widest.get(q.name, (0, 0, 0))[0]):
                    widest[q.name] = (high - low, low, high)
        return [f"{name} {number(low)}–{number(high)}" for name, (_, low, high) in widest.items()]

    def words_for_untested(self):
        """`hugetlb pages, 1 page written and 2 more (skipped: …)` per reason."""
        by_reason = defaultdict(list)
        for name, reason in self.untested.items():
            by_reason[reason].append(re.sub(r"^claim [^,]+, ", "", titles.case(name)))
        return [f"{names[0]}{f' and {len(names) - 1} more' if len(names) > 1 else ''} ({reason})"
                for reason, names in by_reason.items()]


def fit(axes, wanted):
    return all(axes.get(axis) == value for axis, value in wanted.items())


def plain(value):
    """A number as Python's own int or float, for JSON and for people."""
    return int(value) if float(value).is_integer() else float(value)


def number_of(axis):
    """The number in an axis' value (`processes:16`), or -1 if it is none."""
    return int(axis) if axis is not None and axis.isdigit() else -1


def whole(case, axis):
    return number_of(case.axes.get(axis))


def ratio(above, below, floor=1.0):
    """{"ratio", "low", "high"} of the medians of two Quantities; no low and high with too few
    rounds. A time below `floor` (a timer's cost was subtracted from next to nothing) counts as
    that."""
    def combine(a, b):
        return np.maximum(a, floor) / np.maximum(b, floor)

    found = {"ratio": float(combine(above.quantile(0.5), below.quantile(0.5)))}
    return found | _interval(above, below, combine)


def difference(one, other):
    """{"difference", "low", "high"} of the medians of two Quantities, in their unit."""
    found = {"difference": plain(one.quantile(0.5) - other.quantile(0.5))}
    return found | _interval(one, other, np.subtract)


def _interval(one, other, combine):
    rounds = min(len(q.by_round) for q in (one, other))
    bounds = rounds >= stats.MIN_ROUNDS and stats.interval(
        combine(one.median_replicates, other.median_replicates), rounds)
    return {"low": float(bounds[0]), "high": float(bounds[1])} if bounds else {}


def _keys(figures):
    if isinstance(figures, dict):
        for key, value in figures.items():
            yield key
            yield from _keys(value)
    elif isinstance(figures, list):
        for value in figures:
            yield from _keys(value)
