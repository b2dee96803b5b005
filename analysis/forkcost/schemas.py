"""Brings documents of every schema (results/FORMAT.md), checked by it, to the one form that the rest
of this package knows, and checks what no schema says: that counts fit the data.

That form: a name leaves out axes that have their default, `axes` has all of them, in the name's
order; an entry has what its case has (`benchmark`, `heap_bytes`, `primary`, `verification`), and its
quantities have `unit`, `better`, `n` and their values as an array, `samples` (those that have the
quantity) or `histogram` (rows low, high, count). `context.forkcost` has `quantities`: name ->
`unit`, `better`, `estimator`; `axes`: axis -> `default`; and where entries have yardsticks, in the
form of quantities, `yardsticks`: name -> `unit`, `title`, `meaning`.
"""

import reprlib

import numpy as np

from forkcost import passes
from forkcost.checks import DAMAGED, Broken

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
_NUMBERS = frozenset((int, float))  # true is another
# Of a case: stands once in schema 2.
_OF_CASE = ("benchmark", "heap_bytes", "primary", "primary_cpu", "core")


def in_one_form(document, schema):
    """Changes a document of that schema in place. Raises Broken."""
    ours = document["context"]["forkcost"]
    document.setdefault("unmeasured", [])
    (_from_1 if schema < 2 else _from_2)(document, ours)
    for where, entry in _entries(document, "benchmarks"):
        passes.check(entry, where)


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
    for where, entry in _entries(document, "benchmarks"):
        for holder, place, _ in _holders(entry, where):
            for quantity, found in holder.items():
                _values_1(found, f"{place}.{quantity}")
                if quantity in _LOWER_1:
                    found["better"] = "lower"
    ours["quantities"] = _table_1(document, ours.get("estimators", {}))


def _from_2(document, ours):
    cases, quantities = ours["cases"], ours["quantities"]
    for where, entry in _entries(document):
        if entry["name"] not in cases:
            raise Broken(f"{where}: context.forkcost.cases has no '{entry['name']}': {DAMAGED}")
        case = cases[entry["name"]]
        for key in _OF_CASE:
            if key in case:
                entry[key] = case[key]
        entry.setdefault("verification", [])
    for where, entry in _entries(document, "benchmarks"):
        # What failed, or was skipped, has whatever was checked itself.
        of_case = cases[entry["name"]].get("verification", ())
        entry["verification"] = _merged_checks(of_case, entry["verification"])
        if "conditions" in entry:
            entry["conditions"]["disturbed"] = bool(entry["conditions"].get("reasons"))
        for name, found in entry.get("yardsticks", {}).items():
            at = f"{where}.yardsticks.{name}"
            if name not in ours.get("yardsticks", {}):
                raise Broken(f"{at}: context.forkcost.yardsticks has no '{name}': {DAMAGED}")
            _values_2(found, found.get("step"), at)
        for holder, place, step in _holders(entry, where):
            for quantity, found in holder.items():
                at = f"{place}.{quantity}"
                row = quantities.get(quantity) if holder is entry["quantities"] else {}
                if row is None:
                    raise Broken(f"{at}: context.forkcost.quantities has no '{quantity}': {DAMAGED}")
                found["better"] = row.get("better", "none")
                # Its own where its process found the clock finer or coarser than the table's did.
                _values_2(found, found.get("step") or row.get("step", step), at)


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


def _entries(document, *kinds):
    for kind in kinds or ("benchmarks", "unmeasured"):
        for i, entry in enumerate(document[kind]):
            yield f"{kind}[{i}]", entry


def _holders(entry, where):
    """(what has quantities, where, their step) of an entry: itself and its counters."""
    yield entry["quantities"], f"{where}.quantities", None
    for name, event in entry.get("counters", {}).get("events", {}).items():
        if "unit" in event:
            yield ({who: event[who] for who in passes.WHO if who in event},
                   f"{where}.counters.events.{name}", event.get("step"))


def _table_1(document, estimators):
    """name -> unit, better, estimator."""
    return {name: {"unit": found.get("unit"), "better": found.get("better", "none"),
                   "estimator": estimators.get(name, "p50")}
            for entry in document["benchmarks"] for name, found in entry["quantities"].items()}


def _values_1(found, at):
    """Of a quantity, as arrays, in place."""
    if found["n"] == 0:
        return
    key = "histogram" if "histogram" in found else "samples"
    where, values = f"{at}.{key}", found[key]
    if key == "samples":
        array = _array([np.nan if v is None else v for v in values], where)
        found[key] = array[~np.isnan(array)]
        counted = found[key].size
    else:
        found[key] = _array([v for row in values for v in row], where, 3).reshape(-1, 3)
        counted = found[key][:, 2].sum()
    if counted != found["n"]:
        held = f"{key} {'hold' if key == 'samples' else 'holds'} {int(counted) or 'no'} values"
        raise Broken(f"{at} says n = {found['n']}, but its {held}: {DAMAGED}")


def _values_2(found, step, where):
    """The same."""
    least = found["min"]
    if "histogram" in found:
        rows = [row for i, run in enumerate(found["histogram"])
                for row in _bins(_numbers(run, f"{where}.histogram[{i}]"))]
        found["histogram"] = np.array(rows, dtype=float).reshape(-1, 3)
        found["n"] = int(found["histogram"][:, 2].sum())
    elif "n" in found:
        found["samples"] = np.full(found["n"], float(least))
    else:
        array = _array(found["samples"], f"{where}.samples")
        found["samples"] = least + step * array if step else array
        found["n"] = array.size
        if found["samples"].min() != least:
            raise Broken(f"{where} says min = {least}, but the least of its samples is "
                         f"{found['samples'].min():.17g}: {DAMAGED}")


def _array(values, where, columns=None):
    try:
        return np.array(_numbers(values, where, columns), dtype=float)
    except OverflowError as error:
        raise Broken(f"{where} has a number that is too large: {DAMAGED}") from error


def _numbers(values, where, columns=None):
    """The list, if it has nothing else in it. `columns`: its rows in the file had so many."""
    if not _NUMBERS.issuperset(map(type, values)):  # a tenth of what the schema's check takes
        i, odd = next((i, v) for i, v in enumerate(values) if type(v) not in _NUMBERS)
        place = f"[{i}]" if columns is None else f"[{i // columns}][{i % columns}]"
        raise Broken(f"{where}{place} is {reprlib.repr(odd)}, not a number: {DAMAGED}")
    return values


def _bins(run):
    """(low, high, count) of adjacent bins, which get wider: 64 or more per power of two."""
    low, *counts = run
    for count in counts:
        high = low + (1 if low < 128 else 1 << (int(low).bit_length() - 7))
        if count:
            yield low, high, count
        low = high
