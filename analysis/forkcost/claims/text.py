"""Claims: sharing of program text, and of any file that is only read."""

from forkcost import units
from forkcost.claims.evidence import whole
from forkcost.claims.sources import FRAMES, HIDDEN, decide_by, remark
from forkcost.claims.verdict import (
    Claim, Missing, Picture, all_of, amount, but, fails, holds, listed, many, none_of, number,
    own_cases, untestable)

LINKS = ("hard-links", "symlinks", "bind-mounts")
_FILES = ("one-inode", "copies", *LINKS, "reflinks")


def sharing(e):
    """(share of the pages that two processes have in common, words)."""
    found = decide_by(e, frames="equal_frames", smaps="shared_bytes")
    if found.source == FRAMES:
        mapped = e["pages"]
        seen = f"{number(found.value)} of {many(mapped, 'page')} are the same frame"
    else:
        mapped = e["shared_bytes"] + e["private_bytes"]
        seen = f"{amount(found.value)} of {amount(mapped)} are shared{remark(found)}"
    if none_of(found.value, mapped):
        return 0.0, seen
    return (1.0 if all_of(found.value, mapped) else found.value / mapped), seen


def _gather_pair(view, needed=(), optional=()):
    return view.read(view.one(), ("pages", "shared_bytes", "private_bytes", *needed),
                     ("equal_frames", *optional))


def judge_unrelated(e):
    """Holds if all pages of text are the same frames in both processes; with a limit if only some
    are; not if none is."""
    share, seen = sharing(e)
    seen = f"Two processes of unrelated parents: {seen}."
    if share == 1:
        return holds(seen)
    return but("only a part of the text is shared", seen) if share else fails(seen)


def gather_inode(view):
    """By relation of the files, at the largest number of processes that one inode and copies both
    have; with times of starts from a cold page cache where both have them, at such a number too."""
    warm, cold = (_by_files(view, cache) for cache in ("warm", "cold"))
    for files in ("one-inode", "copies"):
        if not warm[files]:
            raise Missing(view.why_not(files=files))
    common = _common(warm)
    if not common:
        raise Missing("one inode and copies were not measured with the same number of processes "
                      "above 1")
    n = max(common)
    found = {"processes": n, "page_bytes": view.run.page_size, "files": {
        files: view.read(cases[n], ("pages", "pss_bytes"), ("distinct_frames", "page_cache_bytes",
                                                            "start_ns"))
        for files, cases in warm.items() if n in cases}}
    if common := _common(cold):
        n = max(common)
        found["cold"] = {"processes": n, **{
            files: view.read(cold[files][n], ("first_start_ns", "start_ns"))
            for files in ("one-inode", "copies")}}
    return found


def _by_files(view, cache):
    """Relation of the files -> processes -> case, of one state of the page cache."""
    return {files: {whole(c, "processes"): c for c in view.find(files=files)
                    if c.axes.get("page-cache", "warm") == cache} for files in _FILES}


def _common(by_files):
    return [n for n in by_files["one-inode"] if n in by_files["copies"] and n > 1]


def _times_in_memory(page_bytes, figures):
    """(how often the thing is in memory, the source): different frames, else the sum of PSS."""
    found = decide_by(figures, frames="distinct_frames", smaps="pss_bytes")
    [pages] = found.pages(page_bytes)
    return pages / figures["pages"], found


def judge_inode(e):
    """In memory once (to 5%) through one inode and through every kind of link, N times by N
    copies: holds. If N copies are in memory less often than 0.95 N times, or one inode or a link
    more than 1.05 times: not. Where no kind of link was measured, that is a limit. Reflinks decide
    nothing: the claim leaves them open."""
    n = e["processes"]
    counted = {files: _times_in_memory(e["page_bytes"], figures)
               for files, figures in e["files"].items()}
    found = {files: times for files, (times, _) in counted.items()}
    hidden = remark(*(source for _, source in counted.values()))
    seen = [f"In memory with {n} processes{hidden}: " + ", ".join(
        f"{files} {units.number(times)}×" for files, times in found.items())]
    if "cold" in e:
        seen.append(_first_execs(e["cold"]))
    if "reflinks" in found:
        seen.append(f"reflinks {'share' if found['reflinks'] <= 1.05 else 'do not share'}")
    seen = "; ".join(seen) + "."
    picture = Picture(tuple((files, times * e["files"][files]["pages"] * e["page_bytes"])
                            for files, times in found.items()), "bytes")
    wrong = [k for k in ("one-inode", *LINKS) if found.get(k, 1) > 1.05]
    if found["copies"] < 0.95 * n:
        wrong.append("copies")
    if wrong:
        return fails(f"{seen} It is otherwise for {listed(wrong)}.", picture)
    if not any(files in found for files in LINKS):
        return but("only a copy against one inode: this run has no link of any kind", seen, picture)
    return holds(seen, picture)


def _first_execs(cold):
    """What it takes when a file is not cached: every copy is read once more, one inode is not."""
    one, copies = ([units.time(cold[files][q]) for q in ("first_start_ns", "start_ns")]
                   for files in ("one-inode", "copies"))
    return (f"from a cold page cache the first process starts in {copies[0]} and number "
            f"{cold['processes']}, the first of its copy, in {copies[1]}; of one inode in "
            f"{one[0]} and {one[1]}")


def judge_addresses(e):
    """Holds if frames are equal, addresses differ and each process has page tables of its own.
    Equal addresses (no address-space randomisation) are a limit, unshared text or no tables
    refute."""
    share, seen = sharing(e)
    tables = [e[name] for name in ("page_table_bytes", "other_page_table_bytes")]
    seen = (f"{seen}; addresses {'the same' if e['equal_addresses'] else 'differ'}; page tables "
            f"{amount(tables[0])} and {amount(tables[1])}.")
    if not share or not all(tables):
        return fails(seen)
    if e["equal_addresses"]:
        return but("the addresses are the same here (randomisation is off): that they may differ "
                   "was not seen", seen)
    return holds(seen) if share == 1 else but("only a part of the text is shared", seen)


def judge_no_alloc(e):
    """Holds if a later process adds no page to the page cache, brings no new frame (where frames
    can be read) and takes no major fault."""
    added = e["cached_pages_after"] - e["cached_pages_before"]
    seen = (f"Page cache before the later processes {many(e['cached_pages_before'], 'page')}, "
            f"after {number(e['cached_pages_after'])}; ")
    seen += (f"{many(e['new_frames'], 'new frame')} under {many(e['pages'], 'page')} of text"
             if "new_frames" in e else f"{HIDDEN}: by page cache and faults")
    seen += (f"; per process {many(e['child_minor_faults'], 'minor fault')}, "
             f"{number(e['child_major_faults'])} major.")
    new = added > 0 or e.get("new_frames", 0) > 0 or e["child_major_faults"] > 0
    return fails(seen) if new else holds(seen)


def gather_independent(view):
    found = {"page_bytes": view.run.page_size}
    for memory in ("heap", "file"):
        found[memory] = view.read(
            view.one(memory=memory),
            ("pages", "shared_bytes_before") + (("shared_bytes_after",) if memory == "heap" else
                                                ()),
            ("equal_frames_before", "new_frames_after_write"))
    return found


def judge_independent(e):
    """Two parts. COW without text: a heap shared after fork, of which a write makes new frames.
    Sharing without COW: a file that unrelated processes only read is in the same frames. Holds if
    both were seen, not if one was not."""
    heap, file = e["heap"], e["file"]
    common = [decide_by(part, frames="equal_frames_before", smaps="shared_bytes_before")
              for part in (heap, file)]
    (of_heap,), (of_file,) = (found.pages(e["page_bytes"]) for found in common)
    writes = decide_by(heap, frames="new_frames_after_write",
                    smaps=("shared_bytes_before", "shared_bytes_after"))
    copied = writes.pages(e["page_bytes"])
    copied = copied[0] if writes.source == FRAMES else copied[0] - copied[1]
    seen = (f"Heap after fork: {number(of_heap)} of {many(heap['pages'], 'page')} shared, "
            f"{many(copied, 'new frame')} after writing; file in unrelated readers: "
            f"{number(of_file)} of {number(file['pages'])} shared{remark(*common, writes)}.")
    cow = not none_of(of_heap, heap["pages"]) and copied > 0
    without = not none_of(of_file, file["pages"])
    return holds(seen) if cow and without else fails(seen)


def gather_file_once(view):
    """The file at the largest number of processes above 1."""
    found = [c for c in view.find() if whole(c, "processes") > 1]
    if not found:
        raise Missing(view.why_not())
    case = max(found, key=lambda c: whole(c, "processes"))
    return {"processes": whole(case, "processes"), "page_bytes": view.run.page_size,
            **view.read(case, ("pages", "pss_bytes"), ("distinct_frames", "page_table_bytes"))}


def judge_file_once(e):
    """Holds if the file is in memory at most 1.01 times (different frames by pages; else sum of PSS
    by the file's size); up to 1.1 times with that limit; not beyond."""
    if e["processes"] < 2:
        return untestable("one process only")
    often, source = _times_in_memory(e["page_bytes"], e)
    size = e["pages"] * e["page_bytes"]
    seen = f"A file of {amount(size)} read by {e['processes']} processes is in memory "
    seen += f"{units.number(often)}×" + (
        f" ({many(source.value, 'frame')} for {many(e['pages'], 'page')})"
        if source.source == FRAMES else remark(source))
    seen += f"; sum of PSS {amount(e['pss_bytes'])}"
    if "page_table_bytes" in e:
        seen += f", page tables {amount(e['page_table_bytes'])}"
    picture = Picture((("file", size), ("in memory", often * size),
                       (f"{e['processes']} times", e["processes"] * size)), "bytes")
    if often <= 1.01:
        return holds(f"{seen}.", picture)
    if often <= 1.1:
        return but(f"{units.number(often)} times", f"{seen}.", picture)
    return fails(f"{seen}.", picture)


CLAIMS = (
    Claim("text-unrelated", "Two unrelated processes running the same executable share its code "
          "pages, so this is not a consequence of COW", own_cases("text-unrelated"), _gather_pair,
          judge_unrelated),
    Claim("text-inode", "Sharing goes by inode: a copied binary shares nothing; a hard link, a "
          "symlink, a bind mount do (and a reflink copy: find out)",
          (f"share/what:text/files:(?:{'|'.join(_FILES)})/",), gather_inode, judge_inode),
    Claim("text-addresses", "The virtual address may differ while the frame is the same; each "
          "process still pays for its page tables", own_cases("text-addresses"),
          lambda view: _gather_pair(view, ("equal_addresses", "page_table_bytes",
                                           "other_page_table_bytes")),
          judge_addresses),
    Claim("text-no-alloc", "A later mapping of the same file allocates no page for its contents",
          own_cases("text-no-alloc"), lambda view: view.read(view.one(), (
              "pages", "cached_pages_before", "cached_pages_after", "child_minor_faults",
              "child_major_faults"), ("new_frames",)), judge_no_alloc),
    Claim("text-cow-independent", "There is COW without text sharing, and text sharing without "
          "COW", own_cases("text-cow-independent"), gather_independent, judge_independent),
    Claim("ro-file-once", "Any file mapped read-only by several programs is in memory once",
          ("share/what:file/files:one-inode/",), gather_file_once, judge_file_once),
)
