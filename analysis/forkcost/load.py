"""A Run of result files (results/FORMAT.md): cases, their quantities, and one table.

A quantity that was not measured is absent everywhere: no column of zeros, no entry of None.
"""

from collections import Counter, defaultdict
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from forkcost import functions, passes, processes, reader, units
from forkcost.checks import DAMAGED
from forkcost.errors import InputError
from forkcost.quantity import numbered, pooled


@dataclass(frozen=True)
class Case:
    """`quantities`: name -> Quantity. `entries`: the file's entries, one per round. `counters` and
    `profile`: what further passes found; a string says why one found nothing, None: not asked for.
    `yardsticks`: name -> {(file, round): their values in the order of time}, without the rounds that
    have none.
    """

    name: str
    benchmark: str
    axes: dict
    heap_bytes: int | None
    quantities: dict
    entries: tuple
    counters: passes.Counters | str | None = None
    profile: passes.Profile | str | None = None
    yardsticks: dict = field(default_factory=dict)

    @property
    def verified(self):
        """Every round was checked, and every check held."""
        return all(e.get("verification") and all(c.get("ok") for c in e["verification"])
                   for e in self.entries)


@dataclass(frozen=True)
class Looks:
    """Names of cases that figures, tables or sentences could show. `left_out`: name -> the axes that
    somebody who selected did not know, and that are not at their default."""

    selected: set = field(default_factory=set)
    left_out: dict = field(default_factory=dict)

    def at(self, name, unknown):
        if unknown:
            self.left_out[name] = self.left_out.get(name, unknown) & unknown
        else:
            self.selected.add(name)

    def add(self, other):
        self.selected.update(other.selected)
        for name, unknown in other.left_out.items():
            self.at(name, unknown)


@dataclass(frozen=True)
class Run:
    """One run, or several of one machine put together.

    `contexts`: the files' `context.forkcost`, one per file. `machine`: (host, CPU model, kernel
    release). `cases`: name -> Case, in the order of the files. `unmeasured`: the entries without
    figures, as in the files. `groups`: what its kernel functions are grouped by.
    """

    paths: tuple
    contexts: tuple
    machine: tuple
    cases: dict
    groups: functions.Groups
    unmeasured: tuple = field(default=())

    @property
    def context(self):
        return self.contexts[0]

    @cached_property
    def quantities(self):
        """name -> what the files say of it. Each lists those that it has; where two say different
        things of one, the first counts."""
        return {name: row for context in reversed(self.contexts)
                for name, row in context["quantities"].items()}

    @cached_property
    def yardsticks(self):
        """name -> `unit`, `title`, `meaning` of those that some case has."""
        return {name: row for context in reversed(self.contexts)
                for name, row in context.get("yardsticks", {}).items()}

    def estimator(self, quantity):
        """What the files name for a quantity."""
        return self.quantities.get(quantity, {}).get("estimator", "p50")

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
        import pandas as pd  # half a second, and of no use for a comparison

        rows = processes.in_parts(_rows, list(self.cases.values()))

        if not rows:
            return pd.DataFrame(columns=["name", "benchmark", "heap_bytes", "quantity", "unit"])
        return pd.DataFrame(rows)

    @cached_property
    def _places(self):
        """(benchmark, quantity) -> rows of the table."""
        return self.table.groupby(["benchmark", "quantity"], sort=False).indices

    @cached_property
    def _defaults(self):
        """axis -> its default; of an axis that always stands in a name None, or nothing."""
        return {axis: row.get("default") for context in self.contexts
                for axis, row in context["axes"].items()}

    def off_default(self, axes):
        """Those of a case's axes that do not have their default."""
        return frozenset(axis for axis, value in axes.items() if value != self._defaults.get(axis))

    @cached_property
    def _off_default(self):
        """Of each row of the table, the axes that do not have their default."""
        of_case = {name: self.off_default(case.axes) for name, case in self.cases.items()}
        return [of_case[name] for name in self.table.name]

    @cached_property
    def looks(self):
        """What `select` gave and left out so far."""
        return Looks()

    def select(self, benchmark, quantity, drawn=(), **axes):
        """The rows of `table` for one quantity. An axis may be given one value or several, those in
        `drawn` vary, and every other one is at its default: rows that differ by an axis that the
        caller does not know are never mixed. What that leaves out is in `looks`."""
        places, known = [], {*drawn, *axes}
        for place in self._places.get((benchmark, quantity), ()):
            unknown = self._off_default[place] - known
            if not unknown:
                places.append(place)
            self.looks.at(self.table.name.iat[place], unknown)
        rows = self.table.iloc[places]
        for axis, wanted in axes.items():
            if f"axis.{axis}" not in rows:
                return rows.iloc[:0]
            rows = rows[rows[f"axis.{axis}"].isin([wanted] if isinstance(wanted, str) else wanted)]
        return rows

    def quantity(self, name, quantity):
        """The Quantity of a case, or None."""
        return self.cases[name].quantities.get(quantity) if name in self.cases else None

    def in_no_figure(self, looks):
        """Sentences about the cases that all of `looks` left out for an axis that nobody knows."""
        found = defaultdict(list)
        for name, unknown in looks.left_out.items():
            if name not in looks.selected:
                found[min(unknown)].append(self.cases[name].axes)
        said = []
        for axis, cases in sorted(found.items()):
            default = self._defaults.get(axis)
            why = f"its default {default}" if default is not None else "a default, as it has none"
            values = ", ".join(sorted({axes[axis] for axes in cases}))
            said.append(f"{units.many([len(cases)], 'case')} with {axis} not at {why} ({values}): "
                        "in no figure and no table but that of all cases")
        return said

    def outcomes(self, status):
        """The unmeasured cases with this status: name -> {reason: number of rounds}."""
        found = defaultdict(Counter)
        for entry in self.unmeasured:
            if entry["outcome"]["status"] == status:
                found[entry["name"]][entry["outcome"].get("reason", "no reason given")] += 1
        return dict(found)


def _rows(case):
    """Of Run.table."""
    return [{"name": case.name, "benchmark": case.benchmark, "heap_bytes": case.heap_bytes,
             "quantity": q.name, "unit": q.unit,
             **{f"axis.{k}": v for k, v in case.axes.items()}, **q.summary}
            for q in case.quantities.values()]


def load(paths, table=None):
    """Reads result files of one machine and kernel as one Run; a case that several of them have
    keeps the rounds of all. `table`: a file that groups kernel functions in place of ours.
    Raises InputError."""
    groups = functions.read(table)
    with understood(paths):
        return assemble(paths, [reader.read(Path(path))[0] for path in paths], groups)


@contextmanager
def understood(paths):
    """What the checks do not foresee is an InputError too."""
    try:
        yield
    except (ValueError, TypeError, LookupError, AttributeError, OverflowError,
            MemoryError) as error:
        raise InputError(f"{', '.join(str(p) for p in paths)}: cannot be understood ({error!r}): "
                         f"{DAMAGED}") from error


def assemble(paths, documents, groups):
    """The Run of checked documents."""
    machines = [_machine(d["context"]) for d in documents]
    for path, machine in zip(paths, machines):
        must_match("machine or kernel", (path, machine), (paths[0], machines[0]))
    rounds = defaultdict(list)
    for file, document in enumerate(documents):
        entries = defaultdict(list)
        for entry in document["benchmarks"]:
            entries[entry["name"]].append(entry)
        for name, of_case in entries.items():
            rounds[name] += numbered(file, of_case)
    return Run(
        paths=tuple(Path(p) for p in paths),
        contexts=tuple(d["context"]["forkcost"] for d in documents),
        machine=machines[0],
        cases={name: _case(name, of_case) for name, of_case in rounds.items()}, groups=groups,
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


def _case(name, rounds):
    """The Case of [((file, round), entry)]."""
    entries = tuple(e for _, e in rounds)
    names = dict.fromkeys(q for e in entries for q in e["quantities"])
    quantities = {q: found for q in names if (found := pooled(
        q, ((key, e["quantities"].get(q, {})) for key, e in rounds), f"{name} {q}")) is not None}
    first = entries[0]
    return Case(name, first["benchmark"], first["axes"], first.get("heap_bytes"), quantities,
                entries, passes.counters(name, rounds), passes.profile(entries),
                _yardsticks(rounds))


def _yardsticks(rounds):
    """Of Case."""
    found = defaultdict(dict)
    for key, entry in rounds:
        for name, taken in entry.get("yardsticks", {}).items():
            found[name][key] = taken["samples"]
    return dict(found)
