"""Brings result files of every schema (results/FORMAT.md) to the one form that the rest of this
package knows.

That form: a name leaves out axes that have their default, `axes` has all of them, in the name's
order; an entry has what its case has (`benchmark`, `heap_bytes`, `primary`, `verification`), and its
quantities have `unit`, `better`, `n` and their values as an array, `samples` (those that have the
quantity) or `histogram` (rows low, high, count). `context.forkcost` has `quantities`: name ->
`unit`, `better`, `estimator`; and `axes`: axis -> `default`.
"""

import numpy as np

from forkcost.checks import REPEAT, Broken, expect, optional, optional_list
from forkcost.passes import WHO

NEWEST = 2

# The axes' defaults in files of schema 1, which do not name them: what schema 2 has in its table.
# Nothing here changes any more. That of `backing` is the machine's base page.
_DEFAULTS_1 = {
    "placement": "same-cpu", "args": "small", "page-cache": "warm", "path-dirs": "0",
    "writer": "parent", "state": "first", "access": "write", "pattern": "sequential",
    "shape": "flat", "relocations": "1000", "kind": "rela", "binding": "lazy", "hash": "gnu",
    "mode": "lazy", "scope": "local"}
# Claims of schema 1 said `none` of these, other benchmarks `lower`.
_LOWER_1 = ("private_dirty_bytes", "page_table_bytes", "pss_bytes")
# Of a case: stands once in schema 2.
_OF_CASE = ("benchmark", "heap_bytes", "primary", "primary_cpu", "verification")


def in_one_form(document, schema):
    """Changes a document of that schema in place. Raises Broken; ValueError, TypeError,
    LookupError or AttributeError for what no check foresees."""
    ours = document["context"]["forkcost"]
    (_from_1 if schema < 2 else _from_2)(document, ours)
    ours["quantities"] = _table(document, ours)
    ours.setdefault("axes", {})


def _from_1(document, ours):
    page = ours.get("environment", {}).get("machine", {}).get("page_size", 4096)
    defaults = _DEFAULTS_1 | {"backing": f"{page // 1024}k"}
    ours["axes"] = {axis: {"default": default} for axis, default in defaults.items()}
    for where, entry in _entries(document):
        parts, axes = entry["name"].split("/"), entry["axes"]
        left_out = {f"{axis}:{defaults.get(axis)}" for axis in axes}
        entry["name"] = "/".join(part for part in parts if part not in left_out)
        places = {part.partition(":")[0]: i for i, part in enumerate(parts)}
        entry["axes"] = dict(sorted(axes.items(), key=lambda item: places.get(item[0], 99)))
        for holder, place, _ in _holders(entry, where):
            for quantity, found in holder.items():
                at = f"{place} quantity '{quantity}'"
                _must_be_object(found, at)
                holder[quantity] = _values_1(found, at)
                if quantity in _LOWER_1:
                    found["better"] = "lower"


def _from_2(document, ours):
    cases = expect(ours, "cases", dict, "context.forkcost")
    quantities = expect(ours, "quantities", dict, "context.forkcost")
    for name, row in quantities.items():
        place = f"context.forkcost.quantities '{name}'"
        _must_be_object(row, place)
        for key in ("unit", "better", "estimator"):
            expect(row, key, str, place)
    for where, entry in _entries(document):
        if entry["name"] not in cases:
            raise Broken(f"{where}: context.forkcost.cases has no '{entry['name']}': the file is "
                         f"damaged; {REPEAT}")
        case = cases[entry["name"]]
        for key in _OF_CASE[:-1]:
            if key in case:
                entry[key] = case[key]
        optional_list(entry, "verification", dict, where)
        # What failed, or was skipped, has whatever was checked itself.
        of_case = case.get("verification", ()) if where.startswith("benchmarks") else ()
        entry["verification"] = _merged_checks(of_case, entry.get("verification", ()))
        conditions = optional(entry, "conditions", dict, where)
        if conditions is not None:
            conditions["disturbed"] = bool(conditions.get("reasons"))
        for holder, place, step in _holders(entry, where):
            for quantity, found in holder.items():
                at = f"{place} quantity '{quantity}'"
                _must_be_object(found, at)
                row = quantities.get(quantity) if holder is entry.get("quantities") else {}
                if row is None:
                    raise Broken(f"{at} is not in context.forkcost.quantities: the file is "
                                 f"damaged; {REPEAT}")
                # Its own where its process found the clock finer or coarser than the table's did.
                its_step = optional(found, "step", (int, float), at) or row.get("step", step)
                holder[quantity] = _values_2(
                    found | {"better": row.get("better", "none")}, its_step, at)


def _merged_checks(of_case, own):
    """All checks of a round: its own stand in place of all of the same name, of which there may be
    several."""
    by_name = {}
    for check in own:
        by_name.setdefault(check.get("check"), []).append(check)
    merged, placed = [], set()
    for check in (*of_case, *own):
        name = check.get("check")
        if name not in by_name:
            merged.append(check)
        elif name not in placed:
            placed.add(name)
            merged += by_name[name]
    return merged


def _entries(document):
    for kind in ("benchmarks", "unmeasured"):
        for i, entry in enumerate(document[kind]):
            where = f"{kind}[{i}]"
            _must_be_object(entry, where)
            expect(entry, "name", str, where)
            expect(entry, "axes", dict, where)
            yield where, entry


def _holders(entry, where):
    """(what has quantities, where, their step) of an entry: itself and its counters."""
    if isinstance(entry.get("quantities"), dict):
        yield entry["quantities"], where, None
    counters = entry.get("counters")
    events = counters.get("events") if isinstance(counters, dict) else None
    for name, event in (events.items() if isinstance(events, dict) else ()):
        if isinstance(event, dict) and "reason" not in event:
            holder = {who: event[who] for who in WHO if who in event}
            yield holder, f"{where} counters '{name}'", event.get("step")
            event |= holder


def _table(document, ours):
    """name -> unit, better, estimator."""
    if "quantities" in ours:
        return ours["quantities"]
    estimators = ours.get("estimators", {})
    return {name: {"unit": found.get("unit"), "better": found.get("better", "none"),
                   "estimator": estimators.get(name, "p50")}
            for entry in document["benchmarks"] for name, found in entry["quantities"].items()}


def _must_be_object(found, where):
    if not isinstance(found, dict):
        raise Broken(f"{where} is no object: the file is damaged; {REPEAT}")


def _values_1(found, where):
    n = expect(found, "n", int, where)
    expect(found, "unit", str, where)
    if n == 0:
        return found
    for number in ("min", "max", "mean"):
        expect(found, number, (int, float), where)
    key = "histogram" if "histogram" in found else "samples"
    values = expect(found, key, list, where)
    try:
        array = np.array(values, dtype=float)
    except (ValueError, TypeError, OverflowError):
        array = np.empty(0)
    if key == "samples":
        array = array[~np.isnan(array)] if array.ndim == 1 else np.empty(0)
        counted = array.size
    else:
        counted = array[:, 2].sum() if array.ndim == 2 and array.shape[1] == 3 else 0
    if counted != n:
        raise Broken(f"{where} says n = {n}, but its {key} hold {counted or 'no'} values: "
                     f"the file is damaged; {REPEAT}")
    found[key] = array
    return found


def _values_2(found, step, where):
    expect(found, "unit", str, where)
    least = expect(found, "min", (int, float), where)
    if "histogram" in found:
        for number in ("max", "mean"):
            expect(found, number, (int, float), where)
        rows = [row for run in expect(found, "histogram", list, where) for row in _bins(run)]
        found["histogram"] = np.array(rows, dtype=float).reshape(-1, 3)
        found["n"] = int(found["histogram"][:, 2].sum())
    elif "n" in found:
        found["samples"] = np.full(expect(found, "n", int, where), float(least))
    else:
        array = np.array(expect(found, "samples", list, where), dtype=float)
        if array.ndim != 1 or not array.size:
            raise Broken(f"{where} has samples that are no row of numbers: the file is damaged; "
                         f"{REPEAT}")
        found["samples"] = least + step * array if step else array
        found["n"] = array.size
        if found["samples"].min() != least:
            raise Broken(f"{where} says min = {least}, but the least of its samples is "
                         f"{found['samples'].min():g}: the file is damaged; {REPEAT}")
    return found


def _bins(run):
    """(low, high, count) of adjacent bins, which get wider: 64 or more per power of two."""
    low, *counts = run
    for count in counts:
        high = low + (1 if low < 128 else 1 << (int(low).bit_length() - 7))
        if count:
            yield low, high, count
        low = high
