"""Titles for people: what a case and a quantity are called in tables, figures and verdicts.

A name (`fork/path:fork/heap:256MiB/backing:thp`) is the identity of a case. Its title is made of
the axes that stand in the name, so without those that have their default: `fork, 256 MiB,
transparent huge pages`. An axis that nobody described here is shown as `axis value`: a new one
needs no line in this file, one is only nicer.

A quantity's title comes with the result file (`context.forkcost.quantities`); that of files which
have none is in the table at the end."""

import re

from forkcost import units

_SIZE = re.compile(r"(\d+(?:\.\d+)?)([KMGT]iB)")

# What comes first, by benchmark; {axis} is a value. Another benchmark is called by its name.
_HEADS = {
    "fork": "{path}", "spawn": "{path} to main", "exec": "exec", "cow": "touches after fork",
    "zero-page": "zero page", "first-touch": "first touch", "copy-page": "copy of pages",
    "load": "program start", "dlopen": "dlopen", "call": "library call",
    "text-touch": "touches of program text", "zygote": "zygote by {path}",
    "share": "{what} shared", "switch": "hand-over by {by}, {between}",
    "harness": "harness: {figure}", "claim": "claim {id}"}


def _count(one, many=None, none=None):
    """Of a number: `1 library`, `16 libraries`, `no libraries`."""
    def said(value):
        if not value.isdecimal():
            return None
        if value == "0" and none is not None:
            return none
        return units.many([int(value)], one, many)
    return said


def _sized(pattern):
    """Of a size: `16 MiB of text`. {} is the size."""
    return lambda value: pattern.format(size(value)) if _SIZE.fullmatch(value) else None


def _heap(value):
    return "empty parent" if value == "0" else size(value) if _SIZE.fullmatch(value) else None


def _backing(value):
    known = {"thp": "transparent huge pages", "hugetlb": "hugetlb pages", "shmem": "shared memory",
             "file-private": "private file mapping", "file-shared": "shared file mapping"}
    if value in known:
        return known[value]
    if base := re.fullmatch(r"(mthp-)?(\d+)k", value):
        return f"{base[2]} KiB {'mTHP' if base[1] else 'pages'}"
    return None


def _image(value):
    known = {"nolibc": "no libc", "static": "static", "static-pie": "static PIE",
             "dynamic": "dynamic", "dynamic-nopie": "dynamic without PIE", "script": "script",
             "script-2": "script of a script", "memfd": "from a memfd"}
    kind, _, rest = value.partition("-")
    if kind == "text" and _SIZE.fullmatch(rest):
        return f"{size(rest)} of text"
    if kind == "libs" and rest.isdecimal():
        return units.many([int(rest)], "library", "libraries")
    return known.get(value)


# axis -> what its value is called: a table, or a function that gives None for what it does not
# know.
_AXES = {
    "heap": _heap, "backing": _backing, "image": _image, "path": str,
    "placement": {"same-cpu": "same CPU", "other-cpu": "another CPU", "free": "any CPU"},
    "args": _sized("{} of arguments"),
    "page-cache": {"warm": "warm page cache", "cold": "cold page cache"},
    "path-dirs": _count("PATH miss", "PATH misses", "no PATH misses"),
    "writer": {"parent": "by the parent", "child": "by the child",
               "grandchild": "by the grandchild"},
    "state": {"after-other": "after the other's copy", "alone": "sole owner left",
              "second": "second time", "cold-first": "cold, first time",
              "warm-first": "warm, first time"},
    "access": {"read": "reads", "write": "writes"},
    "pattern": {"one": "one page", "sequential": "in order", "random": "in random order",
                "stride": "with a stride"},
    "pages": _count("page"),
    "libraries": _count("library", "libraries", "no libraries"),
    "shape": {"chain": "in a chain", "directories": "a directory each"},
    "relocations": _count("relocation each", "relocations each", "no relocations"),
    "kind": {"symbolic": "symbolic relocations", "relr": "RELR", "plt": "PLT relocations"},
    "binding": {"lazy": "lazy binding", "now": "bound at once",
                "now-relro": "bound at once with RELRO"},
    "hash": {"sysv": "SysV hash", "gnu": "GNU hash"},
    "mode": {"now": "RTLD_NOW", "lazy": "RTLD_LAZY"},
    "scope": {"global": "RTLD_GLOBAL", "local": "RTLD_LOCAL"},
    "time": {"first": "first time", "second": "second time",
             "other-process": "loaded by another process", "namespace": "in its own namespace"},
    "files": {"one-inode": "one file", "copies": "copies", "hard-links": "hard links",
              "symlinks": "symlinks", "bind-mounts": "bind mounts", "forks": "forks",
              "reflinks": "reflinks"},
    "processes": _count("process", "processes"),
    "touch": _count("page touched", "pages touched", "no page touched"),
    "memory": {"heap": "heap", "file": "file"},
    "written": _count("page written", "pages written"),
    "region": lambda value: f"{value} written",
    "marks": {"in-place": "marks in place", "bitmap": "marks in a bitmap"},
    "mapping": {"half-of-memory": "mapping of half the memory",
                "1.5-of-memory": "mapping of 1.5 times the memory"},
    "writers": _count("writing thread", "writing threads", "no writing thread"),
    "children": _count("child", "children"),
    "does": {"sleep": "that sleep", "write": "that write"},
    "vmas": _count("VMA"), "mappings": _count("mapping"), "fds": _count("open descriptor"),
    "threads": _count("thread"),
}


def size(value):
    """`256 MiB` of `256MiB`; what is no size stays."""
    found = _SIZE.fullmatch(value)
    return f"{found[1]} {found[2]}" if found else value


def case(name, per="", page_size=0):
    """The title of a case by its name; what is no `axis:value` stands as it is. `per`: of a family
    of cases, what its slope counts (`page`, of `page_size` bytes; `library`, …)."""
    benchmark, *parts = name.split("/")
    pairs = [part.partition(":") for part in parts]
    axes = {axis: value for axis, colon, value in pairs if colon}
    head, used = _head(benchmark, axes)
    title = [head] + [_part(axis, value) if colon else axis
                      for axis, colon, value in pairs if axis not in used]
    if per:
        of = f"{page_size // 1024} KiB " if per == "page" and page_size else ""
        title.append(f"per {of}{per}")
    return ", ".join(title)


def _head(benchmark, axes):
    """(the first words, the axes that are in them)."""
    pattern = _HEADS.get(benchmark, benchmark)
    used = re.findall(r"{(\w+)}", pattern) if benchmark in _HEADS else []
    if not axes.keys() >= set(used):
        return benchmark, []
    return re.sub(r"{(\w+)}", lambda axis: axes[axis[1]], pattern), used


def _part(axis, value):
    known = _AXES.get(axis, {})
    said = known.get(value) if isinstance(known, dict) else known(value)
    return said or f"{axis} {size(value)}"


_COUNTED = re.compile(r"instructions(?::([uk]))?(?: (parent|child|family))?")


def quantity(name, *tables):
    """The title of a quantity. `tables`: files' `context.forkcost.quantities`; the first one
    that has it counts."""
    for row in (table.get(name) for table in tables):
        found = row.get("title") if isinstance(row, dict) else None
        if isinstance(found, str) and found:
            return found
    if counted := _COUNTED.fullmatch(name):
        of = {"k": "kernel ", "u": "user "}.get(counted[1], "")
        return f"{of}instructions" + (f", {counted[2]}" if counted[2] else "")
    return _QUANTITIES.get(name, name)


# Of files without titles: those of schema 1, and the first ones of schema 2. Nothing here changes
# any more: a new quantity has its title in the programs' table.
_QUANTITIES = {
    "blocked_ns": "caller blocked", "blocked_cpu_ns": "caller blocked, CPU time",
    "child_start_ns": "until the child runs", "exec_ns": "until exec is called",
    "image_start_ns": "until the image runs", "entry_start_ns": "until the loader is done",
    "main_start_ns": "until main", "teardown_ns": "from the child's exit to wait's return",
    "total_ns": "until wait returns", "child_cpu_ns": "child's CPU time",
    "child_minor_faults": "child's minor faults", "child_major_faults": "child's major faults",
    "sample_ns": "whole experiment", "debt_ns": "all first touches",
    "debt_cpu_ns": "all first touches, CPU time", "touch_ns": "one touch", "fault_ns": "one fault",
    "faults": "minor faults of the touches", "minor_faults": "minor faults",
    "major_faults": "major faults", "child_read_bytes": "child's reads from disk",
    "loader_ns": "loader, all of it", "load_ns": "loader, opening and mapping",
    "relocation_ns": "loader, relocating", "failed_opens": "failed opens",
    "private_dirty_bytes": "private dirty memory", "pss_bytes": "PSS",
    "page_table_bytes": "page tables",
    "library_private_dirty_bytes": "libraries' private dirty memory", "dlopen_ns": "dlopen",
    "call_ns": "one call", "resident_pages": "resident pages",
    "fault_around_pages": "pages resident after one touch", "memory_in_common": "memory in common",
    "handover_ns": "one hand-over", "primitive_ns": "calls of one turn alone",
    "waits_per_turn": "waits per turn", "round_trip_ns": "round trip",
    "stamp_ns": "between two stamps", "stamp_mean_ns": "between two stamps, mean",
    "bare_ns": "bare loop", "harnessed_ns": "through the harness",
    "overhead_ratio": "harness against bare loop", "first_start_ns": "start of the first process",
    "start_ns": "start of the last process", "ready_ns": "last process until all is touched",
    "process_pss_bytes": "PSS of the processes", "page_cache_bytes": "page cache", "pages": "pages",
    "inodes": "inodes", "distinct_frames": "different frames",
    "added_process_bytes": "memory of one more process", "equal_frames": "equal frames",
    "equal_frames_before": "equal frames before", "equal_frames_after": "equal frames after",
    "parent_child_equal_frames": "equal frames of parent and child", "new_frames": "new frames",
    "new_frames_after_write": "new frames after the write",
    "grandchild_new_frames": "new frames of the grandchild", "equal_addresses": "equal addresses",
    "frame_is_page_cache_before": "page cache's frame before",
    "frame_is_page_cache_after": "page cache's frame after", "succeeded": "success",
    "mapped_twice_before": "pages mapped twice before",
    "mapped_twice_after": "pages mapped twice after", "present_pages": "pages with a frame",
    "shared_bytes": "shared memory", "shared_bytes_before": "shared memory before",
    "shared_bytes_after": "shared memory after", "private_bytes": "private memory",
    "parent_child_shared_bytes": "shared memory of parent and child",
    "copied_bytes": "copied memory", "private_dirty_before_bytes": "private dirty memory before",
    "private_dirty_after_bytes": "private dirty memory after",
    "read_faults": "minor faults of reads", "write_faults": "minor faults of writes",
    "parent_faults": "parent's minor faults",
    "parent_faults_after": "parent's minor faults after the exec",
    "grandchild_faults": "grandchild's minor faults",
    "child_faults_before_exec": "child's minor faults before exec",
    "cached_pages_before": "pages in the page cache before",
    "cached_pages_after": "pages in the page cache after",
    "cached_after_map": "pages in the page cache after mmap",
    "resident_after_map": "resident pages after mmap",
    "resident_after_touch": "resident pages after the touches", "touched": "touched pages",
    "faults_at_map": "minor faults of mmap", "major_faults_at_map": "major faults of mmap",
    "faults_at_touch": "minor faults when touched", "read_rss_bytes": "RSS after the reads",
    "write_rss_bytes": "RSS after the writes", "table_bytes_copied": "page tables of the child",
    "error": "errno", "mapping_bytes": "size of the mapping",
    "parent_copied_pages": "pages copied by the parent",
    "parent_written_pages": "pages written by the parent", "objects": "marked objects",
    "copied_pages": "copied pages", "other_page_table_bytes": "page tables of the second process",
    "work_ns": "until all children are done", "write_ns": "one write"}
