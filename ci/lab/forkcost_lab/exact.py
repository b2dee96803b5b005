"""What of a result file is a figure in exact mode: executed instructions, and counts.

Virtual time is executed instructions, but for the idle time, which is skipped in jumps. So CPU time
is a figure there, and the time on a wall clock is none: it goes."""

_CPU_TIME = ("blocked_cpu_ns", "debt_cpu_ns", "child_cpu_ns")
# Those that repeat best from boot to boot, with another order of cases in each (ci/README.md).
_ESTIMATORS = {"blocked_cpu_ns": "min", "debt_cpu_ns": "p50", "child_cpu_ns": "p25"}


def only_figures(document):
    """Removes from a result file, as the programs write it, what is no figure in exact mode."""
    ours = document["context"]["forkcost"]
    cases = ours.get("cases", {})
    kept = set()
    for entry in document["benchmarks"]:
        quantities = entry["quantities"]
        for name in [n for n, q in quantities.items() if not _is_figure(n, q)]:
            del quantities[name]
        kept.update(quantities)
        case = cases.get(entry["name"], entry)  # schema 1 says it in every round
        primary = next((n for n in (case.get("primary_cpu"), *_CPU_TIME) if n in quantities), None)
        for key in ("primary", "primary_cpu"):
            case.pop(key, None)
        for key in ("real_time", "cpu_time"):
            entry.pop(key, None)
        if primary:
            value = quantities[primary]["p50"]
            case |= {"primary": primary, "primary_cpu": primary}
            entry |= {"real_time": value, "cpu_time": value}
    if "quantities" not in ours:
        ours["estimators"] = dict(_ESTIMATORS)
        return
    ours["quantities"] = {
        name: row | ({"estimator": _ESTIMATORS[name]} if name in _ESTIMATORS else {})
        for name, row in ours["quantities"].items() if name in kept}


def _is_figure(name, quantity):
    return name in _CPU_TIME or quantity["unit"] in ("1", "bytes")
