"""Claims: what the calls cost: fork, vfork, posix_spawn."""

import errno

from forkcost import choose, units
from forkcost.claims.evidence import HOW_TO_GET, ratio
from forkcost.claims.verdict import (
    Claim, Missing, Picture, all_of, amount, but, fails, holds, listed, many, none_of, number,
    own_cases, surely, times, untestable)

NEGLIGIBLE = 1.1  # a factor up to which a gain is negligible
LARGE = 10  # times the smallest process' fork: no longer light
HOW_TO_TRY = ("not in this run: as root FORKCOST_CHANGE_SETTINGS=1 forkcost-run --preset full "
              "--filter big-parent-enomem")
PLACED = "(?:/placement:[^/]+)?$"  # and on base pages, which no name has


def gather_light(view):
    """The line of fork's blocked_ns over mapped pages, all sizes; needs two sizes above 0."""
    series = choose.calls(view.run)
    rows = [] if series is None else series.path("fork")
    if not len(rows):
        raise Missing(view.why_not())
    line = series.line("fork")
    if line is None:
        raise Missing(f"one size of the process only, and a slope needs two above 0: {HOW_TO_GET}")
    first, last = rows.iloc[0], rows.iloc[-1]
    page = view.run.page_size
    found = {"smallest_bytes": int(first.heap_bytes), "smallest_ns": float(first.p50),
             "largest_bytes": int(last.heap_bytes), "largest_ns": float(last.p50),
             "rises": int(line.rises), "ns_per_page": line.slope * page}
    if line.slope_interval:
        found |= {"ns_per_page_low": float(line.slope_interval[0]) * page,
                  "ns_per_page_high": float(line.slope_interval[1]) * page}
    if line.rises and line.breaks_at:
        found["not_straight_at_bytes"] = line.breaks_at
    passes = line.passes(1e6)
    return found if passes is None else found | {"passes_1ms_bytes": float(passes)}


def judge_light(e):
    """Nobody writes yet while the caller is blocked, so light means: whatever the size. Holds if
    no growth with the number of mapped pages is seen. If fork of the largest process takes 10
    times that of the smallest or more, it does not hold; if it grows less, the largest size is the
    limit up to which it was seen. The size at which 1 ms is passed is for the reader: it does not
    decide, being a property of one machine."""
    factor = e["largest_ns"] / e["smallest_ns"]
    seen = (f"fork blocks {units.time(e['smallest_ns'])} {_at(e['smallest_bytes'])}, "
            f"{units.time(e['largest_ns'])} {_at(e['largest_bytes'])} ({units.factor(factor)})")
    if e["rises"]:
        seen += f"; {units.number(e['ns_per_page'])} ns per mapped page"
        if "ns_per_page_low" in e:
            seen += (f" (95% {units.number(e['ns_per_page_low'])}–"
                     f"{units.number(e['ns_per_page_high'])})")
        if "not_straight_at_bytes" in e:
            seen += f", not one straight line at {units.size(e['not_straight_at_bytes'])}"
        if "passes_1ms_bytes" in e:
            seen += (f"; it passes {units.time(1e6, 1)} at {units.size(e['passes_1ms_bytes'], 2)}"
                     if e["passes_1ms_bytes"] else "; it always takes more than 1 ms")
    picture = Picture(((_label(e["smallest_bytes"]), e["smallest_ns"]),
                       (_label(e["largest_bytes"]), e["largest_ns"])), "ns")
    if not e["rises"]:
        return holds(f"{seen}; no growth with the size is seen.", picture)
    if factor >= LARGE:
        return fails(f"{seen}.", picture)
    return but(f"it grows with the mapped pages; seen up to {units.size(e['largest_bytes'])}",
               f"{seen}.", picture)


def _at(n_bytes):
    return "in an empty process" if n_bytes == 0 else f"at {units.size(n_bytes)}"


def _label(n_bytes):
    return "empty" if n_bytes == 0 else units.size(n_bytes)


def gather_useless(view):
    """fork's time to main divided by vfork's, and both callers' blocked time, by size."""
    series = choose.spawns(view.run)
    if series is None:
        raise Missing(view.why_not())
    for path in ("fork", "vfork"):
        if series.path(path).empty:
            raise Missing(view.why_not(path=path))
    sizes = []
    for size in series.sizes:
        rows = [series.at(path, size) for path in ("fork", "vfork")]
        if any(row is None for row in rows):
            continue
        figures = {"bytes": size}
        for path, row in zip(("fork", "vfork"), rows):
            figures[f"{path}_main_ns"] = float(row.p50)
            blocked = series.also("blocked_ns", row)
            if blocked is not None:
                figures[f"{path}_blocked_ns"] = float(blocked.p50)
        sizes.append(figures | ratio(*(view.run.quantity(row["name"], "main_start_ns")
                                       for row in rows)))
    if not sizes:
        raise Missing("fork and vfork were not measured at the same size")
    return {"image": series.fixed.get("image", ""), "sizes": sizes}


def judge_useless(e):
    """What vfork gains is the time until the new program's main runs. Holds if fork takes at most
    1.1 times as long at every size (by the interval's end nearer to 1); does not, if at some size
    it takes twice as long; between the two the sizes with a gain are the limit."""
    by_size = [(row, surely(row)) for row in e["sizes"]]
    last = by_size[-1][0]
    ends = (by_size[0], by_size[-1])[-len(by_size):]
    seen = "fork's time until main of the new program, divided by vfork's: " + ", ".join(
        f"{times(row)} {_at(row['bytes'])}" for row, _ in ends)
    if "fork_blocked_ns" in last and "vfork_blocked_ns" in last:
        seen += (f"; the caller is blocked {units.time(last['fork_blocked_ns'])} against "
                 f"{units.time(last['vfork_blocked_ns'])} there (vfork's waits for the exec)")
    seen += "."
    picture = Picture(tuple((f"{path}, {_label(row['bytes'])}", row[f"{path}_main_ns"])
                            for row, _ in ends
                            for path in ("fork", "vfork")), "ns")
    gains = [(row, factor) for row, factor in by_size if factor > NEGLIGIBLE]
    if not gains:
        return holds(seen, picture)
    if max(factor for _, factor in gains) >= 2:
        small = [_label(row["bytes"]) for row, factor in by_size if factor <= NEGLIGIBLE]
        return fails(f"{seen}{f' Negligible only: {listed(small)}.' if small else ''}", picture)
    return but("a gain " + listed(f"{times(row)} {_at(row['bytes'])}" for row, _ in gains), seen,
               picture)


def gather_why(view):
    return {path: view.read(view.one(path=path), ("pages", "parent_faults_after"), (
        "child_faults_before_exec", "table_bytes_copied", "blocked_cpu_ns", "main_start_ns"))
        for path in ("fork", "vfork")}


def judge_why(e):
    """By counts. Marked: the parent faults on all pages when it writes after the exec. Holds if
    fork marks them and vfork marks none and copies no table. If fork marks only a part, that is the
    limit; if it marks none, or vfork does too, it does not hold. Where the kernel does not tell
    whose tables a child has, the marks decide alone."""
    seen = "; ".join(
        f"{path}: {number(f['parent_faults_after'])} faults of the parent on "
        f"{many(f['pages'], 'page')}"
        + (f", {amount(f['table_bytes_copied'])} of page tables copied"
           if "table_bytes_copied" in f else "")
        + (f", {units.time(f['blocked_cpu_ns'])} of CPU time" if "blocked_cpu_ns" in f else "")
        for path, f in e.items()) + "."
    fork, vfork = e["fork"], e["vfork"]
    picture = Picture(tuple((path, f["parent_faults_after"]) for path, f in e.items()), "1")
    spared = none_of(vfork["parent_faults_after"], vfork["pages"]) and not vfork.get(
        "table_bytes_copied")
    if not spared or none_of(fork["parent_faults_after"], fork["pages"]):
        return fails(seen, picture)
    if not all_of(fork["parent_faults_after"], fork["pages"]):
        return but(f"fork marks only {number(fork['parent_faults_after'])} of "
                   f"{many(fork['pages'], 'page')}", seen, picture)
    return holds(seen, picture)


def gather_enomem(view):
    """Outcomes by path, vm.overcommit_memory and size."""
    rows = []
    for case in view.find():
        row = view.read(case, ("succeeded", "mapping_bytes"), ("error",))
        size = row.pop("mapping_bytes")
        rows.append({"path": case.axes.get("path", ""),
                     "overcommit": case.axes.get("overcommit", ""),
                     "mapping": units.size(size),
                     "bytes": size, **row})
    if not any(row["path"] == "fork" for row in rows):
        raise Missing(view.why_not(path="fork"))
    refused = [why for name, why in view.untested.items() if "/overcommit:2" in name]
    found = {"rows": sorted(rows, key=lambda r: (r["overcommit"], r["bytes"], r["path"]))}
    return found | ({"not_tried": refused[0]} if refused else {})


def judge_enomem(e):
    """The claim is about fork: it must have been refused with ENOMEM. In every tested mode of
    vm.overcommit_memory (two or more): holds; in some modes: those are the limit; never: not,
    if mode 2, the strict one, was tested, and not testable otherwise."""
    forks = [row for row in e["rows"] if row["path"] == "fork"]
    modes = sorted({row["overcommit"] for row in forks})
    died = [row for row in forks if not row["succeeded"] and row.get("error") == errno.ENOMEM]
    seen = "; ".join(f"overcommit_memory {mode}: {_outcomes(e['rows'], mode)}"
                     for mode in modes) + "."
    if not died:
        if "2" not in modes:
            return untestable("vm.overcommit_memory 2 was not tried ("
                              f"{e.get('not_tried', HOW_TO_TRY)}); {seen}")
        return fails(seen)
    where = sorted({row["overcommit"] for row in died})
    if where == modes and len(modes) > 1:
        return holds(seen)
    limit = (f"with vm.overcommit_memory {modes[0]}, the only mode tested" if len(modes) == 1 else
             f"only with vm.overcommit_memory {listed(where)}, of {listed(modes)} tested")
    return but(limit + _spared(e["rows"], where), seen)


def _spared(rows, modes):
    """`; vfork and posix_spawn are not refused`: where fork is."""
    refused = {row["path"]: False for row in rows if row["overcommit"] in modes}
    for row in rows:
        if row["overcommit"] in modes and not row["succeeded"]:
            refused[row["path"]] = True
    paths = [path for path, no in refused.items() if not no]
    return f"; {listed(paths)} {'is' if len(paths) == 1 else 'are'} not refused" if paths else ""


def _outcomes(rows, mode):
    """`fork fails from 1GiB (ENOMEM), posix_spawn and vfork succeed up to 1GiB`."""
    paths = {}
    for path in dict.fromkeys(row["path"] for row in rows):
        tried = [row for row in rows if row["path"] == path and row["overcommit"] == mode]
        failed = [row for row in tried if not row["succeeded"]]
        if failed:
            code = failed[0].get("error")
            name = errno.errorcode.get(code, "no errno" if code is None else f"errno {code}")
            paths.setdefault(f"refused from {failed[0]['mapping']} on ({name})", []).append(path)
        elif tried:
            paths.setdefault(f"done up to {tried[-1]['mapping']}", []).append(path)
    return ", ".join(f"{listed(which)} {what}" for what, which in paths.items())


CLAIMS = (
    Claim(
        "fork-light", "fork is extremely lightweight until somebody writes",
        (f"fork/path:fork/heap:[^/]+{PLACED}",), gather_light, judge_light),
    Claim(
        "vfork-useless", "vfork is useless nowadays, its gain negligible",
        ("spawn/path:v?fork/image:(?:nolibc|dynamic)/",), gather_useless, judge_useless),
    Claim(
        "vfork-why", "vfork's point is not to mark a large address space COW and undo it at exec",
        own_cases("vfork-why"), gather_why, judge_why),
    Claim(
        "big-parent-enomem", "A large process (a JVM, say) that forks a small command dies of \"Cannot "
        "allocate memory\"", own_cases("big-parent-enomem"), gather_enomem, judge_enomem),
)
