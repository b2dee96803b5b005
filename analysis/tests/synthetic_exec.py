"""Runs about exec, libraries, shared files and hand-overs of which the truth is known.

`everything(maker)` adds all cases; each function adds one benchmark's.
`python3 synthetic_exec.py OUT.json [SEED]` writes one to look at.
"""

import json
import sys

import numpy as np

import synthetic

LIBRARIES = (0, 1, 4, 16, 64, 256)
TRUTH = {
    "image": {  # kernel, loader, libc's start, rest: ns
        "nolibc": (92e3, 0, 0, 26e3), "static": (112e3, 0, 240e3, 80e3),
        "static-pie": (115e3, 0, 260e3, 80e3), "dynamic-nopie": (130e3, 320e3, 4e3, 80e3),
        "dynamic": (132e3, 330e3, 4e3, 90e3), "script": (98e3, 0, 0, 26e3),
        "script-2": (106e3, 0, 0, 26e3), "memfd": (56e3, 0, 0, 26e3),
        "text-1MiB": (93e3, 0, 0, 27e3), "text-16MiB": (94e3, 0, 0, 27e3),
        "text-64MiB": (95e3, 0, 0, 27e3)},
    "start": 470e3,  # ns to main without a library
    "library": {("flat", "warm"): 31e3, ("chain", "warm"): 34e3, ("directories", "warm"): 31e3,
                ("flat", "cold"): 210e3},
    "failed_open": 1900.0,
    "relocation": {("rela", "lazy"): 12.0, ("relr", "lazy"): 7.0, ("symbolic", "lazy"): 180.0,
                   ("plt", "lazy"): 1.5, ("plt", "now"): 190.0, ("plt", "now-relro"): 192.0},
    "zygote": {"fork-server": (250e3, 2e3), "exec": (470e3, 33e3)},
    "process": {  # bytes of one more: page cache, private dirty, page tables, rest of the PSS
        "one-inode": (0, 94208, 40960, 4096), "copies": (1077248, 94208, 40960, 4096),
        "forks": (0, 28672, 40960, 2048)},
    "handover": {"threads": 1500.0, "forked": 2100.0, "exec": 2150.0},
}


def exec_images(maker, images=tuple(TRUTH["image"]), caches=("warm", "cold"), loader=True):
    for image in images:
        kernel, loads, libc, rest = TRUTH["image"][image]
        for cache in caches:
            if cache == "cold" and image == "memfd":
                continue
            extra = 1.4e6 if cache == "cold" and image.startswith("static") else 180e3
            rounds = []
            for _ in range(maker.rounds):
                start = maker.around(kernel + (extra if cache == "cold" else 0))
                entry = start + loads
                main = entry + maker.around(libc) if libc else entry
                values = {"entry_start_ns": entry, "main_start_ns": main,
                          "total_ns": main + maker.around(rest), "blocked_ns": start * 0.8,
                          "teardown_ns": maker.around(0.8 * rest),
                          "child_minor_faults": np.full(maker.samples, 53 if loads else 5),
                          "child_major_faults": np.full(maker.samples, cache == "cold")}
                if not loads:
                    values["image_start_ns"] = start
                elif loader:
                    values["loader_ns"] = maker.around(loads, 3)
                if cache == "cold":
                    values["child_read_bytes"] = np.full(maker.samples, 770048)
                rounds.append(values)
            axes = {"image": image, "page-cache": cache, "args": "small", "path-dirs": "0",
                    "heap": "0"}
            maker.case("exec", axes, rounds, "main_start_ns", heap_bytes=0)
    return maker


def load_case(maker, start, libraries, shape="flat", relocations=0, kind="rela", binding="lazy",
              cache="warm", opens=None):
    rounds = []
    for _ in range(maker.rounds):
        values = {"main_start_ns": maker.around(start), "loader_ns": maker.around(start * 0.7, 3),
                  "relocation_ns": maker.around(max(start - TRUTH["start"], 1e3) * 0.5, 3),
                  "child_minor_faults": np.full(maker.samples, 53 + 12 * libraries),
                  "child_major_faults": np.full(
                      maker.samples, 2 * libraries if cache == "cold" else 0),
                  "library_private_dirty_bytes": np.full(3, libraries * (
                      8192 + (relocations * 8 if kind != "plt" or binding != "lazy" else 0)))}
        if opens is not None:
            values["failed_opens"] = np.full(3, opens)
        rounds.append(values)
    axes = {"libraries": str(libraries), "shape": shape, "relocations": str(relocations),
            "kind": kind, "binding": binding, "hash": "gnu", "page-cache": cache}
    maker.case("load", axes, rounds, "main_start_ns")


def opens_of(libraries):
    return libraries * (libraries - 1) // 2


def load_libraries(maker, series=tuple(TRUTH["library"]), counts=LIBRARIES, counted=True):
    for shape, cache in series:
        for n in counts:
            if n == 0 and shape != "flat":
                continue
            start = TRUTH["start"] + TRUTH["library"][shape, cache] * n
            opens = opens_of(n) if shape == "directories" else 0
            load_case(maker, start + TRUTH["failed_open"] * opens, n, shape, cache=cache,
                      opens=opens if counted else None)
    return maker


def load_relocations(maker, kinds=tuple(TRUTH["relocation"]), libraries=16, zero=True):
    base = TRUTH["start"] + TRUTH["library"]["flat", "warm"] * libraries
    if zero:
        load_case(maker, base, libraries)
    for kind, binding in kinds:
        for relocations in (1000, 10000):
            each = TRUTH["relocation"][kind, binding]
            load_case(maker, base + each * relocations * libraries, libraries, "flat", relocations,
                      kind, binding)
    return maker


def zygote(maker, paths=("fork-server", "exec"), memory=True):
    for path in paths:
        floor, each = TRUTH["zygote"][path]
        for n in LIBRARIES:
            rounds = []
            for _ in range(maker.rounds):
                values = {"main_start_ns": maker.around(floor + each * n)}
                if memory:
                    dirty = 60e3 + (300 if path == "fork-server" else 12288) * n
                    values |= {"private_dirty_bytes": np.full(5, dirty),
                               "page_table_bytes": np.full(5, 45056 + 1500 * n),
                               "pss_bytes": np.full(5, 200e3 + dirty + 3000 * n)}
                rounds.append(values)
            axes = {"path": path, "libraries": str(n),
                    "placement": "other-cpu" if path == "fork-server" else "same-cpu"}
            maker.case("zygote", axes, rounds, "main_start_ns")
    return maker


def dlopen(maker, modes=("lazy", "now"), scopes=("local", "global")):
    for mode in modes:
        for scope in scopes:
            for time, ns in (("first", 90e3), ("second", 700.0), ("other-process", 88e3),
                             ("namespace", 640e3)):
                if time == "namespace" and scope == "global":
                    continue
                rounds = [{"dlopen_ns": maker.around(ns),
                           "minor_faults": np.full(maker.samples, 12 if ns > 1e3 else 0),
                           "major_faults": np.full(maker.samples, 0)}
                          for _ in range(maker.rounds)]
                axes = {"libraries": "16", "mode": mode, "scope": scope, "time": time}
                maker.case("dlopen", axes, rounds, "dlopen_ns")
    return maker


def calls(maker):
    for binding in ("lazy", "now"):
        for time in ("first", "second"):
            median = 900.0 if (binding, time) == ("lazy", "first") else 14.0
            rounds = [{"call_ns": ("histogram", maker.touches(median, 0.02))}
                      for _ in range(maker.rounds)]
            maker.case("call", {"binding": binding, "time": time}, rounds, "call_ns")
    return maker


def text_touches(maker, pages=4096):
    for pattern, share in (("sequential", 1 / 16), ("random", 0.28)):
        rounds = []
        for _ in range(maker.rounds):
            faults = maker.rng.random(20000) < share
            touch = np.where(faults, 1900.0, 25.0) * np.exp(maker.rng.normal(0, 0.2, 20000))
            rounds.append({"touch_ns": ("histogram", touch),
                           "faults": np.full(maker.samples, round(share * pages)),
                           "resident_pages": np.full(maker.samples, pages),
                           "fault_around_pages": np.full(maker.samples, 16)})
        axes = {"pattern": pattern, "pages": str(pages), "page-cache": "warm"}
        maker.case("text-touch", axes, rounds, "touch_ns")
    return maker


def share(maker, whats=("text", "library", "file"), counts=(1, 4, 16),
          relations=tuple(TRUTH["process"]), frames=True):
    for what in whats:
        pages = 16384 if what == "file" else 263
        for files in relations:
            cache, dirty, tables, rest = TRUTH["process"][files]
            cache = cache and pages * 4096
            for n in counts:
                inodes = n if files == "copies" else 1
                thing = pages * 4096 * inodes
                rounds = []
                for _ in range(maker.rounds):
                    values = {"start_ns": maker.around(480e3 if files != "forks" else 70e3),
                              "first_start_ns": maker.around(500e3),
                              "pss_bytes": np.full(3, thing), "page_cache_bytes": np.full(3, thing),
                              "private_dirty_bytes": np.full(3, dirty * n),
                              "page_table_bytes": np.full(3, tables * n),
                              "process_pss_bytes": np.full(3, thing + (dirty + rest) * n),
                              "pages": np.full(3, pages), "inodes": np.full(3, inodes)}
                    if frames:
                        values["distinct_frames"] = np.full(3, pages * inodes)
                        if n > 1:
                            values["added_process_bytes"] = np.full(3, cache + dirty + tables)
                    rounds.append(values)
                axes = {"what": what, "files": files, "processes": str(n), "page-cache": "warm"}
                maker.case("share", axes, rounds, "start_ns")
    maker.not_measured("share", {"what": "text", "files": "reflinks", "processes": "16",
                                  "page-cache": "warm"}, "skipped",
                       "the file system cannot make reflink copies: use btrfs or xfs")
    return maker


def switch(maker, touches=("0", "256"), betweens=tuple(TRUTH["handover"]), bys=("futex", "pipe")):
    for between in betweens:
        for by in bys:
            for touch in touches:
                ns = TRUTH["handover"][between] + (by == "pipe") * 150 + 9 * int(touch)
                rounds = [{"handover_ns": maker.around(ns), "primitive_ns": maker.around(300.0),
                           "round_trip_ns": ("histogram", maker.touches(2 * ns, 0.01))}
                          for _ in range(maker.rounds)]
                axes = {"between": between, "by": by, "touch": touch}
                maker.case("switch", axes, rounds, "handover_ns")
    return maker


FAMILIES = {
    "exec": exec_images, "libraries": load_libraries, "relocations": load_relocations,
    "zygote": zygote, "dlopen": dlopen, "call": calls, "text-touch": text_touches, "share": share,
    "switch": switch,
}


def everything(maker, without=()):
    for name, add in FAMILIES.items():
        if name == "relocations" and name not in without:
            add(maker, zero="libraries" in without)  # else the libraries' cases have that one
        elif name not in without:
            add(maker)
    return maker


if __name__ == "__main__":
    made = everything(synthetic.full_run(int(sys.argv[2]) if len(sys.argv) > 2 else 1))
    with open(sys.argv[1], "w", encoding="utf-8") as out:
        json.dump(made.document(), out)
