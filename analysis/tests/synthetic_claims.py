"""Runs in which every claim is true, or every claim is false.

`world(maker, true)` adds the cases that `forkcost claims` gathers from. `frames=False` is a machine
that hides page frame numbers and map counts."""

import numpy as np

from synthetic import GIB, HEAPS, MIB

PAGES = 256
MEM = PAGES * 4096
FRAMES = ("equal_frames", "equal_frames_before", "equal_frames_after", "new_frames",
          "new_frames_after_write", "distinct_frames", "parent_child_equal_frames",
          "grandchild_new_frames", "frame_is_page_cache_before", "frame_is_page_cache_after",
          "mapped_twice_before", "mapped_twice_after", "present_pages", "parent_copied_pages")


class World:
    def __init__(self, maker, true, frames):
        self.maker, self.true, self.frames = maker, true, frames

    def case(self, benchmark, axes, heap_bytes=None, **medians):
        """One case; times get noise, counts and bytes none. A histogram is wanted for touch_ns."""
        if not self.frames:
            medians = {k: v for k, v in medians.items() if k not in FRAMES}
        rounds = []
        for _ in range(self.maker.rounds):
            values = {}
            for name, median in medians.items():
                if name == "touch_ns":
                    values[name] = ("histogram", self.maker.touches(median, 0))
                elif name.endswith("_ns"):
                    values[name] = self.maker.around(median)
                else:
                    values[name] = np.full(self.maker.samples, median)
            rounds.append(values)
        self.maker.case(benchmark, axes, rounds, next(iter(medians)), heap_bytes)

    def claim(self, claim_id, axes=None, **medians):
        self.case("claim", {"id": claim_id, **(axes or {})}, **medians)

    def pick(self, true, false):
        return true if self.true else false


def world(maker, true=True, frames=True):
    w = World(maker, true, frames)
    for add in (_text, _share, _libraries, _heap, _more_heap, _calls, _kernel, _times):
        add(w)
    return maker


def _text(w):
    shared = w.pick(MEM, 0)
    pair = {"pages": PAGES, "equal_frames": w.pick(PAGES, 0), "shared_bytes": shared,
            "private_bytes": MEM - shared}
    w.claim("text-unrelated", **pair)
    w.claim("text-addresses", equal_addresses=0, page_table_bytes=49152,
            other_page_table_bytes=49152, **pair)
    w.claim("text-no-alloc", {"processes": "16"}, pages=15 * PAGES, cached_pages_before=300,
            cached_pages_after=w.pick(300, 4300), new_frames=w.pick(0, 4000),
            child_minor_faults=80, child_major_faults=w.pick(0, 3))
    w.claim("text-cow-independent", {"memory": "heap"}, pages=PAGES,
            equal_frames_before=w.pick(PAGES, 0), new_frames_after_write=w.pick(PAGES, 0),
            shared_bytes_before=shared, shared_bytes_after=0)
    w.claim("text-cow-independent", {"memory": "file"}, pages=PAGES,
            equal_frames_before=w.pick(PAGES, 0), shared_bytes_before=shared)


def _share(w):
    for n in (1, 4, 16):
        for files in ("one-inode", "copies", "hard-links", "symlinks"):
            often = n if w.pick(files == "copies", files != "copies") else 1
            w.case("share", {"what": "text", "files": files, "processes": str(n),
                             "page-cache": "warm"}, start_ns=5e5, first_start_ns=5e5,
                   pss_bytes=often * MEM, page_cache_bytes=often * 2 * MEM,
                   page_table_bytes=n * 49152, distinct_frames=often * PAGES, pages=PAGES,
                   inodes=n if files == "copies" else 1)
        often = w.pick(1, n)
        w.case("share", {"what": "file", "files": "one-inode", "processes": str(n),
                         "page-cache": "warm"}, start_ns=5e5,
               pss_bytes=often * 64 * MIB, distinct_frames=often * 16384, pages=16384,
               page_table_bytes=n * 180000)
    for files, last in (("one-inode", 5e5), ("copies", 2e6)):
        w.case("share", {"what": "text", "files": files, "processes": "16", "page-cache": "cold"},
               start_ns=last, first_start_ns=2.1e6, pss_bytes=MEM, pages=PAGES)
    w.maker.not_measured("share", {"what": "text", "files": "bind-mounts", "processes": "16",
                                   "page-cache": "warm"}, "skipped", "needs CAP_SYS_ADMIN to mount: run as root")


def _libraries(w):
    w.claim("lib-mmap", pages=PAGES, resident_after_map=w.pick(0, PAGES), cached_after_map=0,
            faults_at_map=0, major_faults_at_map=0, faults_at_touch=w.pick(16, 0),
            resident_after_touch=PAGES)
    for pattern, touched, faults in (("one", 1, 1), ("sequential", PAGES, PAGES // 16),
                                     ("random", 8, 8)):
        w.claim("lib-lazy", {"pattern": pattern}, pages=PAGES, touched=touched, faults=faults,
                resident_pages=w.pick(min(16 * touched, PAGES), PAGES))
    for state, major, ns in (("cold-first", 40, 9e6), ("warm-first", 0, 8e5),
                             ("second", w.pick(0, 40), w.pick(8e5, 9e6))):
        w.claim("lib-second", {"state": state}, main_start_ns=ns, child_major_faults=major,
                child_minor_faults=120, new_frames=major)
    for kind in ("rela", "relr", "symbolic"):
        for relocations in (0, 1000, 10000) if kind == "rela" else (1000, 10000):
            w.case("load", {"libraries": "16", "shape": "flat", "relocations": str(relocations),
                            "kind": kind, "binding": "lazy", "hash": "gnu", "page-cache": "warm"},
                   main_start_ns=2e6 + 100 * relocations,
                   library_private_dirty_bytes=16 * 8192 + w.pick(16 * 8 * relocations, 0))
    for n in (0, 16, 256):
        cheap = {"main_start_ns": 3e5 + 2e3 * n, "private_dirty_bytes": MIB + 100 * n,
                 "page_table_bytes": 50000 + 700 * n, "pss_bytes": MIB // 2 + 500 * n}
        dear = {"main_start_ns": 6e5 + 6e4 * n, "private_dirty_bytes": 2 * MIB + 20000 * n,
                "page_table_bytes": 90000 + 900 * n, "pss_bytes": MIB + 30000 * n}
        w.case("zygote", {"path": "fork-server", "libraries": str(n)}, **w.pick(cheap, dear))
        w.case("zygote", {"path": "exec", "libraries": str(n)}, **w.pick(dear, cheap))


def _heap(w):
    w.claim("heap-not-copied", pages=PAGES, faults=w.pick(0, PAGES),
            equal_frames=w.pick(PAGES, 0), copied_bytes=w.pick(0, MEM))
    for backing, unit in (("4k", 1), ("thp", 1), ("hugetlb", 512)):
        for written in (1, 16, 256):
            new = 512 if backing == "hugetlb" else w.pick(written, PAGES) * unit
            w.claim("heap-pagewise", {"backing": backing, "written": str(written)},
                    faults=written, new_frames=new, copied_bytes=new * 4096)
    for region in ("heap", "stack", "data", "bss", "library"):
        w.claim("heap-everything", {"region": region}, equal_frames_before=w.pick(1, 0),
                faults=w.pick(1, 0), new_frames=w.pick(1, 0))
    w.claim("heap-grandchild", pages=PAGES, parent_child_equal_frames=w.pick(PAGES, 0),
            grandchild_new_frames=PAGES, grandchild_faults=PAGES,
            parent_child_shared_bytes=w.pick(MEM, 0))
    w.claim("zero-page", pages=PAGES, read_faults=PAGES, distinct_frames=w.pick(1, PAGES),
            present_pages=PAGES, read_rss_bytes=w.pick(0, MEM), write_faults=PAGES,
            new_frames=w.pick(PAGES, 0), write_rss_bytes=MEM)
    w.claim("data-cow", frame_is_page_cache_before=w.pick(1, 0), frame_is_page_cache_after=0,
            faults=1, private_dirty_before_bytes=w.pick(0, 4096), private_dirty_after_bytes=4096)


def _more_heap(w):
    for writers in ("0", "1"):
        copied = w.pick(10 + 300 * int(writers), 3000)
        w.claim("shell-out-copies", {"writers": writers}, pages=4096,
                parent_copied_pages=copied, child_faults_before_exec=w.pick(6, 900),
                **({"parent_faults": copied + 50} if writers == "1" else {}))
    for marks in ("in-place", "bitmap"):
        copied = w.pick(4096, 0) if marks == "in-place" else 2
        w.claim("gc-dirties", {"marks": marks}, pages=4096, objects=65536, copied_pages=copied,
                private_dirty_bytes=copied * 4096, pss_bytes=8 * MIB + copied * 2048)
    for does in ("sleep", "write"):
        much = w.pick(16 * 64 * MIB, MIB) if does == "write" else MIB
        w.claim("fork-bomb", {"children": "16", "does": does}, private_dirty_bytes=much,
                page_table_bytes=16 * 180000, pss_bytes=64 * MIB + much, work_ns=1e6 + much / 4)


def _calls(w):
    for path in ("fork", "vfork"):
        marked = w.pick(PAGES if path == "fork" else 0, 0)
        w.claim("vfork-why", {"path": path}, pages=PAGES, parent_faults_after=marked,
                child_faults_before_exec=2, table_bytes_copied=marked * 8, blocked_cpu_ns=4e4,
                main_start_ns=5e5)
        for heap, size in HEAPS.items():
            grows = w.pick(0, 13e6 * size / GIB)
            axes = {"path": path, "heap": heap, "backing": "4k", "placement": "same-cpu"}
            w.case("fork", axes, size, blocked_ns=5e4 + grows)
            w.case("spawn", {
                "path": path, "image": "dynamic", "heap": heap, "backing": "4k",
                "placement": "same-cpu"}, size,
                main_start_ns=5e5 + (grows if path == "fork" else 0),
                blocked_ns=5e4 + (grows if path == "fork" else 3e5))
    for mode in ("0", "1", "2"):
        for path in ("fork", "vfork", "posix_spawn"):
            for mapping, size in (("half-of-memory", 12 * GIB), ("1.5-of-memory", 36 * GIB)):
                dies = w.true and mode == "2" and path == "fork" and size > 24 * GIB
                w.claim("big-parent-enomem", {"path": path, "overcommit": mode, "mapping": mapping},
                        succeeded=int(not dies), mapping_bytes=size,
                        **({"error": 12} if dies else {}))


def _kernel(w):
    w.claim("same-va", pages=PAGES, equal_addresses=1, equal_frames_before=PAGES,
            equal_frames_after=w.pick(0, PAGES), shared_bytes_before=MEM,
            shared_bytes_after=w.pick(0, MEM))
    for backing in ("4k", "thp"):
        w.claim("last-owner", {"backing": backing}, pages=PAGES, faults=PAGES,
                new_frames=w.pick(0, PAGES), write_ns=w.pick(700, 2000))
    w.claim("exec-ends-sharing", pages=PAGES, mapped_twice_before=PAGES,
            mapped_twice_after=w.pick(0, PAGES), parent_faults=PAGES, new_frames=w.pick(0, PAGES),
            shared_bytes_before=MEM, shared_bytes_after=w.pick(0, MEM))
    for by in ("futex", "pipe"):
        for touch in ("0", "256"):
            for between in ("threads", "forked", "exec"):
                extra = 0 if between == "threads" else w.pick(600, -100)
                w.case("switch", {"between": between, "by": by, "touch": touch},
                       handover_ns=2000 + 10 * int(touch) + extra, primitive_ns=300,
                       memory_in_common=int(not w.true))


def _times(w):
    touch = {"first": w.pick(2100, 30), "second": 30, "alone": w.pick(700, 30)}
    for state, ns in touch.items():
        axes = {"writer": "parent", "state": state, "access": "write", "pattern": "sequential",
                "heap": "64MiB", "backing": "4k"}
        w.case("cow", axes, 64 * MIB, touch_ns=ns, debt_ns=16384 * ns,
               faults=0 if state == "second" else 16384)
