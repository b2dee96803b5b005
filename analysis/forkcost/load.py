"""Reads result files (results/FORMAT.md) into a Run: cases, their quantities, and one table.

A quantity that was not measured is absent everywhere: no column of zeros, no entry of None.
"""

import json
import zlib
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd

from forkcost import stats
from forkcost.errors import InputError

SCHEMA = 1
_REPEAT = "run forkcost-run again"


@dataclass(frozen=True)
class Quantity:
    """One quantity of one case, over its rounds.

    `paired`: one array per round, in the order of the samples, NaN where a sample does not have
    the quantity; so that quantities of one case can be subtracted sample by sample. Empty for
    histograms, which are in `histograms`, one array of (low, high, count) per round.
    `recorded`: one object per round, as in the file (min, p50, …, mean, n).
    """

    name: str
    unit: str
    better: str
    paired: tuple
    histograms: tuple
    recorded: tuple
    seed: int  # differs between cases and quantities, so that their replicates are independent

    @cached_property
    def rounds(self):
        """One array per round, without NaN, without empty rounds."""
        values = (r[~np.isnan(r)] for r in self.paired)
        return [v for v in values if v.size]

    @cached_property
    def samples(self):
        """All samples of all rounds; empty for a histogram."""
        return np.concatenate(self.rounds) if self.rounds else np.empty(0)

    @cached_property
    def histogram(self):
        """All rounds' histograms merged."""
        return stats.merge_histograms(self.histograms)

    def quantile(self, q):
        if self.histograms:
            return stats.histogram_quantile(self.histogram, q)
        return stats.quantile(self.samples, q)

    @cached_property
    def median_replicates(self):
        """Bootstrap replicates of the median."""
        if self.histograms:
            return stats.bootstrap_histogram_medians(self.histograms, seed=self.seed)
        return stats.bootstrap_medians(self.rounds, seed=self.seed)

    @cached_property
    def summary(self):
        """n, rounds, min, p10, p50, p90, p99, max, mean, and low/high: the 95% interval of p50
        (NaN with too few rounds)."""
        n_rounds = len(self.histograms or self.rounds)
        weights = [r["n"] for r in self.recorded]
        p10, p50, p90, p99 = self.quantile([0.1, 0.5, 0.9, 0.99])
        low, high = (stats.interval(self.median_replicates, n_rounds)
                     if n_rounds >= stats.MIN_ROUNDS else (np.nan, np.nan))
        return {
            "n": int(sum(weights)), "rounds": n_rounds,
            "min": min(r["min"] for r in self.recorded), "p10": p10, "p50": p50, "p90": p90,
            "p99": p99, "max": max(r["max"] for r in self.recorded),
            "mean": np.average([r["mean"] for r in self.recorded], weights=weights),
            "low": low, "high": high,
        }


@dataclass(frozen=True)
class Case:
    """`quantities`: name -> Quantity. `entries`: the file's entries, one per round."""

    name: str
    benchmark: str
    axes: dict
    heap_bytes: int | None
    quantities: dict
    entries: tuple

    @property
    def verified(self):
        """Every round was checked, and every check held."""
        return all(e.get("verification") and all(c.get("ok") for c in e["verification"])
                   for e in self.entries)


@dataclass(frozen=True)
class Run:
    """One run, or several of one machine put together.

    `contexts`: the files' `context.forkcost`, one per file. `machine`: (host, CPU model, kernel
    release). `cases`: name -> Case, in the order of
    the files. `unmeasured`: the entries without figures, as in the files.
    """

    paths: tuple
    contexts: tuple
    machine: tuple
    cases: dict
    unmeasured: tuple = field(default=())

    @property
    def context(self):
        return self.contexts[0]

    @property
    def page_size(self):
        return self.context.get("environment", {}).get("machine", {}).get("page_size", 4096)

    @property
    def base(self):
        """The backing of base pages: `4k`, elsewhere `16k` or `64k`."""
        return f"{self.page_size // 1024}k"

    @cached_property
    def table(self):
        """One row per case and quantity: name, benchmark, heap_bytes, quantity, unit, the axes as
        `axis.NAME` (absent: None), and the columns of Quantity.summary."""
        rows = [
            {"name": case.name, "benchmark": case.benchmark, "heap_bytes": case.heap_bytes,
             "quantity": q.name, "unit": q.unit,
             **{f"axis.{k}": v for k, v in case.axes.items()}, **q.summary}
            for case in self.cases.values() for q in case.quantities.values()
        ]
        if not rows:
            return pd.DataFrame(columns=["name", "benchmark", "heap_bytes", "quantity", "unit"])
        return pd.DataFrame(rows)

    def select(self, benchmark, quantity, **axes):
        """The rows of `table` for one quantity; an axis may be given one value or several."""
        rows = self.table
        rows = rows[(rows.benchmark == benchmark) & (rows.quantity == quantity)]
        for axis, wanted in axes.items():
            if f"axis.{axis}" not in rows:
                return rows.iloc[:0]
            rows = rows[rows[f"axis.{axis}"].isin([wanted] if isinstance(wanted, str) else wanted)]
        return rows

    def quantity(self, name, quantity):
        """The Quantity of a case, or None."""
        return self.cases[name].quantities.get(quantity) if name in self.cases else None

    def outcomes(self, status):
        """The unmeasured cases with this status: name -> {reason: number of rounds}."""
        found = defaultdict(Counter)
        for entry in self.unmeasured:
            if entry["outcome"]["status"] == status:
                found[entry["name"]][entry["outcome"].get("reason", "no reason given")] += 1
        return dict(found)


def load(paths):
    """Reads result files of one machine and kernel as one Run; a case that several of them have
    keeps the rounds of all. Raises InputError."""
    try:
        return _load(paths)
    except (ValueError, TypeError, LookupError, AttributeError, OverflowError) as error:
        raise InputError(f"{', '.join(str(p) for p in paths)}: cannot be understood ({error!r}): "
                         f"damaged or from another program; {_REPEAT}") from error


def _load(paths):
    documents = [_read(Path(p)) for p in paths]
    machines = [_machine(d["context"]) for d in documents]
    for path, machine in zip(paths, machines):
        must_match("machine or kernel", (path, machine), (paths[0], machines[0]))
    entries = defaultdict(list)
    for document in documents:
        for entry in document["benchmarks"]:
            entries[entry["name"]].append(entry)
    return Run(
        paths=tuple(Path(p) for p in paths),
        contexts=tuple(d["context"]["forkcost"] for d in documents),
        machine=machines[0],
        cases={name: _case(name, rounds) for name, rounds in entries.items()},
        unmeasured=tuple(e for d in documents for e in d.get("unmeasured", [])))


def must_match(what, this, first):
    """Raises InputError unless two (path, property) have the same property."""
    if this[1] != first[1]:
        said = [", ".join(p) if isinstance(p, tuple) else str(p) for _, p in (this, first)]
        raise InputError(f"{this[0]}: has another {what} ({said[0]}) than {first[0]} ({said[1]}): "
                         "give only files that have the same")


def _machine(context):
    environment = context["forkcost"].get("environment", {})
    return (str(context.get("host_name", "unknown host")),
            str(environment.get("machine", {}).get("cpu_model", "unknown CPU")),
            str(environment.get("kernel", {}).get("release", "unknown kernel")))


def _case(name, entries):
    names = dict.fromkeys(q for e in entries for q in e["quantities"])
    quantities = {}
    for q in names:
        # A quantity of which a round has no value at all is absent from that round.
        recorded = [e["quantities"][q] for e in entries if e["quantities"].get(q, {}).get("n")]
        if recorded:
            quantities[q] = Quantity(
                name=q, unit=recorded[0]["unit"], better=recorded[0].get("better", "none"),
                paired=tuple(np.array(r["samples"], dtype=float) for r in recorded
                             if "samples" in r),
                histograms=tuple(np.array(r["histogram"], dtype=float) for r in recorded
                                 if "histogram" in r),
                recorded=tuple(recorded), seed=zlib.crc32(f"{name} {q}".encode()))
    first = entries[0]
    return Case(name, first["benchmark"], first["axes"], first.get("heap_bytes"), quantities,
                tuple(entries))


def _read(path):
    """One file, checked; raises InputError that names it, the reason, and what to do."""
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}: give the path of a file that "
                         "forkcost-run wrote") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: is not text: give a JSON file that forkcost-run "
                         "wrote") from error
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path}: is not whole JSON ({error}): it was cut off or edited; "
                         f"{_REPEAT}, or --resume it if its .journal is still there") from error
    try:
        _check(document)
    except _Broken as error:
        raise InputError(f"{path}: {error}") from error
    return document


class _Broken(Exception):
    """What is wrong with a document, and what to do."""


def _expect(holder, key, kind, where):
    if not isinstance(holder.get(key), kind) or isinstance(holder.get(key), bool):
        raise _Broken(f"{where} has no proper '{key}': the file is damaged or from another "
                      f"program; {_REPEAT}")
    return holder[key]


def _optional(holder, key, kind, where):
    return _expect(holder, key, kind, where) if key in holder else None


def _optional_list(holder, key, kind, where):
    if not all(isinstance(item, kind) for item in _optional(holder, key, list, where) or []):
        raise _Broken(f"{where} has something else than {kind.__name__} in '{key}': the file is "
                      f"damaged or from another program; {_REPEAT}")


def _check_context(ours):
    where = "context.forkcost"
    run = _optional(ours, "run", dict, where) or {}
    _optional(run, "command", list, f"{where}.run")
    clock = _optional(ours, "clock", dict, where) or {}
    _optional(clock, "stamp_cost_ns", (int, float), f"{where}.clock")
    _optional_list(ours, "warnings", dict, where)
    environment = _optional(ours, "environment", dict, where) or {}
    for group in ("machine", "kernel"):
        _optional(environment, group, dict, f"{where}.environment")
    _optional(environment.get("machine", {}), "page_size", int, f"{where}.environment.machine")


def _check(document):
    if not isinstance(document, dict) or not isinstance(document.get("context"), dict):
        raise _Broken("is JSON, but no benchmark result: give a file that forkcost-run wrote")
    ours = document["context"].get("forkcost")
    if not isinstance(ours, dict):
        raise _Broken("is a Google Benchmark result without forkcost's keys: measure with "
                      "forkcost-run or one of forkcost's bench binaries")
    _check_context(ours)
    schema = _expect(ours, "schema", int, "context.forkcost")
    if schema > SCHEMA:
        raise _Broken(f"has schema {schema}, this program reads up to {SCHEMA}: use a newer "
                      "forkcost")
    benchmarks = _expect(document, "benchmarks", list, "the file")
    unmeasured = document.setdefault("unmeasured", [])
    _expect(document, "unmeasured", list, "the file")
    if not benchmarks and not unmeasured:
        raise _Broken("has no case at all: the run's filter matched nothing or it was stopped at "
                      f"once; {_REPEAT} (forkcost-run --list shows the names)")
    for kind, entries in (("benchmarks", benchmarks), ("unmeasured", unmeasured)):
        for i, entry in enumerate(entries):
            where = f"{kind}[{i}]"
            if not isinstance(entry, dict):
                raise _Broken(f"{where} is no object: the file is damaged; {_REPEAT}")
            _expect(entry, "name", str, where)
            _expect(entry, "benchmark", str, where)
            axes = _expect(entry, "axes", dict, where)
            for axis in axes:
                _expect(axes, axis, str, f"{where} axes")
            _optional(entry, "heap_bytes", int, where)
            _optional_list(entry, "verification", dict, where)
            conditions = _optional(entry, "conditions", dict, where) or {}
            _optional_list(conditions, "reasons", str, f"{where} conditions")
            if kind == "unmeasured":
                outcome = _expect(entry, "outcome", dict, where)
                _expect(outcome, "status", str, where)
                _optional(outcome, "reason", str, where)
            else:
                _check_quantities(_expect(entry, "quantities", dict, where), where)


def _check_quantities(quantities, where):
    for name, quantity in quantities.items():
        place = f"{where} quantity '{name}'"
        if not isinstance(quantity, dict):
            raise _Broken(f"{place} is no object: the file is damaged; {_REPEAT}")
        _expect(quantity, "unit", str, place)
        n = _expect(quantity, "n", int, place)
        if n == 0:
            continue
        for key in ("min", "max", "mean"):
            _expect(quantity, key, (int, float), place)
        data = "histogram" if "histogram" in quantity else "samples"
        values = _expect(quantity, data, list, place)
        try:
            array = np.array(values, dtype=float)
            if data == "histogram":
                counted = array[:, 2].sum() if array.shape[1] == 3 else None
            else:
                counted = np.count_nonzero(~np.isnan(array)) if array.ndim == 1 else None
        except (ValueError, TypeError, IndexError, OverflowError):
            counted = None
        if counted != n:
            raise _Broken(f"{place} says n = {n}, but its {data} hold {counted or 'no'} values: "
                          f"the file is damaged; {_REPEAT}")
