"""Claims: shared libraries and the loader."""

from collections import defaultdict

from forkcost import model, units
from forkcost.claims.evidence import HOW_TO_GET, number_of, ratio, whole
from forkcost.claims.sources import HIDDEN
from forkcost.claims.verdict import (
    Claim, Missing, Picture, amount, but, fails, holds, listed, many, number, own_cases, surely,
    times)

AROUND = 16  # pages that the claim allows one fault to map
RELATIVE = ("rela", "relr")  # kinds of relocation that the claim is tested with
STATES = ("cold-first", "warm-first", "second")


def judge_mmap(e):
    """Holds if nothing of the mapping is resident after mmap and pages become so by faults on
    touch; not if mmap alone makes pages resident or touching brings no fault."""
    seen = (f"Of {many(e['pages'], 'page')} {number(e['resident_after_map'])} are resident after "
            f"mmap, {number(e['resident_after_touch'])} after touching, by "
            f"{many(e['faults_at_touch'], 'fault')}")
    if "cached_after_map" in e:
        seen += f" (in the page cache after mmap: {number(e['cached_after_map'])})"
    lazy = e["resident_after_map"] == 0 and e["faults_at_touch"] > 0 < e["resident_after_touch"]
    return holds(f"{seen}.") if lazy else fails(f"{seen}.")


def gather_lazy(view):
    found = {}
    for pattern in ("one", "sequential", "random"):
        for case in view.find(pattern=pattern)[:1]:
            found[pattern] = view.read(case, ("pages", "touched", "faults", "resident_pages"))
    if "one" not in found:
        raise Missing(view.why_not(pattern="one"))
    return found


def judge_lazy(e):
    """Pages made resident per fault, in the pattern that has the most: up to 16 holds, more is the
    limit. Not, if a pattern brings no fault, if one touch makes all of the mapping resident, or if
    more comes in than the window of that touch (or 16) for each page touched."""
    one = e["one"]
    per_fault = {p: f["resident_pages"] / f["faults"] for p, f in e.items() if f["faults"]}
    window = max(per_fault.values(), default=0)
    seen = "; ".join(f"{pattern}: {many(f['touched'], 'page')} touched, "
                     f"{many(f['faults'], 'fault')}, "
                     f"{number(f['resident_pages'])} of {number(f['pages'])} resident"
                     for pattern, f in e.items())
    seen = f"One fault maps {many(window, 'page')} ({seen})."
    all_at_once = one["touched"] < one["pages"] <= one["resident_pages"]
    if all_at_once or not all(f["faults"] for f in e.values()):
        return fails(seen)
    most = max(one["resident_pages"], AROUND)
    eager = [p for p, f in e.items() if f["resident_pages"] > most * f["touched"]]
    if eager:
        return fails(f"{seen} Pages that nobody touched came in beyond that window: "
                     f"{listed(eager)}.")
    return but(f"one fault maps {many(window, 'page')} here", seen) if window > AROUND else \
        holds(seen)


def gather_second(view):
    found = {}
    for state in STATES:
        for case in view.find(state=state)[:1]:
            found[state] = view.read(case, ("main_start_ns", "child_major_faults"),
                                     ("child_minor_faults", "new_frames"))
    if "second" not in found:
        raise Missing(view.why_not(state="second"))
    return found


def judge_second(e):
    """Holds if the second process takes no major fault and (where frames can be read) no frame for
    text that was not cached before. A limit, if the first process with a cold page cache took no
    major fault either or was not measured: then the contrast is missing."""
    second, cold = e["second"], e.get("cold-first")
    seen = "; ".join(f"{state}: {many(f['child_major_faults'], 'major fault')}, main after "
                     f"{units.time(f['main_start_ns'])}" for state, f in e.items())
    seen += (f"; new frames of text in the second: {number(second['new_frames'])}."
             if "new_frames" in second else f"; {HIDDEN}: by major faults.")
    picture = Picture(tuple((s, f["main_start_ns"]) for s, f in e.items()), "ns")
    if second["child_major_faults"] > 0 or second.get("new_frames", 0) > 0:
        return fails(seen, picture)
    if cold is None or cold["child_major_faults"] == 0:
        why = "was not measured" if cold is None else "took no major fault either"
        return but(f"the first process with a cold page cache {why}", seen, picture)
    return holds(seen, picture)


def gather_rw(view):
    """Private dirty memory of the generated libraries by kind and number of relocations: of cases
    that differ in nothing else, the group with most points; with no relocations as the floor."""
    groups = defaultdict(dict)
    for case in view.find():
        if "library_private_dirty_bytes" in case.quantities and whole(case, "libraries") > 0:
            same = tuple(sorted((a, v) for a, v in case.axes.items()
                                if a not in ("relocations", "kind")))
            groups[same][case.axes.get("kind", ""), whole(case, "relocations")] = case
    groups = [g for g in groups.values() if any(r == 0 for _, r in g) and any(r > 0 for _, r in g)]
    if not groups:
        raise Missing(view.why_not() if view.untested or not view.run.cases else
                      "no two cases that differ in relocations alone, one of them with none: "
                      f"{HOW_TO_GET}")
    best = max(groups, key=len)
    read = {key: view.read(case, ("library_private_dirty_bytes",))["library_private_dirty_bytes"]
            for key, case in best.items()}
    return {"libraries": whole(next(iter(best.values())), "libraries"),
            "floor_bytes": min(v for (_, r), v in read.items() if r == 0),
            "rows": [{"kind": kind, "relocations": r, "dirty_bytes": v}
                     for (kind, r), v in sorted(read.items()) if r > 0]}


def judge_rw(e):
    """What libraries without relocations dirty is subtracted. Holds if every kind of relocation
    dirties memory and no kind dirties less with more relocations; with a limit if some kinds do
    not, or if one of RELATIVE was not measured; not if none does."""
    by_kind = defaultdict(list)
    for row in e["rows"]:
        by_kind[row["kind"]].append((row["relocations"],
                                     max(row["dirty_bytes"] - e["floor_bytes"], 0)))
    clean = [k for k, points in by_kind.items() if max(points)[1] == 0
             or any(b < a for (_, a), (_, b) in zip(sorted(points), sorted(points)[1:]))]
    words = []
    for kind, points in by_kind.items():
        relocations, dirty = max(points)
        words.append(f"{kind} {amount(dirty)} for {number(relocations)} each ("
                     f"{units.number(dirty / e['libraries'] / relocations, 2)} bytes per "
                     "relocation)")
    seen = (f"{many(e['libraries'], 'library').replace('librarys', 'libraries')}, private dirty "
            f"memory beyond the {amount(e['floor_bytes'])} without relocations: "
            f"{'; '.join(words)}.")
    picture = Picture((("no relocations", e["floor_bytes"]), *(
        (k, e["floor_bytes"] + max(points)[1]) for k, points in by_kind.items())), "bytes")
    if len(clean) == len(by_kind):
        return fails(seen, picture)
    absent = [kind for kind in RELATIVE if kind not in by_kind]
    limits = [f"{words} {listed(kinds)}" for words, kinds in (
        ("no more is dirtied by more relocations of kind", clean),
        ("not measured for relocations of kind", absent)) if kinds]
    return but("; ".join(limits), seen, picture) if limits else holds(seen, picture)


def gather_preload(view):
    """Rows by number of libraries, those that both paths were measured with."""
    cases = {path: {whole(c, "libraries"): c for c in view.find(path=path)}
             for path in ("exec", "fork-server")}
    for path, found in cases.items():
        if not found:
            raise Missing(view.why_not(path=path))
    rows = []
    for n in sorted(set(cases["exec"]) & set(cases["fork-server"])):
        both = [cases[path][n] for path in ("exec", "fork-server")]
        row = {"libraries": n}
        for path, case in zip(("exec", "zygote"), both):
            row[path] = view.read(case, ("main_start_ns",), (
                "private_dirty_bytes", "page_table_bytes", "pss_bytes"))
        rows.append(row | ratio(*(c.quantities["main_start_ns"] for c in both)))
    if not rows:
        raise Missing("exec and zygote were not measured with the same number of libraries")
    found = {"rows": rows}
    for name, path in (("exec", "exec"), ("zygote", "fork-server")):
        line = model.fit([(n, c.quantities["main_start_ns"]) for n, c in cases[path].items()])
        if line is not None:
            found[f"{name}_ns_per_library"] = line.slope
    return found


def _memory_saved(row):
    """Bytes that the zygote's child needs less, by PSS or else by private dirty memory; None where
    neither was measured."""
    for name in ("pss_bytes", "private_dirty_bytes"):
        if name in row["exec"] and name in row["zygote"]:
            return row["exec"][name] - row["zygote"][name]
    return None


def judge_preload(e):
    """At the largest number of libraries: main surely sooner by the zygote (interval of the ratio
    above 1) and less memory (PSS): holds, with a limit if with fewer libraries one of the two is
    not saved. One of the two only: that is the limit. Neither: not."""
    last = e["rows"][-1]
    faster = [surely(row) > 1 for row in e["rows"]]
    saved = [_memory_saved(row) for row in e["rows"]]
    smaller = [s is not None and s > 0 for s in saved]
    seen = (f"With {many(last['libraries'], 'library').replace('librarys', 'libraries')} main runs "
            f"after {units.time(last['exec']['main_start_ns'])} by exec, "
            f"{units.time(last['zygote']['main_start_ns'])} by the zygote: {times(last)}")
    if "exec_ns_per_library" in e and "zygote_ns_per_library" in e:
        seen += (f"; per library {units.time(e['exec_ns_per_library'])} against "
                 f"{units.time(e['zygote_ns_per_library'])}")
    for name, what in (("pss_bytes", "PSS"), ("private_dirty_bytes", "private dirty"),
                       ("page_table_bytes", "page tables")):
        if name in last["exec"] and name in last["zygote"]:
            seen += f"; {what} {amount(last['exec'][name])} against {amount(last['zygote'][name])}"
    seen += "."
    picture = Picture(tuple((f"{path}, {row['libraries']}", row[path]["main_start_ns"])
                            for row in (e["rows"][0], last)[-len(e["rows"]):]
                            for path in ("exec", "zygote")), "ns")
    if not faster[-1] and not smaller[-1]:
        return fails(seen, picture)
    if not (faster[-1] and smaller[-1]):
        lacking = "time" if not faster[-1] else "memory"
        return but(f"no {lacking} is saved" if saved[-1] is not None or lacking == "time" else
                   "memory was not measured", seen, picture)
    without = [number_of(str(row["libraries"])) for row, f, s in zip(e["rows"], faster, smaller)
               if not (f and s)]
    if without:
        return but(f"not with {listed(map(number, without))} libraries", seen, picture)
    return holds(seen, picture)


CLAIMS = (
    Claim("lib-mmap", "The dynamic loader maps libraries with mmap; the kernel, not the loader, "
          "decides on physical memory", own_cases("lib-mmap"), lambda view: view.read(
              view.one(), ("pages", "resident_after_map", "faults_at_touch",
                           "resident_after_touch"),
              ("cached_after_map", "faults_at_map", "major_faults_at_map")), judge_mmap),
    Claim("lib-lazy", "Physical memory is taken only when a page is first touched (with "
          "fault-around: up to 16 pages a fault)", own_cases("lib-lazy"), gather_lazy, judge_lazy),
    Claim("lib-second", "A second process that loads the same library reads nothing from disk and "
          "allocates no text", own_cases("lib-second"), gather_second, judge_second),
    Claim("lib-rw", "Writable sections are shared until written; relocations dirty them",
          ("load/libraries:[1-9][0-9]*(?:/(?:relocations|kind|binding|hash):[^/]+)*$",), gather_rw,
          judge_rw),
    Claim("lib-preload", "Loading common libraries once for everybody (Darwin's shared cache; on "
          "Linux: a zygote that forks) saves the loader's work and memory", ("zygote/",),
          gather_preload, judge_preload),
)
