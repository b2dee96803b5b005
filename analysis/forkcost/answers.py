"""The answers on a report's first screen about calls and about trust, and the summary tables. Every
sentence is computed from the run, and has a form for a run that cannot say it."""

from collections import Counter
from dataclasses import dataclass

from forkcost import choose, counters, stats, units

FEW = 100  # of fewer samples p99 is the maximum
HEADLINES = ("blocked_ns", "main_start_ns", "debt_ns")  # what the answers are made of


@dataclass(frozen=True)
class Answer:
    """`short` is the answer, `more` the figures behind it."""

    question: str
    short: str
    more: str


def answers(run):
    return [which_call(run), how_long(run), afterwards(run), trust(run)]


def which_call(run):
    question = "Which call starts a program?"
    series = choose.spawns(run)
    if series is None:
        return Answer(question, "This run cannot say.", "It has no `spawn` cases with "
                      "main_start_ns; the bare calls below leave out the exec.")
    shared = [b for b in series.sizes if series.at("fork", b) is not None
              and (series.rows.heap_bytes == b).sum() > 1]
    if not shared:
        return Answer(question, "This run cannot say.",
                      "Its `spawn` cases have no size with fork beside another path.")
    size = shared[-1]
    rows = series.rows[series.rows.heap_bytes == size].set_index("axis.path")
    best = _recommended(rows.p50)
    fork, chosen = rows.loc["fork"], rows.loc[best]
    where = "in an empty parent" if size == 0 else f"at {units.size(size)}"
    image = f" (image {series.fixed['image']})" if "image" in series.fixed else ""
    if best == "fork":
        return Answer(question, f"No call is faster than fork {where}.",
                      f"main of the new program{image} runs after {units.time(fork.p50)}; "
                      f"{_others(rows)}")
    more = (f"{_from_where(series, best)} {where[0].upper() + where[1:]} its main{image} runs "
            f"after {units.time(chosen.p50)}, with fork {units.time(fork.p50)} "
            f"({units.factor(fork.p50 / chosen.p50)})")
    blocked = [series.also("blocked_ns", r) for r in (chosen, fork)]
    if all(r is not None for r in blocked):
        more += (f"; the caller is blocked {units.time(blocked[0].p50)} against "
                 f"{units.time(blocked[1].p50)}")
    more += "."
    fastest = rows.p50.idxmin()
    if fastest != best:
        more += f" The fastest is {fastest}: {units.time(rows.p50[fastest])}."
    small = series.sizes[0]
    pair = [series.at(p, small) for p in (best, "fork")]
    if small < size and all(r is not None for r in pair):
        more += (f" {'Empty parent' if small == 0 else units.size(small)}: "
                 f"{units.time(pair[0].p50)} against {units.time(pair[1].p50)}.")
    return Answer(question, f"Use {best}.", more)


def _recommended(medians):
    """The fastest path; but fork where nothing beats it by 10%, and posix_spawn where it saves nine
    tenths of what can be saved: it is standard, returns exec's error, and has none of vfork's
    traps."""
    best, fork = medians.idxmin(), medians["fork"]
    if not _beats(medians[best], fork):
        return "fork"
    if "posix_spawn" in medians and fork - medians["posix_spawn"] >= 0.9 * (fork - medians[best]):
        return "posix_spawn"
    return best


def _beats(ns, fork_ns):
    return fork_ns > 1.1 * ns


def _from_where(series, path):
    """From which measured size on `path`, recommended at the largest, beats fork."""
    pairs = [(b, series.at(path, b), series.at("fork", b)) for b in series.sizes]
    beats = [(b, _beats(ours.p50, fork.p50)) for b, ours, fork in pairs
             if ours is not None and fork is not None]
    if len(beats) == 1:
        return "No other size was measured with both."
    lost = [i for i, (_, better) in enumerate(beats[:-1]) if not better]
    if not lost:
        return "At every size measured."
    below = beats[:lost[-1] + 1]
    return f"From {units.size(beats[len(below)][0])} on; below that, " + (
        "fork is as fast." if len(lost) == len(below) else "fork is as fast at some sizes.")


def _others(rows):
    others = rows.p50.drop("fork")
    return f"the next is {others.idxmin()} with {units.time(others.min())}."


def how_long(run):
    question = "How long does fork block?"
    series, source = choose.calls(run), "fork"
    if series is None or series.path("fork").empty:
        series, source = choose.spawns(run, "blocked_ns"), "spawn"
    rows = series.path("fork") if series is not None else []
    if not len(rows):
        return Answer(question, "This run cannot say.", "It has no case of path fork.")
    line, last = series.line("fork"), rows.iloc[-1]
    at = "in an empty parent" if last.heap_bytes == 0 else f"at {units.size(last.heap_bytes)}"
    more = (f"{at[0].upper() + at[1:]}: median {units.time(last.p50)}, "
            f"{'max' if last.n < FEW else 'p99'} {units.time(last.p99)}")
    cpu = series.also("blocked_cpu_ns", last)
    if cpu is not None:
        more += f", CPU time {units.time(cpu.p50)}"
    more += "." if source == "fork" else " (measured with an exec to follow)."
    if line is None:
        return Answer(question, f"{units.time(last.p50)} {at}.",
                      f"{more} One size is no slope: this run cannot say what a GiB costs.")
    if not line.rises:
        return Answer(question, f"{units.time(last.p50)}, whatever the size.",
                      f"{more} No growth was seen up to {units.size(last.heap_bytes)}.")
    slope = f"{units.number(line.ms_per_gib)} ms per resident GiB"
    if line.ms_per_gib_interval:
        low, high = line.ms_per_gib_interval
        slope += f" (95% {units.number(low)}–{units.number(high)})"
    empty = rows[rows.heap_bytes == 0]
    if len(empty):
        more += f" An empty parent takes {units.time(empty.iloc[0].p50)}."
    if line.breaks_at:
        return Answer(question, f"{units.time(last.p50)} {at}.",
                      f"{more} A line through all sizes has {slope}, but the cost is not one "
                      f"straight line: see {units.size(line.breaks_at)}.")
    if line.bends:
        below, most = (units.size(n) for n in line.sizes[-2:])
        last = units.number(line.last_slope * units.GIB / 1e6)
        more += f" From {below} to {most} it grows by {last} ms per GiB."
    passes = line.passes(1e6)
    if passes:
        beyond = passes > line.sizes.max()
        more += f" It passes {units.time(1e6, 1)} at {units.size(passes, 2)}" + (
            " (beyond the sizes measured)." if beyond else ".")
    return Answer(question, slope + ".", more)


def afterwards(run):
    question = "What is paid afterwards?"
    rows, huge = choose.touches(run), choose.huge_faults(run)
    copy, reuse = rows.get("copy"), rows.get("alone")
    huge = f"With huge pages {huge}." if huge else ""
    if copy is None:
        return Answer(question, "This run cannot say.", " ".join(filter(None, (
            "It has no `cow` case that writes base pages first after a fork.", huge))))
    short = (f"{units.time(copy.p50, 2)} for the first write to each page "
             f"(p99 {units.time(copy.p99, 2)}).")
    more = []
    debt = choose.touched(run, "debt_ns", state="first", access="write")
    if debt is not None:
        text = (f"Writing all of {units.size(debt.heap_bytes)} once costs the "
                f"{debt['axis.writer']} {units.time(debt.p50)}")
        second = choose.touched(run, "debt_ns", state="second", access="write")
        if second is not None and second.heap_bytes == debt.heap_bytes:
            text += f", {units.time(second.p50)} when done again"
        more.append(text + ".")
    if reuse is not None:
        more.append(f"After the child is gone: {units.time(reuse.p50, 2)} a page.")
    series = choose.calls(run, "teardown_ns")
    line = series.line("fork") if series is not None else None
    if line is not None and line.rises:
        more.append(f"The child's end takes {units.number(line.ms_per_gib)} ms per GiB.")
    return Answer(question, short, " ".join(filter(None, (*more, huge))))


@dataclass(frozen=True)
class Trust:
    """What is known about how far a run can be trusted. `failed`, `skipped`: name -> {reason:
    rounds}. `checks`: check -> [held, made]. `overheads`: rows of overhead_ratio. `widths`: median
    and p90 over cases of the 95% interval's half width, relative, of the quantities in HEADLINES;
    None with too few rounds."""

    cases: int
    verified: int
    failed: dict
    skipped: dict
    rounds: int
    disturbed: int
    reasons: Counter
    checks: dict
    overheads: object
    widths: tuple | None
    warnings: list
    interrupted: bool


def trusted(run):
    entries = [e for c in run.cases.values() for e in c.entries]
    conditions = [e.get("conditions", {}) for e in entries]
    checks = {}
    for entry in (*entries, *run.unmeasured):
        for check in entry.get("verification") or []:
            tally = checks.setdefault(str(check.get("check", "?")), [0, 0])
            tally[0] += bool(check.get("ok"))
            tally[1] += 1
    warnings = {w.get("id", w.get("message")): w for c in run.contexts
                for w in c.get("warnings", [])}
    rows = run.table[run.table.quantity.isin(HEADLINES) & (run.table.p50 > 0)]
    widths = ((rows.high - rows.low) / 2 / rows.p50).dropna()
    return Trust(
        cases=len(run.cases), verified=sum(c.verified for c in run.cases.values()),
        failed=run.outcomes("failed"), skipped=run.outcomes("skipped"), rounds=len(entries),
        disturbed=sum(bool(c.get("disturbed")) for c in conditions),
        reasons=Counter(r for c in conditions if c.get("disturbed") for r in c.get("reasons", [])),
        checks=checks, overheads=run.select("harness", "overhead_ratio", ("figure",)),
        widths=tuple(stats.quantile(widths, [0.5, 0.9])) if len(widths) else None,
        warnings=list(warnings.values()),
        interrupted=any(c.get("run", {}).get("interrupted") for c in run.contexts))


def trust(run):
    found = trusted(run)
    had = sorted(len(case.entries) for case in run.cases.values())
    short_of = sum(n < stats.MIN_ROUNDS for n in had)
    doubts = []
    if found.failed:
        doubts.append(f"{len(found.failed)} failed")
    if found.verified < found.cases:
        doubts.append(f"{found.cases - found.verified} not verified")
    if found.interrupted:
        doubts.append("the run was interrupted")
    if found.disturbed > 0.1 * found.rounds:
        doubts.append("many rounds were disturbed")
    if short_of:
        doubts.append(f"too few rounds for intervals ({units.many([short_of], 'case')})")
    if (found.overheads.p50 > 1.02).any():
        doubts.append("the harness itself costs more than 2%")
    if doubts:
        short = f"With care: {', '.join(doubts)}."
    elif found.warnings:
        short = f"Nothing failed; {units.many([len(found.warnings)], 'warning')}."
    else:
        short = "Yes: nothing failed, no warnings."
    more = (f"{found.verified} of {found.cases} cases verified, {len(found.failed)} failed, "
            f"{len(found.skipped)} skipped. ")
    if had:
        more += (f"{units.many(sorted(set(had)), 'round')} per case, "
                 f"{units.percent(found.disturbed / found.rounds)} disturbed. ")
    if found.widths is not None:
        usual, wide = (units.percent(w) for w in found.widths)
        more += f"Half of the medians are known to ±{usual}, nine of ten to ±{wide} (95%). "
    identities = [str(w.get("id", "?")) for w in found.warnings]
    more += f"Warnings: {', '.join(identities)}." if identities else "No warnings."
    return Answer("Can I trust this run?", short, more)


@dataclass(frozen=True)
class Summary:
    """A table path × size. `rows`: (path, [(median, p99, factor against fork) per size], slope,
    per page, [count per entry of `counted`]), all text, `–` where not measured. `counted`: what was
    counted of an operation at `counted_at`; empty without counters."""

    title: str
    note: str
    sizes: list
    rows: list
    counted: list
    counted_at: str


def summaries(run):
    found = []
    for series, title, note in (
            (choose.spawns(run), "Call → main of the new program (main_start_ns)",
             "The call recommended above is the fastest, with two exceptions: fork where nothing is "
             "10% faster, and posix_spawn where it saves nine tenths of what the fastest saves over "
             "fork, as it has none of vfork's traps."),
            (choose.spawns(run, "blocked_ns"), "Caller blocked while it starts a program "
             "(blocked_ns)", "vfork, posix_spawn and their like wait for the exec, fork does not: "
             "read this table beside the one above."),
            (choose.calls(run), "Caller blocked by the bare call (blocked_ns)",
             "The child ends at once. vfork and clone-vm wait for that end, fork does not: which "
             "call is better is a question for the tables with a program.")):
        if series is not None:
            few = (f"Of fewer than {FEW} samples p99 is the maximum."
                   if series.rows.n.min() < FEW else None)
            found.append(Summary(title, " ".join(filter(None, (note, series.says() + ".", few))),
                                 *_cells(series)))
    return found


def _cells(series):
    sizes = sorted({series.sizes[0], choose.middle(series.sizes), series.sizes[-1]})
    middle = {path: series.run.cases[row["name"]] for path in series.paths
              if (row := series.at(path, choose.middle(sizes))) is not None}
    counted = [c for c in counters.columns(middle.values()) if c in counters.BRIEF]
    rows = []
    for path in series.paths:
        cells = []
        for size in sizes:
            row, fork = series.at(path, size), series.at("fork", size)
            cells.append(("–",) * 3 if row is None else (
                units.time(row.p50), units.time(row.p99),
                "–" if fork is None or path == "fork" else units.against(row.p50 / fork.p50)))
        line, slope, per_page = series.line(path), "–", "–"
        if line is not None:
            slope = "flat" if not line.rises else units.number(line.ms_per_gib)
            if line.rises and line.ms_per_gib_interval:
                low, high = (units.number(b) for b in line.ms_per_gib_interval)
                slope += f" ({low}–{high})"
            if line.rises and line.breaks_at:
                slope += f", not straight at {units.size(line.breaks_at)}"
            per_page = "flat"
            if line.rises:
                per_page = units.number(line.us_per_page(series.run.page_size))
        counts = [counters.cell(series.run, middle[path], c) if path in middle else "–"
                  for c in counted]
        rows.append((path, cells, slope, per_page, counts))
    return [units.size(s) for s in sizes], rows, counted, units.size(choose.middle(sizes))
