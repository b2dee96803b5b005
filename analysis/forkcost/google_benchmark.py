"""Google Benchmark's own result files, which have none of our keys, as documents of ours: a
repetition is a round, real_time and cpu_time are its quantities."""

import math
from collections import Counter

from forkcost.checks import DAMAGED, REPEAT, Broken, by_schema
from forkcost.schemas import NEWEST

_UNITS = {"ns": 1.0, "us": 1e3, "ms": 1e6, "s": 1e9}
QUANTITIES = ("real_time", "cpu_time")


def wrote(document):
    return (isinstance(document, dict) and isinstance(document.get("context"), dict)
            and isinstance(document.get("benchmarks"), list)
            and "forkcost" not in document["context"])


def converted(document):
    """The document in our form. Raises Broken."""
    by_schema(document, "google-benchmark")
    entries, unmeasured, seen = [], [], Counter()
    for i, found in enumerate(document["benchmarks"]):
        if found.get("run_type", "iteration") != "iteration":
            continue
        name = found.get("run_name") or found["name"]
        entry = _entry(name, found.get("repetition_index", seen[name]))
        seen[name] += 1
        outcome = _outcome(found)
        if outcome:
            unmeasured.append(entry | {"outcome": outcome})
        else:
            entries.append(entry | {"quantities": _quantities(found, f"benchmarks[{i}]")})
    if not entries and not unmeasured:
        raise Broken("has no repetition of any benchmark, at most aggregates: measure with "
                     "--benchmark_repetitions=N, without --benchmark_report_aggregates_only")
    context = document["context"] | {"forkcost": {
        "schema": NEWEST, "run": {"program": "Google Benchmark"}, "environment": {},
        "axes": {}, "cases": {e["name"]: {"benchmark": e["name"].partition("/")[0]}
                  for e in (*entries, *unmeasured)},
        "quantities": {q: {"unit": "ns", "better": "lower", "estimator": "p50"}
                       for q in QUANTITIES}}}
    return {"context": context, "benchmarks": entries, "unmeasured": unmeasured}


def _entry(name, index):
    axes = dict(part.split(":", 1) for part in name.split("/")[1:] if ":" in part)
    return {"name": name, "axes": axes, "repetition_index": index}


def _outcome(found):
    if found.get("error_occurred"):
        return {"status": "failed", "reason": found.get("error_message", "no reason given")}
    if found.get("skipped"):
        return {"status": "skipped", "reason": found.get("skip_message", "no reason given")}
    return None


def _quantities(found, where):
    made = {}
    for quantity in QUANTITIES:
        if quantity in found:
            value = found[quantity] * _UNITS[found.get("time_unit", "ns")]
            if not math.isfinite(value):
                raise Broken(f"{where} has a {quantity} that is no number ({value}): {REPEAT}")
            made[quantity] = {"unit": "ns", "min": value, "samples": [value]}
    if not made:
        raise Broken(f"{where} has neither real_time nor cpu_time: {DAMAGED}")
    return made
