"""Bencher Metric Format: the new side's figures, with an interval where there is one. Of N ways a
benchmark's name begins with its side."""

import json
import math
import re

from forkcost.compare import phrases
from forkcost.compare.result import Family


def document(comparisons, strict=False):  # noqa: ARG001: all formats are called alike
    made = {}
    for c in comparisons:
        side = f"{phrases.plain(c.new.label)}: " if len(comparisons) > 1 else ""
        for item in (*c.rows, *c.families):
            if phrases.known(item.change.new):
                case = phrases.plain(item.key if isinstance(item, Family) else item.case) or "case"
                made.setdefault(side + case, {})[_measure(item, c.mode)] = _metric(item.change)
    return json.dumps(made, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def _measure(item, mode):
    """A slug of Bencher's. Instructions are another measure than time."""
    quantity = item.quantity
    if mode == "exact" and item.change.unit.startswith("ns"):
        quantity = f"{quantity.removesuffix('ns')}_instructions"
    if per := getattr(item, "per", ""):
        quantity += f"_per_{per}"
    return re.sub("[^a-z0-9]+", "-", quantity.lower()).strip("-")[:64] or "value"


def _metric(change):
    metric = {"value": change.new}
    if change.interval and phrases.known(change.base) and all(map(math.isfinite, change.interval)):
        metric["lower_value"], metric["upper_value"] = (change.base * x for x in change.interval)
    return metric
