"""The comparison of what was measured on the kernels: the only place that knows how it is done."""

import numpy as np

from forkcost import load, model, units
from forkcost.stats import ESTIMATORS

_UNIT = {"exact": "instructions"}


def compare(files, say):
    """Compares the sides of `files` (label -> result files) with the first one. `say`: function of
    a line. Gives the exit status."""
    labels = [label for label, paths in files.items() if paths]
    if len(labels) < 2:
        return 0
    runs = {label: load.load(files[label]) for label in labels}
    for label in labels[1:]:
        _table(runs[labels[0]], runs[label], labels[0], label, say)
    return 0


def _table(base, new, base_label, new_label, say):
    rows = []
    for name, case in base.cases.items():
        for quantity, found in case.quantities.items():
            other = new.quantity(name, quantity)
            if found.unit == "ns" and not found.histograms and other is not None:
                rows.append((name, quantity, _estimate(base, found), _estimate(new, other)))
    for heading, found, other in _slopes(base, new):
        rows.append((heading, "slope per page", found, other))
    mode = base.context.get("laboratory", {}).get("mode", "")
    say(f"{new_label} against {base_label}: " + (
        "executed instructions, no times" if mode == "exact" else "nanoseconds"))
    width = max(len(name) for name, *_ in rows)
    for name, quantity, old, now in rows:
        say(f"{name:{width}}  {quantity:15} {units.number(old, 6):>12} {units.number(now, 6):>12} "
            f"{100 * (now / old - 1):+8.2f}%")


def _estimate(run, quantity):
    named = run.context.get("estimators", {}).get(quantity.name, "p50")
    return float(ESTIMATORS[named](quantity.rounds))


def _slopes(base, new):
    """(heading, base, new) of what grows with the arena."""
    for quantity in ("blocked_cpu_ns", "blocked_ns"):
        lines = [model.fit([(case.heap_bytes, case.quantities[quantity])
                            for case in run.cases.values()
                            if case.benchmark == "fork" and quantity in case.quantities
                            and case.heap_bytes is not None])
                 for run in (base, new)]
        if all(line is not None and np.isfinite(line.slope) for line in lines):
            yield (f"fork: {quantity}", *(line.slope * base.page_size for line in lines))
