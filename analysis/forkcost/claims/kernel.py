"""Claims: what the MMU and the kernel do."""

from forkcost import choose, units
from forkcost.claims.evidence import HOW_TO_GET, difference, plain, ratio
from forkcost.claims.sources import decide_by, remark
from forkcost.claims.verdict import (
    Claim, Missing, Picture, all_of, but, fails, holds, listed, many, none_of, number, own_cases,
    surely, times, untestable)

SLOWER = 1.1  # a write that takes up to this factor longer is not slower
REUSED = 0.8  # a write after the child's end that takes at most this share of a copying one
_SHARED = ("shared_bytes_before", "shared_bytes_after")


def gather_same_va(view):
    return {"page_bytes": view.run.page_size, **view.read(
        view.one(), ("pages", "equal_addresses", "shared_bytes_before", "shared_bytes_after"),
        ("equal_frames_before", "equal_frames_after"))}


def judge_same_va(e):
    """Holds if at the same addresses all frames are equal before the break and none after; a part
    that stays equal is the limit; all of it: not. Nothing shared before: not testable."""
    pages = e["pages"]
    found = decide_by(e, frames=("equal_frames_before", "equal_frames_after"), smaps=_SHARED)
    before, after = found.pages(e["page_bytes"])
    seen = (f"{'The same' if e['equal_addresses'] else 'Different'} addresses; of "
            f"{many(pages, 'page')} {number(before)} in common before, {number(after)} after"
            f"{remark(found)}.")
    if none_of(before, pages):
        return untestable(f"nothing was shared before the break: {seen}")
    if not e["equal_addresses"] or all_of(after, before):
        return fails(seen)
    return holds(seen) if none_of(after, pages) else but(
        f"{many(after, 'page')} stayed one frame", seen)


def gather_last_owner(view):
    """By backing: counts of the claim's own cases, and all of the parent's writes when the child is
    gone against those that copy (cow: alone against first)."""
    backings = {}
    for case in view.find():
        if case.benchmark == "claim":
            backings[case.axes.get("backing", "")] = view.read(
                case, ("pages", "faults"), ("new_frames", "write_ns"))
    alone, first = (_writes(view, state, "debt_ns") for state in ("alone", "first"))
    for backing, size in sorted(alone.keys() & first.keys()):  # ascending: the largest stays
        case, pages = alone[backing, size], size // view.run.page_size
        debt = case.quantities["debt_ns"]
        backings.setdefault(backing, {})["cow"] = {
            "pages": pages, **view.read(case, (), ("faults",)),
            "ns_per_page": float(debt.quantile(0.5)) / pages,
            **ratio(debt, first[backing, size].quantities["debt_ns"])}
    backings = {b: f for b, f in backings.items() if "new_frames" in f or "cow" in f}
    if view.run.base not in backings:
        raise Missing(view.why_not() if not view.run.cases else
                      f"neither frames nor times of {view.run.base} pages after the child's end: "
                      f"{HOW_TO_GET}")
    return {"base": view.run.base, "backings": backings}


def _writes(view, state, quantity):
    """(backing, heap bytes) -> the case of the parent's writes in a state that has a quantity."""
    return {(c.axes.get("backing"), c.heap_bytes): c for c in view.find(
        writer="parent", state=state, access="write")
        if c.benchmark == "cow" and c.heap_bytes and quantity in c.quantities}


def _reused(figures):
    """By new frames where they can be read, else by time: at most 0.8 of a write that copies."""
    if "new_frames" in figures:
        return none_of(figures["new_frames"], figures["pages"])
    return surely(figures["cow"]) <= REUSED


def judge_last_owner(e):
    """Reused: no new frame (frames hidden or not counted: the write takes at most 0.8 of the time
    of one that copies). Holds if all backings reuse; if base pages do, the others are the limit; if
    base pages do not, it does not hold. That a reuse still costs a fault stands in the evidence."""
    words, bars = [], []
    for backing, f in e["backings"].items():
        said = []
        if "new_frames" in f:
            said.append(f"{many(f['faults'], 'fault')} and {many(f['new_frames'], 'new frame')} "
                        f"for {many(f['pages'], 'page')}")
        if "write_ns" in f:
            said.append(f"{units.time(f['write_ns'])} a page")
        if "cow" in f:
            cow = f["cow"]
            faults = f" by {many(cow['faults'], 'fault')}" if "faults" in cow else ""
            said.append(f"over {many(cow['pages'], 'page')}{faults} "
                        f"{units.time(cow['ns_per_page'])} each, {times(cow)} of a copying write"
                        + ("" if "new_frames" in f else " (no frames: by times)"))
            bars += [(f"{backing}, reuse", cow["ns_per_page"]),
                     (f"{backing}, copy", cow["ns_per_page"] / cow["ratio"])]
        words.append(f"{backing}: {', '.join(said)}")
    seen = f"Writes after the child's end; {'; '.join(words)}."
    picture = Picture(tuple(bars), "ns") if bars else None
    copied = [b for b, f in e["backings"].items() if not _reused(f)]
    if e["base"] in copied:
        return fails(seen, picture)
    return but(f"copied all the same: {listed(copied)}", seen, picture) if copied else \
        holds(seen, picture)


def gather_debt(view):
    """touch_ns of the parent's writes: first with the child alive, again, and first with the child
    gone, at the one size (256 MiB if there) that the first two were measured at. A second write
    without a fault is shorter than a stamp: it counts as one."""
    states = {state: {size: c for (backing, size), c in _writes(view, state, "touch_ns").items()
                      if backing == view.run.base} for state in ("first", "second", "alone")}
    for state in ("first", "second"):
        if not states[state]:
            raise Missing(view.why_not(state=state) if not view.find(state=state) else
                          f"no touch_ns of base pages in state {state}")
    common = states["first"].keys() & states["second"].keys()
    if not common:
        raise Missing("first and second writes were not measured at the same size")
    size = choose.middle(common)
    touch = {state: by_size[size].quantities["touch_ns"] for state, by_size in states.items()
             if size in by_size}
    stamp = float(view.run.context.get("clock", {}).get("stamp_cost_ns", 1))
    found = {"pages": size // view.run.page_size, "stamp_ns": stamp,
             "first_against_second": ratio(touch["first"], touch["second"], floor=stamp),
             **view.read(states["first"][size], (), ("faults", "debt_ns"))}
    return found | {f"{state}_ns": float(q.quantile(0.5)) for state, q in touch.items()}


def judge_debt(e):
    """Holds if the parent's first write to a page surely takes more than 1.1 times a second one
    (interval), and every page faults (where counted); a limit if only some pages do; not, if it is
    not slower."""
    second = units.time(e["second_ns"])
    if e["second_ns"] < e["stamp_ns"]:
        second = f"less than the {units.time(e['stamp_ns'])} of a stamp"
    seen = (f"Parent's write to a page with the child alive: {units.time(e['first_ns'])}, once "
            f"more: {second} ({times(e['first_against_second'])})")
    bars = [("first", e["first_ns"]), ("second", max(e["second_ns"], e["stamp_ns"]))]
    if "alone_ns" in e:
        seen += f"; first with the child gone: {units.time(e['alone_ns'])}"
        bars.insert(1, ("child gone", e["alone_ns"]))
    if "faults" in e:
        seen += f"; {many(e['faults'], 'fault')} for {many(e['pages'], 'page')}"
    if "debt_ns" in e:
        seen += f", {units.time(e['debt_ns'])} in all"
    seen += "."
    picture = Picture(tuple(bars), "ns")
    if surely(e["first_against_second"]) <= SLOWER:
        return fails(seen, picture)
    if "faults" in e and not all_of(e["faults"], e["pages"]):
        return but(f"only {many(e['faults'], 'page')} of {number(e['pages'])} take a fault", seen,
                   picture)
    return holds(seen, picture)


def gather_exec_ends(view):
    return {"page_bytes": view.run.page_size, **view.read(
        view.one(), ("pages", "parent_faults", "shared_bytes_before", "shared_bytes_after"),
        ("mapped_twice_before", "mapped_twice_after", "new_frames"))}


def judge_exec_ends(e):
    """Pages mapped twice (map counts; where they cannot be read, shared memory by smaps). Holds if
    none is after the child's exec and the parent's writes bring no new frame; pages that stay
    shared are a limit up to all of them, and copies by the parent refute. Nothing shared before:
    not testable."""
    pages = e["pages"]
    found = decide_by(e, frames=("mapped_twice_before", "mapped_twice_after"), smaps=_SHARED)
    before, after = found.pages(e["page_bytes"])
    how = remark(found, hidden="map counts cannot be read here")
    copied = e.get("new_frames", 0)
    seen = (f"Of {many(pages, 'page')} {number(before)} are mapped twice before the exec, "
            f"{number(after)} after{how}; the parent's writes then take "
            f"{many(e['parent_faults'], 'fault')}"
            + (f" and {many(copied, 'new frame')}" if "new_frames" in e else "") + ".")
    if none_of(before, pages):
        return untestable(f"nothing was shared before the exec: {seen}")
    if all_of(after, before) or not none_of(copied, pages):
        return fails(seen)
    return holds(seen) if none_of(after, pages) else but(
        f"{many(after, 'page')} stay shared", seen)


def gather_switch(view):
    """`in_common`: between -> whether a word that one side wrote is seen by the other after the
    hand-over. `sets`: per primitive and pages touched, the hand-over between threads, and how much
    more it takes between forked and between exec'ed processes."""
    common, by_set = {}, {}
    for case in view.find():
        between = case.axes.get("between")
        if "memory_in_common" in case.quantities:
            seen = plain(case.quantities["memory_in_common"].quantile(0.5))
            common[between] = max(common.get(between, 0), seen)
        if "handover_ns" in case.quantities:
            key = (case.axes.get("by", ""), case.axes.get("touch", ""))
            by_set.setdefault(key, {})[between] = case.quantities["handover_ns"]
    if "threads" not in common or not {"forked", "exec"} & common.keys():
        raise Missing(view.why_not(between="forked" if "threads" in common else "threads"))
    sets = []
    for (by, touch), found in sorted(by_set.items()):
        kinds = [kind for kind in ("forked", "exec") if kind in found]
        if "threads" in found and kinds:
            sets.append({"by": by, "touch": touch,
                         "threads_ns": float(found["threads"].quantile(0.5)),
                         **{kind: {"ns": float(found[kind].quantile(0.5)),
                                   **difference(found[kind], found["threads"])}
                            for kind in kinds}})
    return {"in_common": common, "sets": sets}


def _costs_more(found, threads_ns):
    """Whether a hand-over surely takes longer: the difference's interval is above 0; without an
    interval, more than 5% of the threads' time."""
    if "low" in found:
        return found["low"] > 0
    return found["difference"] > 0.05 * max(threads_ns, 1)


def judge_switch(e):
    """The tables are others if after the hand-over one virtual address means other memory: what one
    side wrote is not seen by the other. Holds if it is so between processes and between threads
    too; if threads see it, they are the limit; if processes see it, it does not hold. What it costs
    is said, and decides nothing: it may be too little to be seen."""
    processes = [kind for kind in ("forked", "exec") if kind in e["in_common"]]
    same = [kind for kind in ("threads", *processes) if e["in_common"][kind]]
    slower, alike, words = [], [], []
    for group in e["sets"]:
        where = f"{group['by']}, {group['touch']} pages touched"
        said = [f"threads {units.time(group['threads_ns'])}"]
        for kind in ("forked", "exec"):
            if kind in group:
                found = group[kind]
                said.append(f"{kind} {units.time(found['ns'])}")
                more = _costs_more(found, group["threads_ns"])
                (slower if more else alike).append(f"{kind} ({where})")
        words.append(f"{where}: {', '.join(said)}")
    seen = (f"What one side writes, the other sees: {listed(same) if same else 'in no case'}; not: "
            f"{listed(k for k in ('threads', *processes) if k not in same) or 'none'}.")
    if words:
        seen += f" Hand-over, {'; '.join(words)}: " + (
            "no sure difference between processes and threads." if not slower else
            f"no sure difference for {listed(alike)}." if alike else
            "more between processes everywhere.")
    picture = None
    if e["sets"]:
        first = e["sets"][0]
        picture = Picture((("threads", first["threads_ns"]), *(
            (kind, first[kind]["ns"]) for kind in ("forked", "exec") if kind in first)), "ns")
    if set(processes) & set(same):
        return fails(seen, picture)
    if "threads" in same:
        return but("between processes; threads of one process keep theirs", seen, picture)
    return holds(seen, picture)


CLAIMS = (
    Claim("same-va", "After the break, one virtual address means two frames in two processes",
          own_cases("same-va"), gather_same_va, judge_same_va),
    Claim("last-owner", "When a page is mapped by one process only, it becomes writable again "
          "without a copy", own_cases("last-owner") + (
              "cow(?:/state:alone)?/heap:",),
          gather_last_owner, judge_last_owner),
    Claim("parent-debt", "Forking makes the parent's own next write to every page slow",
          ("cow(?:/state:(?:second|alone))?/heap:[^/]+$",), gather_debt, judge_debt),
    Claim("exec-ends-sharing", "exec frees the child's share: afterwards nothing is shared any "
          "more", own_cases("exec-ends-sharing"), gather_exec_ends, judge_exec_ends),
    Claim("switch-tables", "A context switch changes the page tables in use", ("switch/",),
          gather_switch, judge_switch),
)
