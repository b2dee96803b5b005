"""Claims: fork and the heap: what is shared, what is copied, and when."""

from forkcost import units
from forkcost.claims.evidence import HOW_TO_GET
from forkcost.claims.sources import FAULTS, FRAMES, Found, decide_by, remark
from forkcost.claims.verdict import (
    Claim, Missing, Picture, all_of, amount, but, fails, holds, listed, many, none_of, number,
    own_cases, untestable)

MUCH = 0.05  # share of the heap that is more than "nothing much"
REGIONS = ("heap", "stack", "data", "bss", "library")


def gather_not_copied(view):
    return {"page_bytes": view.run.page_size,
            **view.read(view.one(), ("pages", "faults", "copied_bytes"), ("equal_frames",))}


def judge_not_copied(e):
    """After both read everything: holds if all frames are equal (else: nothing copied by smaps)
    and reading took no fault; with the faults as limit; not if a page was copied."""
    found = decide_by(e, frames="equal_frames", smaps="copied_bytes")
    [pages] = found.pages(e["page_bytes"])
    if found.source == FRAMES:
        copied = not all_of(pages, e["pages"])
        seen = f"{number(pages)} of {many(e['pages'], 'page')} are the same frame"
    else:
        copied = not none_of(pages, e["pages"])
        seen = (f"{amount(found.value)} of {amount(e['pages'] * e['page_bytes'])} are copied"
                f"{remark(found)}")
    seen = f"Parent and child read everything: {seen}, {many(e['faults'], 'fault')}."
    if copied:
        return fails(seen)
    return holds(seen) if none_of(e["faults"], e["pages"]) else but(
        "nothing is copied, but reading takes faults", seen)


def gather_pagewise(view):
    rows = []
    for case in view.find():
        if case.axes.get("written", "").isdigit():
            rows.append({"backing": case.axes.get("backing", ""), "written": int(
                case.axes["written"]), **view.read(case, ("copied_bytes",), ("faults",
                                                                            "new_frames"))})
    if not any(row["backing"] == view.run.base for row in rows):
        raise Missing(view.why_not(backing=view.run.base))
    return {"base": view.run.base, "page_bytes": view.run.page_size, "rows": rows}


def judge_pagewise(e):
    """Per backing: base pages copied for k pages written (new frames, else private dirty memory of
    the child). Base pages: exactly k, else it does not hold. Other backings that copy more are the
    limit; one where smaps shows no copy (hugetlb) is not seen without frames."""
    copied, single, sources = {}, {}, []
    for row in e["rows"]:
        found = decide_by(row, frames="new_frames", smaps="copied_bytes")
        sources.append(found)
        [n] = found.pages(e["page_bytes"])
        if n or found.source == FRAMES or row["backing"] == e["base"]:
            copied.setdefault(row["backing"], {})[row["written"]] = n
    for backing, by_written in copied.items():
        single[backing] = by_written[min(by_written)]
    words = "; ".join(f"{backing}: " + ", ".join(
        f"{number(n)} for {number(k)}" for k, n in sorted(by_written.items()))
        for backing, by_written in copied.items())
    seen = f"Base pages copied for pages written: {words}{remark(*sources)}."
    picture = Picture(tuple((f"{backing}, {min(copied[backing])} written", n)
                            for backing, n in single.items()), "1")
    if any(not (all_of(n, k) and none_of(n - k, k)) for k, n in copied[e["base"]].items()):
        return fails(seen, picture)
    larger = [f"{backing} ({number(max(n / k for k, n in by_written.items()))} for 1)"
              for backing, by_written in copied.items()
              if any(n > k and not none_of(n - k, k) for k, n in by_written.items())]
    if larger:
        return but(f"more than one base page at a time: {listed(larger)}", seen, picture)
    return holds(seen, picture)


def gather_everything(view):
    found = {}
    for region in REGIONS:
        for case in view.find(region=region)[:1]:
            found[region] = view.read(case, ("faults",), ("equal_frames_before", "new_frames"))
    if not found.keys() - {"heap"}:
        raise Missing(view.why_not() if view.untested or not view.run.cases else
                      f"no region but the heap was measured: {HOW_TO_GET}")
    return found


def judge_everything(e):
    """A region is covered if the page was the same frame before and one write brings one new frame
    (where frames are hidden: a fault). All REGIONS: holds; some: those that are not, and those that
    were not measured, are the limit; none: not. The heap alone decides nothing: the claim is about
    the others."""
    copies = {r: decide_by(f, frames="new_frames", faults="faults") for r, f in e.items()}
    covered = [r for r, f in e.items() if f.get("equal_frames_before", 1) >= 1
               and copies[r].value >= 1]
    seen = "One page written: " + ", ".join(
        f"{region} {many(f['faults'], 'fault')}" + (
            f" and {many(f['new_frames'], 'new frame')}" if "new_frames" in f else "")
        for region, f in e.items()) + f"{remark(*copies.values())}."
    if set(e) == {"heap"}:
        return untestable("no region but the heap was measured")
    if not covered:
        return fails(seen)
    lacking = [r for r in e if r not in covered]
    absent = [r for r in REGIONS if r not in e]
    limits = [f"{words} {listed(found)}" for words, found in (
        ("not seen for", lacking), ("not measured for", absent)) if found]
    return but("; ".join(limits), seen) if limits else holds(seen)


def gather_grandchild(view):
    return {"page_bytes": view.run.page_size, **view.read(
        view.one(), ("pages", "grandchild_faults", "parent_child_shared_bytes"),
        ("parent_child_equal_frames", "grandchild_new_frames"))}


def judge_grandchild(e):
    """The grandchild has written everything. Holds if parent and child still have all frames in
    common and the grandchild has a new one for each page (frames hidden: smaps and faults)."""
    pages = e["pages"]
    sources = (decide_by(e, frames="parent_child_equal_frames", smaps="parent_child_shared_bytes"),
               decide_by(e, frames="grandchild_new_frames", faults="grandchild_faults"))
    (shared,), (own,) = (found.pages(e["page_bytes"]) for found in sources)
    seen = (f"Of {many(pages, 'page')} parent and child share {number(shared)}, the grandchild has "
            f"{number(own)} of its own{remark(*sources)}.")
    return holds(seen) if all_of(shared, pages) and all_of(own, pages) else fails(seen)


def gather_zero(view):
    return {"page_bytes": view.run.page_size, **view.read(
        view.one(), ("pages", "read_faults", "read_rss_bytes", "write_faults", "write_rss_bytes"),
        ("distinct_frames", "present_pages", "new_frames"))}


def judge_zero(e):
    """Holds if after reading all pages are there in one frame and writing brings a new one for each
    (frames hidden: reading adds no RSS, writing all of it). Several zero pages (coloured ones, huge
    ones), up to one for eight pages, are a limit. Else not."""
    pages, size = e["pages"], e["pages"] * e["page_bytes"]
    read = decide_by(e, frames="distinct_frames", smaps="read_rss_bytes")
    by_frames, frames = read.source == FRAMES, read.value
    if by_frames:
        there = all_of(e.get("present_pages", pages), pages)
        one, few = there and frames == 1, there and 0 < frames <= pages / 8
    else:
        one, few = none_of(read.value, size), False
    written = decide_by(e, frames="new_frames", smaps=("read_rss_bytes", "write_rss_bytes"))
    copies = (all_of(written.value, pages) if written.source == FRAMES else
              all_of(written.values[1] - written.values[0], size))
    seen = (f"Reading {many(pages, 'page')}: "
            + (f"{many(frames, 'different frame')}, " if by_frames else "")
            + (f"{many(e['present_pages'], 'page')} there, " if "present_pages" in e else "")
            + f"{many(e['read_faults'], 'fault')}, {amount(e['read_rss_bytes'])} of RSS; writing: "
            + (f"{many(e['new_frames'], 'new frame')}, " if "new_frames" in e else "")
            + f"{many(e['write_faults'], 'fault')}, {amount(e['write_rss_bytes'])}")
    seen += f"{remark(read)}."
    picture = Picture((("read", e["read_rss_bytes"]), ("written", e["write_rss_bytes"])), "bytes")
    if copies and one:
        return holds(seen, picture)
    if copies and few:
        return but(f"{many(frames, 'zero page')}, not one", seen, picture)
    return fails(seen, picture)


def judge_data(e):
    """Holds if the page is the page cache's frame before the write, not after, and the write
    faults (frames hidden: no private dirty memory before, some after)."""
    dirty = (f"private dirty {amount(e['private_dirty_before_bytes'])} before the write, "
             f"{amount(e['private_dirty_after_bytes'])} after, {many(e['faults'], 'fault')}")
    found = decide_by(e, frames=("frame_is_page_cache_before", "frame_is_page_cache_after"),
                   smaps=("private_dirty_before_bytes", "private_dirty_after_bytes"))
    if found.source == FRAMES:
        before, after = (value == 1 for value in found.values)
        seen = (f"The page cache's frame before the write: {_yes(before)}, after: {_yes(after)}; "
                f"{dirty}.")
    else:
        before, after = (value == 0 for value in found.values)
        seen = f"{dirty[0].upper()}{dirty[1:]}{remark(found)}."
    return holds(seen) if before and not after and e["faults"] >= 1 else fails(seen)


def _yes(fact):
    return "yes" if fact else "no"


def gather_shell_out(view):
    return {name: view.read(view.one(writers=writers), ("pages", "child_faults_before_exec"),
                            ("parent_copied_pages", "parent_faults"))
            for name, writers in (("idle", "0"), ("writing", "1"))}


def judge_shell_out(e):
    """Copied between fork and exec: by the parent, and at most as many pages by the child as it
    faults. At most 5% of the pages is nothing much. Holds if so with an idle and with a writing
    parent; if only with an idle one, that is the limit; if not even then, not. Where frames are
    hidden a parent that writes copies at most as many as it faults (more than 5% is a limit then,
    not a refutation), and one that does not is not seen."""
    copied, said, sources = {}, [], []
    for who, f in e.items():
        # Of a parent that does not write no faults are counted.
        found = decide_by(f, frames="parent_copied_pages",
                          faults="parent_faults") or Found(FAULTS, (0,))
        sources.append(found)
        copied[who] = found.value + f["child_faults_before_exec"]
        parent = (number(found.value) if found.source == FRAMES else
                  f"at most {number(found.value)}" if "parent_faults" in f else "not seen")
        said.append(f"{who} parent of {many(f['pages'], 'page')}: its copies until exec {parent}, "
                    f"its child's at most {number(f['child_faults_before_exec'])}")
    seen = "; ".join(said)
    hidden = remark(*sources)
    seen = f"{seen[0].upper()}{seen[1:]}{hidden}."
    much = {who: copied[who] > MUCH * f["pages"] for who, f in e.items()}
    picture = Picture(tuple((f"{who} parent", n) for who, n in copied.items()), "1")
    if much["idle"]:
        return fails(seen, picture)
    if much["writing"]:
        share = units.percent(copied["writing"] / e["writing"]["pages"])
        share = f"up to {share}" if hidden else share
        return but(f"a parent whose threads keep writing copies {share} of its pages", seen,
                   picture)
    return holds(seen, picture)


def gather_gc(view):
    found = {marks: view.read(view.one(marks=marks), ("pages", "copied_pages"),
                              ("objects", "private_dirty_bytes", "pss_bytes"))
             for marks in ("in-place", "bitmap")}
    return found


def judge_gc(e):
    """Marks in the objects copy more than nine tenths of the pages: the claim holds; more than 5%:
    with that share as limit; less: not. If marks in a bitmap beside the heap copy at most 5%, that
    is the limit: it depends on where the marks are."""
    share = {m: f["copied_pages"] / f["pages"] for m, f in e.items()}
    seen = "; ".join(
        f"{marks}: {number(f['copied_pages'])} of {many(f['pages'], 'page')} copied"
        + (f", PSS {amount(f['pss_bytes'])}" if "pss_bytes" in f else "")
        for marks, f in e.items())
    seen = f"A child marks every object; {seen}."
    picture = Picture(tuple((marks, f["copied_pages"]) for marks, f in e.items()), "1")
    if share["in-place"] <= MUCH:
        return fails(seen, picture)
    limits = []
    if share["in-place"] <= 0.9:
        limits.append(f"only {units.percent(share['in-place'])} of the pages")
    if share["bitmap"] <= MUCH:
        limits.append("not with the marks in a bitmap beside the heap "
                      f"({number(e['bitmap']['copied_pages'])} pages)")
    return but("; ".join(limits), seen, picture) if limits else holds(seen, picture)


def gather_bomb(view):
    return {does: view.read(view.one(does=does), ("private_dirty_bytes", "page_table_bytes"),
                            ("pss_bytes", "work_ns")) for does in ("sleep", "write")}


def judge_bomb(e):
    """Memory that N children cost: private dirty pages and page tables. Ten times as much by
    writing as by sleeping: holds; at least twice: with the price of sleeping as limit; less: not.
    """
    cost = {does: f["private_dirty_bytes"] + f["page_table_bytes"] for does, f in e.items()}
    factor = cost["write"] / max(cost["sleep"], 1)
    seen = "; ".join(
        f"{does}: private dirty {amount(f['private_dirty_bytes'])}, page tables "
        f"{amount(f['page_table_bytes'])}" + (
            f", {units.time(f['work_ns'])}" if "work_ns" in f else "") for does, f in e.items())
    seen = f"All children together, {seen}; {units.factor(factor)} the memory."
    picture = Picture((("sleep", cost["sleep"]), ("write", cost["write"])), "bytes")
    if factor >= 10:
        return holds(seen, picture)
    if factor >= 2:
        return but(f"children that only sleep cost {amount(cost['sleep'])} too", seen, picture)
    return fails(seen, picture)


CLAIMS = (
    Claim(
        "heap-not-copied", "fork does not copy the heap; while both only read, nothing is copied",
        own_cases("heap-not-copied"), gather_not_copied, judge_not_copied),
    Claim(
        "heap-pagewise", "What is copied is one page at a time, only when written",
        own_cases("heap-pagewise"), gather_pagewise, judge_pagewise),
    Claim(
        "heap-everything", "COW covers stack, .data, .bss and libraries, not only the heap",
        own_cases("heap-everything"), gather_everything, judge_everything),
    Claim(
        "heap-grandchild", "When only a grandchild writes, parent and child still share; only the "
        "grandchild has a copy", own_cases("heap-grandchild"), gather_grandchild, judge_grandchild),
    Claim(
        "zero-page", "Reading untouched memory maps one zero page; writing it copies",
        own_cases("zero-page"), gather_zero, judge_zero),
    Claim(
        "data-cow", "Initialised data is mapped COW from the file itself", own_cases("data-cow"),
        lambda view: view.read(view.one(), (
            "faults", "private_dirty_before_bytes", "private_dirty_after_bytes"),
            ("frame_is_page_cache_before", "frame_is_page_cache_after")), judge_data),
    Claim(
        "shell-out-copies", "Shelling out execs at once, so nothing much is copied",
        own_cases("shell-out-copies"), gather_shell_out, judge_shell_out),
    Claim(
        "gc-dirties", "A garbage collector or reference counts unshare the heap by themselves",
        own_cases("gc-dirties"), gather_gc, judge_gc),
    Claim(
        "fork-bomb", "Cost explodes only when the children write", own_cases("fork-bomb"), gather_bomb,
        judge_bomb),
)
