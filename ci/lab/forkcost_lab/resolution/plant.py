"""Changes of known size, planted into results that were measured."""

from dataclasses import replace

import numpy as np

_VALUES = ("min", "p50", "p90", "p99", "max", "mean")


def planted(files, changes):
    """The sides.Files with quantities multiplied. `changes`: {(case, quantity): factor}. So is what
    Google Benchmark's own fields say of the primary quantities."""
    wanted = {}
    for (case, quantity), factor in changes.items():
        wanted.setdefault(case, {})[quantity] = factor
    return replace(files, runs=tuple(replace(run, cases={
        name: _case(case, wanted[name]) if name in wanted else case
        for name, case in run.cases.items()}) for run in files.runs))


def times(files, names, factor):
    """The changes by which all times of these cases are multiplied."""
    return {(name, quantity): factor for name in names
            for case in files.cases[name].values()
            for quantity, found in case.quantities.items() if found.unit == "ns"}


def _case(case, factors):
    missing = set(factors) - set(case.quantities)
    if missing:
        raise LookupError(f"{case.name}: has no {', '.join(sorted(missing))}")
    made = {q: replace(found, recorded={key: _scaled(r, factors[q]) for key, r in found.recorded.items()})
            if q in factors else found for q, found in case.quantities.items()}
    return replace(case, quantities=made, entries=tuple(_entry(e, factors) for e in case.entries))


def _entry(entry, factors):
    made = dict(entry, quantities={q: _scaled(r, factors[q]) if q in factors else r
                                   for q, r in entry["quantities"].items()})
    for field, quantity in (("real_time", entry.get("primary")), ("cpu_time", entry.get("primary_cpu"))):
        if quantity in factors and field in entry:
            made[field] = entry[field] * factors[quantity]
    return made


def _scaled(recorded, factor):
    made = {**recorded, **{k: recorded[k] * factor for k in _VALUES if k in recorded}}
    if "samples" in recorded:
        made["samples"] = recorded["samples"] * factor
    if "histogram" in recorded:
        low, high, count = np.asarray(recorded["histogram"]).T
        # A bin stands for the middle of its whole numbers (stats.bin_values): so that is multiplied.
        made["histogram"] = np.column_stack([
            low * factor, low * factor + np.maximum(high - low - 1, 0) * factor + 1, count])
    return made
