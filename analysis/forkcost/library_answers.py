"""What the report says of loading libraries and of many processes: two more answers, where the run
has the cases, and the tables "What one more costs" and "dlopen"."""

from forkcost import choose, one_more, units
from forkcost.answers import Answer
from forkcost.tables import Table

MODES, SCOPES = ("lazy", "now"), ("local", "global")
TIMES = {"first": "first in the process", "second": "again, same process",
         "other-process": "in a second process", "namespace": "by dlmopen"}


def answers(run):
    """The answers that this run can give."""
    return [a for a in (loading(run), more_processes(run)) if a is not None]


def loading(run):
    """None where the cost of a library was not measured."""
    by_key = {m.key: m for m in (*one_more.libraries(run), *one_more.relocations(run))}
    library = by_key.get(("library", "flat", "warm"))
    if library is None:
        return None
    relocation = by_key.get(("relocation", "rela"))
    short = [f"{library.cost} per library"]
    more = [f"At start, {library.over}, warm page cache" + (
        f": 95% {library.interval}" if library.interval else "") + (
        f"; {library.bend}." if library.bend else ".")]
    if library.line.breaks_at is not None:
        most = int(library.line.sizes[-1])
        short = [f"{units.time(library.line.medians[-1])} with {most} libraries"]
        more = [f"A line has {library.sentence} per library, but it is {library.remark}."]
    if relocation is not None:
        short.append(f"{relocation.cost} per relocation")
    others = [f"{key[1]} {m.cost}" for key, m in by_key.items()
              if key[0] == "relocation" and key[1] != "rela"]
    if others:
        more.append(f"{'Relocations' if relocation is None else 'Other relocations'}: "
                    f"{', '.join(others)}.")
    cold = by_key.get(("library", "flat", "cold"))
    if cold is not None:
        more.append(f"From a cold page cache a library costs {cold.cost}.")
    return Answer("What does loading cost?", ", ".join(short) + ".",
                  " ".join((*more, *_fork_server(run))))


def _fork_server(run):
    """A sentence about the fork server that has the libraries, if the run has it."""
    rows = {path: along.rows.set_index("x") for path in ("fork-server", "exec")
            if (along := choose.along(run, "zygote", "main_start_ns", "libraries", path=path))}
    both = rows["exec"].index.intersection(rows["fork-server"].index) if len(rows) == 2 else ()
    if len(both):
        n = int(both.max())
        forked, executed = (rows[path].p50[n] for path in ("fork-server", "exec"))
        yield (f"A fork server that has {units.many([n], 'library', 'libraries')} loaded is at "
               f"main after {units.time(forked)}, exec after {units.time(executed)}.")


def more_processes(run):
    """None where the memory of further processes was not measured."""
    found = {(p.what, p.files): p for p in one_more.processes(run)}
    what = next((w for w in one_more.WHATS if (w, "one-inode") in found), None)
    if what is None:
        return None
    same, copy, forked = (found.get((what, files)) for files in ("one-inode", "copies", "forks"))
    short = f"{same.total.cost} for one more of the same file"
    if copy is not None:
        short += f", {copy.total.cost} of a copy"
    rows = same.rows.iloc[-1]
    pages = run.quantity(rows["name"], "pages")
    more = [f"The {what} that they share: {units.amount(pages.quantile(0.5) * run.page_size)}."
            if pages else "", f"Of the same file {_parts(same)}" + (
                f"; counted in page frames and tables {units.amount(same.counted)}."
                if same.counted is not None else ".")]
    if forked is not None:
        more.append(f"A fork of the first process: {forked.total.cost}.")
    start = run.quantity(rows["name"], "start_ns")
    if start is not None:
        more.append(f"Process {int(rows.x)} of the same file is at main after "
                    f"{units.time(start.quantile(0.5))}.")
    return Answer("What memory do more processes cost?", short + ".", " ".join(filter(None, more)))


def _parts(process):
    """`page tables 40 KiB, private dirty 93 KiB`: what is at least a hundredth of the whole."""
    least = max(0.01 * process.total.line.slope, 1)
    parts = [f"{name} {units.amount(b)}" for name, b in process.parts.items() if b >= least]
    return ", ".join(parts) or "nothing"


def slopes(run):
    """The table "What one more costs", or a sentence that says what the run lacks."""
    found = [*one_more.libraries(run), *one_more.relocations(run), *one_more.failed_opens(run),
             *(p.total for p in one_more.processes(run))]
    if not found:
        return ("this run has neither `load` cases with two numbers of libraries or relocations "
                "nor `share` cases with two numbers of processes")
    rows = [[m.what, m.cost, m.interval or "too few rounds",
             m.account_cost or "–", m.over, _straight(m)] for m in found]
    missing = [what for kind, what in (("library", "libraries"), ("relocation", "relocations"),
                                       ("failed open", "directories in RUNPATH"),
                                       ("process", "processes"))
               if not any(m.key[0] == kind for m in found)]
    note = ("Slopes of lines through the medians, of main_start_ns; for processes, of the memory "
            "that they hold together: file in the page cache, private dirty, page tables, rest of "
            "the PSS.")
    if any(m.account for m in found):
        note += (" The loader's own account (LD_DEBUG=statistics): loader_ns of a library, "
                 "relocation_ns of a relocation.")
    if any(m.key[0] == "relocation" for m in found):
        note += (" A relocation brings its part of the page faults on what it writes and on the "
                 "tables that it is read from.")
    if missing:
        note += f" Not measured at two counts: {', '.join(missing)}."
    return Table("What one more costs", note, ["one more", "costs", "95%", "loader's account",
                                               "measured over", "a straight line?"], rows)


def _straight(found):
    if len(found.line.sizes) == 2:
        return "only two points"
    return found.remark or "yes"


def dlopen(run):
    """The table of dlopen, or a sentence that says what the run lacks."""
    rows = run.select("dlopen", "dlopen_ns", ("libraries", "mode", "scope", "time"))
    if rows.empty or "axis.time" not in rows or "axis.mode" not in rows:
        return "this run has no `dlopen` cases with dlopen_ns"
    rows = rows.assign(scope=rows.get("axis.scope", ""), n=rows.get("axis.libraries", ""))
    times = [t for t in TIMES if (rows["axis.time"] == t).any()]
    lines = []
    for (n, mode, scope), group in sorted(rows.groupby(["n", "axis.mode", "scope"]),
                                          key=_dlopen_key):
        cells = [_dlopen_cell(run, group[group["axis.time"] == t]) for t in times]
        lines.append([f"{n} {'library' if n == '1' else 'libraries'}, {mode}, {scope}", *cells])
    rounds = units.many(sorted({int(r) for r in rows["rounds"]}), "round")
    note = ("Median of dlopen_ns, all libraries together, and page faults (minor; major if any); "
            f"{rounds} per case. lazy and now are RTLD_LAZY and RTLD_NOW, local and global "
            "RTLD_LOCAL and RTLD_GLOBAL.")
    return Table("dlopen", note, ["libraries, mode, scope", *(TIMES[t] for t in times)], lines)


def _dlopen_key(entry):
    (n, mode, scope), _ = entry
    return (int(n) if n.isdecimal() else 0, n,
            *(known.index(v) if v in known else len(known) for known, v in ((MODES, mode),
                                                                            (SCOPES, scope))))


def _dlopen_cell(run, rows):
    if rows.empty:
        return "–"
    row = rows.iloc[0]
    text = units.time(row.p50)
    minor, major = (run.quantity(row["name"], f"{kind}_faults") for kind in ("minor", "major"))
    if minor is not None:
        text += f", {units.whole(minor.quantile(0.5))} faults"
    if major is not None and major.quantile(0.5) > 0:
        text += f" and {units.whole(major.quantile(0.5))} major"
    return text


def tables(run):
    """(tables, sentences about what is missing) of the section on exec and libraries."""
    made = [slopes(run), dlopen(run)]
    return [t for t in made if isinstance(t, Table)], [t for t in made if isinstance(t, str)]
