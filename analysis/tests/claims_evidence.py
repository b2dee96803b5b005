"""Evidence for every claim's judge, by hand: what supports the claim, what contradicts it, and what
a machine that hides page frames leaves of the first."""

PAGES, PAGE = 256, 4096
MEM = PAGES * PAGE


def _pair(**other):
    return {"pages": PAGES, "equal_frames": PAGES, "shared_bytes": MEM, "private_bytes": 0} | other


def _files(often):
    return {"processes": 4, "page_bytes": PAGE, "files": {
        files: {"pages": PAGES, "pss_bytes": n * MEM, "distinct_frames": n * PAGES}
        for files, n in often.items()}}


def _independent(heap, file):
    return {"page_bytes": PAGE, "heap": {
        "pages": PAGES, "equal_frames_before": heap, "new_frames_after_write": heap,
        "shared_bytes_before": heap * PAGE, "shared_bytes_after": 0},
        "file": {"pages": PAGES, "equal_frames_before": file, "shared_bytes_before": file * PAGE}}


def _once(often):
    return {"processes": 4, "page_bytes": PAGE, "pages": PAGES, "pss_bytes": often * MEM,
            "distinct_frames": often * PAGES}


def _rw(dirty):
    return {"libraries": 4, "floor_bytes": 32768, "rows": [
        {"kind": kind, "relocations": n, "dirty_bytes": 32768 + dirty * n}
        for kind in ("rela", "relr") for n in (1000, 10000)]}


def _preload(exec_ns, exec_bytes):
    return {"rows": [{"libraries": n, "exec": {"main_start_ns": exec_ns, "pss_bytes": exec_bytes},
                      "zygote": {"main_start_ns": 1e6, "pss_bytes": 10**6},
                      "ratio": exec_ns / 1e6, "low": exec_ns / 1.1e6, "high": exec_ns / 0.9e6}
                     for n in (16, 64)]}


def _pagewise(new):
    return {"base": "4k", "page_bytes": PAGE, "rows": [
        {"backing": "4k", "written": k, "new_frames": k * new, "copied_bytes": k * new * PAGE}
        for k in (1, 16)]}


def _zero(frames, there=PAGES):
    return {"page_bytes": PAGE, "pages": PAGES, "read_faults": PAGES, "distinct_frames": frames,
            "present_pages": there, "read_rss_bytes": (frames - 1) * PAGE, "write_faults": PAGES, "new_frames": PAGES,
            "write_rss_bytes": MEM}


def _why(fork, vfork):
    return {path: {"pages": PAGES, "parent_faults_after": n, "table_bytes_copied": 8 * n}
            for path, n in (("fork", fork), ("vfork", vfork))}


def _useless(factor):
    return {"image": "dynamic", "sizes": [
        {"bytes": size, "fork_main_ns": f * 5e5, "vfork_main_ns": 5e5, "ratio": f,
         "low": 0.97 * f, "high": 1.03 * f} for size, f in ((0, 1.0), (2**30, factor))]}


def _light(ns, rises):
    return {"smallest_bytes": 0, "smallest_ns": 5e4, "largest_bytes": 2**30, "largest_ns": ns,
            "rises": rises, "ns_per_page": (ns - 5e4) / 2**18} | (
                {"passes_1ms_bytes": 8e7} if rises else {})


def _enomem(code, modes=("0", "2")):
    return {"rows": [{"path": path, "overcommit": mode, "mapping": "1GiB", "bytes": 2**30,
                      "succeeded": int(path != "fork" or not code)} | (
                          {"error": code} if code and path == "fork" else {})
                     for mode in modes for path in ("fork", "vfork")]}


def _shell(idle, writing):
    return {who: {"pages": 4096, "parent_copied_pages": n, "child_faults_before_exec": 5}
            for who, n in (("idle", idle), ("writing", writing))}


def _shell_hidden(child, faults):
    return {"idle": {"pages": 4096, "child_faults_before_exec": child},
            "writing": {"pages": 4096, "child_faults_before_exec": child, "parent_faults": faults}}


def _gc(in_place, bitmap):
    return {"in-place": {"pages": 4096, "copied_pages": in_place},
            "bitmap": {"pages": 4096, "copied_pages": bitmap}}


def _bomb(sleep, write):
    return {"sleep": {"private_dirty_bytes": sleep, "page_table_bytes": 10**6},
            "write": {"private_dirty_bytes": write, "page_table_bytes": 10**6}}


def _same_va(after):
    return {"page_bytes": PAGE, "pages": PAGES, "equal_addresses": 1, "equal_frames_before": PAGES,
            "equal_frames_after": after, "shared_bytes_before": MEM,
            "shared_bytes_after": after * PAGE}


def _owner(new, ratio):
    return {"base": "4k", "backings": {"4k": {
        "pages": PAGES, "faults": PAGES, "new_frames": new,
        "cow": {"pages": 16384, "faults": 16384, "ns_per_page": 700, "ratio": ratio,
                "low": 0.97 * ratio, "high": 1.03 * ratio}}}}


def _debt(first):
    return {"pages": 16384, "stamp_ns": 20.0, "first_ns": first, "second_ns": 30.0, "alone_ns": 700,
            "faults": 16384, "first_against_second": {
                "ratio": first / 30, "low": 0.97 * first / 30, "high": 1.03 * first / 30}}


def _ends(after):
    return {"page_bytes": PAGE, "pages": PAGES, "parent_faults": PAGES, "new_frames": 0,
            "mapped_twice_before": PAGES, "mapped_twice_after": after,
            "shared_bytes_before": MEM, "shared_bytes_after": after * PAGE}


def _switch(extra, threads=0, processes=0):
    return {"in_common": {"threads": threads, "forked": processes, "exec": processes}, "sets": [{"by": "futex", "touch": "0", "threads_ns": 2000.0, **{
        kind: {"ns": 2000 + extra, "difference": extra, "low": extra - 90, "high": extra + 90}
        for kind in ("forked", "exec")}}]}


_LAZY = {"pages": PAGES, "touched": 1, "faults": 1}
_LINKS = {"hard-links": 1, "symlinks": 1, "bind-mounts": 1}
_TABLES = {"page_table_bytes": 49152, "other_page_table_bytes": 49152}
_CACHED = {"pages": 15 * PAGES, "cached_pages_before": 300, "cached_pages_after": 300,
           "child_minor_faults": 80, "child_major_faults": 0, "new_frames": 0}
_MMAP = {"pages": PAGES, "resident_after_map": 0, "faults_at_touch": 16,
         "resident_after_touch": PAGES}
_REGION = {"faults": 1, "equal_frames_before": 1, "new_frames": 1}
_EVERYWHERE = {region: _REGION for region in ("heap", "stack", "data", "bss", "library")}
_GRAND = {"page_bytes": PAGE, "pages": PAGES, "grandchild_faults": PAGES,
          "parent_child_shared_bytes": MEM, "parent_child_equal_frames": PAGES,
          "grandchild_new_frames": PAGES}
_DATA = {"faults": 1, "private_dirty_before_bytes": 0, "private_dirty_after_bytes": PAGE,
         "frame_is_page_cache_before": 1, "frame_is_page_cache_after": 0}
_READ = {"page_bytes": PAGE, "pages": PAGES, "faults": 0, "copied_bytes": 0, "equal_frames": PAGES}
_COLD = {"main_start_ns": 9e6, "child_major_faults": 40}
_SECOND = {"main_start_ns": 8e5, "child_major_faults": 0, "new_frames": 0}

# id -> (supports, contradicts)
EVIDENCE = {
    "text-unrelated": (_pair(), _pair(equal_frames=0, shared_bytes=0, private_bytes=MEM)),
    "text-inode": (_files({"one-inode": 1, "copies": 4} | _LINKS),
                   _files({"one-inode": 1, "copies": 1} | _LINKS)),
    "text-addresses": (_pair(equal_addresses=0, **_TABLES),
                       _pair(equal_addresses=0, **_TABLES | {"other_page_table_bytes": 0})),
    "text-no-alloc": (_CACHED, _CACHED | {"cached_pages_after": 600}),
    "text-cow-independent": (_independent(PAGES, PAGES), _independent(PAGES, 0)),
    "ro-file-once": (_once(1), _once(4)),
    "lib-mmap": (_MMAP, _MMAP | {"resident_after_map": PAGES, "faults_at_touch": 0}),
    "lib-lazy": ({"one": _LAZY | {"resident_pages": 16}},
                 {"one": _LAZY | {"resident_pages": PAGES}}),
    "lib-second": ({"cold-first": _COLD, "second": _SECOND},
                   {"cold-first": _COLD, "second": _SECOND | {"child_major_faults": 40}}),
    "lib-rw": (_rw(32), _rw(0)),
    "lib-preload": (_preload(5e6, 10**7), _preload(9e5, 10**5)),
    "heap-not-copied": (_READ, _READ | {"equal_frames": 0, "copied_bytes": MEM}),
    "heap-pagewise": (_pagewise(1), _pagewise(512)),
    "heap-everything": (_EVERYWHERE, {r: f | {"new_frames": 0} for r, f in _EVERYWHERE.items()}),
    "heap-grandchild": (_GRAND, _GRAND | {"parent_child_equal_frames": 0}),
    "fork-light": (_light(5.1e4, 0), _light(13e6, 1)),
    "vfork-useless": (_useless(1.05), _useless(27)),
    "vfork-why": (_why(PAGES, 0), _why(PAGES, PAGES)),
    "zero-page": (_zero(1), _zero(PAGES)),
    "data-cow": (_DATA, _DATA | {"frame_is_page_cache_before": 0}),
    "big-parent-enomem": (_enomem(12), _enomem(0)),
    "shell-out-copies": (_shell(5, 9), _shell(3000, 3000)),
    "gc-dirties": (_gc(4096, 4096), _gc(3, 3)),
    "fork-bomb": (_bomb(10**6, 10**9), _bomb(10**6, 10**6)),
    "same-va": (_same_va(0), _same_va(PAGES)),
    "last-owner": (_owner(0, 0.33), _owner(PAGES, 1.0)),
    "parent-debt": (_debt(2100.0), _debt(31.0)),
    "exec-ends-sharing": (_ends(0), _ends(PAGES)),
    "switch-tables": (_switch(600), _switch(0, 1, 1)),
}

# (id, evidence, words of the limit)
LIMITS = [
    ("text-unrelated", _pair(equal_frames=100), "only a part"),
    ("text-inode", _files({"one-inode": 1, "copies": 4}), "no link of any kind"),
    ("text-addresses", _pair(equal_addresses=1, **_TABLES), "randomisation is off"),
    ("ro-file-once", _once(1.05), "1.05 times"),
    ("lib-lazy", {"one": _LAZY | {"resident_pages": 32}}, "32 pages"),
    ("lib-lazy", {"one": _LAZY | {"resident_pages": 16}, "random": _LAZY | {
        "touched": 4, "faults": 2, "resident_pages": 48}}, "24 pages"),
    ("lib-second", {"cold-first": _SECOND, "second": _SECOND}, "took no major fault either"),
    ("lib-second", {"second": _SECOND}, "was not measured"),
    ("lib-rw", {**_rw(32), "rows": [*_rw(32)["rows"], {"kind": "plt", "relocations": 1000,
                                                       "dirty_bytes": 32768}]}, "plt"),
    ("lib-rw", {**_rw(32), "rows": _rw(32)["rows"][:2]}, "not measured for relocations of kind relr"),
    ("lib-preload", _preload(5e6, 10**5), "no memory is saved"),
    ("lib-preload", _preload(1.02e6, 10**7), "no time is saved"),
    ("heap-not-copied", _READ | {"faults": 200}, "reading takes faults"),
    ("heap-pagewise", {**_pagewise(1), "rows": [*_pagewise(1)["rows"], {
        "backing": "hugetlb", "written": 1, "new_frames": 512, "copied_bytes": 0}]},
     "hugetlb (512 for 1)"),
    ("heap-everything", _EVERYWHERE | {"bss": _REGION | {"new_frames": 0}}, "not seen for bss"),
    ("heap-everything", {"heap": _REGION, "stack": _REGION},
     "not measured for data, bss and library"),
    ("fork-light", _light(4e5, 1), "seen up to 1\u00a0GiB"),
    ("vfork-useless", _useless(1.5), "1.50×"),
    ("vfork-why", _why(100, 0), "only 100 of 256"),
    ("zero-page", _zero(8), "8 zero pages"),
    ("big-parent-enomem", {"rows": _enomem(12, ("2",))["rows"] + _enomem(0, ("0",))["rows"]},
     "only with vm.overcommit_memory 2, of 0 and 2 tested; vfork is not refused"),
    ("big-parent-enomem", _enomem(12, ("0",)),
     "with vm.overcommit_memory 0, the only mode tested; vfork is not refused"),
    ("shell-out-copies", _shell(5, 2048), "copies 50% of its pages"),
    ("shell-out-copies", _shell_hidden(6, 2042), "copies up to 50% of its pages"),
    ("gc-dirties", _gc(4096, 3), "not with the marks in a bitmap"),
    ("gc-dirties", _gc(2048, 4096), "only 50% of the pages"),
    ("fork-bomb", _bomb(10**6, 5 * 10**6), "only sleep cost"),
    ("same-va", _same_va(20), "20 pages stayed one frame"),
    ("last-owner", {"base": "4k", "backings": _owner(0, 0.33)["backings"] | {
        "thp": _owner(PAGES, 1.0)["backings"]["4k"]}}, "copied all the same: thp"),
    ("parent-debt", _debt(2100.0) | {"faults": 32}, "only 32 pages"),
    ("exec-ends-sharing", _ends(20), "20 pages stay shared"),
    ("switch-tables", _switch(0, 1, 0), "threads of one process keep theirs"),
]

# Further evidence: (id, evidence, whether the claim holds)
FURTHER = [
    ("lib-lazy", {"one": _LAZY | {"resident_pages": 16}, "random": _LAZY | {
        "touched": 4, "faults": 4, "resident_pages": 64}}, True),
    ("lib-lazy", {"one": _LAZY | {"resident_pages": 16}, "random": _LAZY | {
        "touched": 4, "faults": 4, "resident_pages": 65}}, False),
    ("lib-lazy", {"one": _LAZY | {"resident_pages": 16}, "sequential": _LAZY | {
        "touched": PAGES, "faults": 0, "resident_pages": PAGES}}, False),
    ("zero-page", _zero(0, there=0), False),
    ("zero-page", _zero(1, there=1), False),
    ("shell-out-copies", _shell_hidden(6, 100), True),
    ("shell-out-copies", _shell_hidden(900, 100), False),
    ("vfork-why", {path: {"pages": PAGES, "parent_faults_after": n}
                   for path, n in (("fork", PAGES), ("vfork", 0))}, True),
]

# Evidence that cannot be judged: (id, evidence, words of the reason)
UNJUDGED = [
    ("heap-everything", {"heap": _REGION}, "no region but the heap"),
    ("heap-everything", {"heap": _REGION | {"new_frames": 0}}, "no region but the heap"),
    ("big-parent-enomem", {**_enomem(0, ("0",)), "not_tried": "skipped: needs root"}, "needs root"),
    ("same-va", _same_va(0) | {"equal_frames_before": 0}, "nothing was shared before"),
    ("exec-ends-sharing", _ends(0) | {"mapped_twice_before": 0}, "nothing was shared before"),
]
