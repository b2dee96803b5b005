"""What counters say beside the times: instructions per cycle, costs per page and per fault, and how
much of a copy-on-write fault is copying."""

from dataclasses import dataclass

import numpy as np

from forkcost import choose, model, passes, units
from forkcost.functions import COPY, Sampled, Work, why_none
from forkcost.tables import Table

IPC = {"instructions per cycle, kernel": "k", "instructions per cycle, user": "u"}
# The order of events in tables; others follow as in the file.
ORDER = ("instructions:k", "instructions:u", "cycles:k", "cycles:u", "cache-misses:k",
         "dTLB-load-misses:k", "dTLB-load-misses:u", "minor-faults", "page-faults", "major-faults",
         "context-switches", "cpu-migrations", "task-clock")
NONE = "this run has no counters: measure with forkcost-run --counters"
# What stands beside the times of calls.
BRIEF = ("instructions:k", "minor-faults", "instructions per cycle, kernel")


def counted(case):
    """The case's Counters, or None."""
    return case.counters if isinstance(case.counters, passes.Counters) else None


def events(cases):
    """The names of all events that any of the cases has figures for, in order."""
    names = dict.fromkeys(name for case in cases if (found := counted(case)) is not None
                          for name in found.events)
    return sorted(names, key=lambda n: ORDER.index(n) if n in ORDER else len(ORDER))


def columns(cases):
    """The headings of all that can be said of any of the cases: its events, and the IPC of modes
    that have both."""
    names = events(cases)
    return names + [heading for heading, mode in IPC.items()
                    if {f"instructions:{mode}", f"cycles:{mode}"} <= set(names)]


def writer(case):
    """Whose counts tell what a case's operation costs: touches of the parent are its own; all else
    is parent and child together."""
    alone = Work.of(case, 4096).what != "operation" and case.axes.get("writer",
                                                                      "parent") == "parent"
    return "parent" if alone else "family"


def value(x, unit):
    """A count in its unit."""
    return units.time(x) if unit == "ns" else units.count(x)


def cell(run, case, column):
    """The text of a column for a case: per operation, fault or page; `–` where there is none."""
    found = counted(case)
    if found is None:
        return "–"
    if column in IPC:
        ratio = found.ratio(f"instructions:{IPC[column]}", f"cycles:{IPC[column]}", writer(case))
        return "–" if ratio is None else units.number(ratio)
    median = found.median(column, writer(case))
    if median is None:
        return "–"
    return value(median / Work.of(case, run.page_size).count, found.events[column].unit)


def beside(run):
    """The table of counters beside times, or a sentence that says what the run lacks."""
    rows = [(label, case) for label, case in _chosen(run) if counted(case) is not None]
    if not rows:
        return _lacking(run)
    names = columns([case for _, case in rows])
    lines = []
    for label, case in rows:
        work = Work.of(case, run.page_size)
        time = case.quantities["debt_ns" if work.what != "operation" else "total_ns"]
        lines.append([label, units.time(time.quantile(0.5) / work.count),
                      *(cell(run, case, name) for name in names)])
    note = ("Medians per operation, parent and child together; of touches, the writer's, per fault "
            f"or page. {limits(run)}")
    return Table("Counters beside times", note, ["operation", "time", *names], lines)


def _chosen(run):
    """[(label, Case)] of the tables and figures on the page: calls by size, programs started at one
    size, touches by kind and backing."""
    for series, quantity in ((choose.calls(run, "total_ns"), "fork"),
                             (choose.spawns(run, "total_ns"), "spawn")):
        if series is None:
            continue
        sizes = ({series.sizes[0], choose.middle(series.sizes), series.sizes[-1]}
                 if quantity == "fork" else {choose.middle(series.sizes)})
        for path in series.paths:
            for size in sorted(sizes):
                if (row := series.at(path, size)) is not None:
                    where = "empty parent" if size == 0 else units.size(size)
                    yield (f"{path if quantity == 'fork' else f'{path}, then exec'}: {where}",
                           run.cases[row["name"]])
    for label, row in touches(run):
        case = run.cases[row["name"]]
        yield f"{label} (per {Work.of(case, run.page_size).what})", case


# What a kind of choose.TOUCHES is called here.
TOUCHES = {
    "copy": "first write after fork", "alone": "write, child gone",
    "fresh": "first write to fresh memory", "memcpy": "memcpy of a page",
}


def touches(run):
    """[(label, row of debt_ns)] of TOUCHES, base pages first, then other backings."""
    found = []
    for kind, label in TOUCHES.items():
        benchmark, axes = choose.TOUCHES[kind]
        rows = run.select(benchmark, "debt_ns", choose.TOUCHED, **axes)
        backings = rows.get("axis.backing")
        others = [] if backings is None else sorted(set(backings.dropna()) - {run.base})
        for backing in [run.base, *others]:
            row = choose.touched(run, "debt_ns", benchmark, **axes, **(
                {} if backing == run.base else {"backing": backing}))
            if row is not None:
                found.append((f"{label}, {backing}", row))
    return found


def _lacking(run):
    asked = [case.counters for case in run.cases.values() if case.counters is not None]
    reasons = dict.fromkeys(c for c in asked if isinstance(c, str))
    if not asked:
        return NONE
    return ("this run has counters of none of the calls and touches that are shown here"
            + (f" ({'; '.join(reasons)})" if reasons else ""))


def limits(run):
    """Once for all: which events have no figures and why, which are estimates, and whether the
    child's end is counted."""
    found = [c for case in run.cases.values() if (c := counted(case)) is not None]
    measured = {name for c in found for name in c.events}
    missing, cases = {}, {}
    for c in found:
        for name, reason in c.reasons.items():
            if name not in measured:
                missing.setdefault(reason, {})[name] = None
    for case in run.cases.values():
        if isinstance(case.counters, str):
            cases[case.counters] = cases.get(case.counters, 0) + 1
    parts = [f"Not counted: {', '.join(names)} ({reason})." for reason, names in missing.items()]
    parts += [f"Without counters: {units.many([n], 'case')} ({reason})."
              for reason, n in cases.items()]
    shares = {}
    for c in found:
        for name, event in c.events.items():
            if event.running_share < 0.995:
                shares[name] = min(event.running_share, shares.get(name, 1))
    if shares:
        parts.append("Events took turns, counts are scaled: " + ", ".join(
            f"{name} ran {units.percent(share)} of the time" for name, share in shares.items())
            + " (the least of all cases).")
    if _end_is_lost(run):
        parts.append("This kernel takes events off a child before it frees its page tables: the "
                     "child's end is in the counts of the CPU, where those were allowed, and in "
                     "nobody else's.")
    return " ".join(parts)


def _end_is_lost(run):
    return any(c.child_end_counted is False for case in run.cases.values()
               if (c := counted(case)) is not None)


@dataclass(frozen=True)
class PerPage:
    """The slope of an event of fork over the arena's size, as a Line over bytes."""

    backing: str
    who: str
    event: str
    unit: str
    line: model.Line

    def cost(self, page_size):
        return self.line.slope * page_size

    def text(self, page_size):
        """`812 (95% 805–818)`; `flat` where it does not grow."""
        if not self.line.rises:
            return "flat"
        if self.cost(page_size) < 0.001:  # of a count: a few more in all are no cost of a page
            return "under 0.001"
        made = value(self.cost(page_size), self.unit)
        if self.line.slope_interval is not None:
            low, high = (bound * page_size for bound in self.line.slope_interval)
            made += (f" (95% {units.time_range(low, high)})" if self.unit == "ns" else
                     f" (95% {units.count(low)}–{units.count(high)})" if low < high else "")
        if self.line.breaks_at:
            made += f", not straight at {units.size(self.line.breaks_at)}"
        return made


def per_page(run):
    """[PerPage] of fork, by backing (base pages first), who and event; those of two sizes or more.
    """
    series = choose.calls(run)
    if series is None:
        return []
    rows = run.select("fork", series.quantity, ("heap", "backing"), path="fork", **(
        {"placement": series.fixed["placement"]} if "placement" in series.fixed else {}))
    backings = dict.fromkeys(rows.get("axis.backing", rows["name"][:0]).dropna())
    found = []
    for backing in sorted(backings, key=lambda b: (b != run.base, b)):
        cases = [run.cases[name] for name in rows["name"][rows["axis.backing"] == backing]]
        for event in events(cases):
            for who in passes.WHO:
                points = [(case.heap_bytes, quantity) for case in cases
                          if (c := counted(case)) is not None and event in c.events
                          and (quantity := getattr(c.events[event], who)) is not None]
                line = model.fit(points)
                if line is not None:
                    found.append(PerPage(backing, who, event, points[0][1].unit, line))
    return found


OF_WHOM = {"cpu": "the CPU, with the child's end"}


def slopes(run):
    """The table of counts per page of the arena, or a sentence that says what the run lacks."""
    found = per_page(run)
    if not found:
        return ("this run has no counters of `fork` cases at two sizes of the arena" if
                any(map(counted, run.cases.values())) else NONE)
    names = [e for e in dict.fromkeys(p.event for p in found)
             if any(p.line.medians.any() for p in found if p.event == e)]
    at = {(p.backing, p.who, p.event): p for p in found}
    lines = []
    for backing, who in dict.fromkeys((p.backing, p.who) for p in found):
        lines.append([f"fork, {backing}: {OF_WHOM.get(who, who)}", *(
            at[backing, who, e].text(run.page_size) if (backing, who, e) in at else "–"
            for e in names)])
    note = (f"Slopes over the arena's size, per {units.size(run.page_size)} of it. The parent "
            "copies page tables; the child frees them at its end" + (
                ", which only the CPU's counts have here" if _end_is_lost(run) else "")
            + ". Events that never happened are left out.")
    return Table("Counted per page of the arena, by fork", note, ["of whom", *names], lines)


@dataclass(frozen=True)
class Copying:
    """How much of a copy-on-write fault is copying, by one way of finding out. `copy`, `fault`: in
    `unit`, of one page; None where there is a `reason`."""

    way: str
    copy: float | None = None
    fault: float | None = None
    unit: str = "ns"
    reason: str = ""

    @property
    def share(self):
        return None if self.reason else self.copy / self.fault


def copying(run):
    """[Copying]: by time, by cycles and instructions, and by the profile; or a string."""
    row = choose.touched(run, "debt_ns", state="first", access="write")
    if row is None:
        return "this run has no `cow` case that writes base pages first after a fork"
    fault = run.cases[row["name"]]
    yards = run.select("copy-page", "debt_ns", ("heap",))
    copy = None
    if len(yards):
        near = np.argmin(np.abs(np.log(yards.heap_bytes.astype(float) / row.heap_bytes)))
        copy = run.cases[yards["name"].iloc[int(near)]]
    return [_by_time(run, copy, fault), _by_count(run, copy, fault, "cycles"),
            _by_count(run, copy, fault, "instructions"), _by_profile(run, fault)]


NO_REFERENCE = "this run has no copy-page case"


def _by_time(run, copy, fault):
    way = "time"
    if copy is None:
        return Copying(way, reason=NO_REFERENCE)
    each = [float(c.quantities["debt_ns"].quantile(0.5)) / Work.of(c, run.page_size).count
            for c in (copy, fault)]
    return Copying(way, *each)


def _by_count(run, copy, fault, event):
    way = event
    if copy is None:
        return Copying(way, reason=NO_REFERENCE)
    each = []
    for case in (copy, fault):
        found, total = counted(case), 0.0
        for mode in IPC.values():
            name = f"{event}:{mode}"
            median = found and found.median(name, writer(case))
            if median is None:
                return Copying(way, reason=_why(case, name))
            total += median
        each.append(total / Work.of(case, run.page_size).count)
    return Copying(way, *each, unit="1")


def _why(case, event):
    """Why a case has no figure of an event."""
    if case.counters is None:
        return NONE
    if isinstance(case.counters, str):
        return case.counters
    return case.counters.reasons.get(event, f"{event} was not asked for")


def _by_profile(run, fault):
    way = "profile"
    sampled = Sampled.of(fault, run.page_size)
    if sampled is None:
        return Copying(way, reason=why_none([fault]))
    if sampled.ns is None or COPY not in run.groups.parts:
        return Copying(way, reason=sampled.title if sampled.ns is None else
                       f"the table of kernel functions has no part '{COPY}'")
    samples = run.groups.fault_parts(sampled.profile).get(COPY, 0)
    return Copying(way, sampled.cost(samples), sampled.ns)


def copying_table(run):
    """The table of it, or a sentence that says what the run lacks."""
    found = copying(run)
    if isinstance(found, str):
        return found
    ways = [c for c in found if not c.reason]
    missing = {}
    for c in found:
        if c.reason:
            missing.setdefault(c.reason, []).append(c.way)
    said = [f"Not by {', '.join(ways_)}: {reason}." for reason, ways_ in missing.items()]
    if not ways:
        return f"this run cannot say how much of a copy-on-write fault is copying: {' '.join(said)}"
    note = ("By time, cycles and instructions: copy-page, the reference case, divided by the fault; it "
            "copies between pages that are there, in user code, and a string instruction counts as "
            "one. By the profile: samples in copying, into a page that was just taken. "
            + " ".join(said))
    return Table("How much of a copy-on-write fault is copying", note.strip(),
                 ["by", "copying", "the fault", "share"],
                 [[c.way, value(c.copy, c.unit), value(c.fault, c.unit), units.percent(c.share)]
                  for c in ways])


def tables(run):
    """(tables, sentences about what is missing) of the section on why it costs that."""
    made = [beside(run), slopes(run), copying_table(run)]
    if NONE in made:
        made = [NONE, *(m for m in made if m != NONE)]
    return ([t for t in made if isinstance(t, Table)],
            [t for t in made if isinstance(t, str)])
