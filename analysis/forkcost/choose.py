"""Which of a run's cases a figure or a sentence is about. Written once, so that the figures, the
answers and the tables of one report speak of the same cases."""

from dataclasses import dataclass

import pandas as pd

from forkcost import model, units
from forkcost.units import MIB

PATHS = ("fork", "_Fork", "clone3", "vfork", "clone-vm", "posix_spawn", "posix_spawn-actions",
         "clone3-pidfd", "system", "popen", "fork-server")
PLACEMENTS = ("other-cpu", "same-cpu", "free")
IMAGES = ("dynamic", "nolibc", "static")  # what most programs are, if measured as widely
STAMPED = ("nolibc", "static", "dynamic")  # for the phases: dynamic has no image_start_ns
TOUCHED = ("heap", "backing", "writer", "pattern")  # what `touched` chooses among
MIDDLE = 256 * MIB  # the size that figures at one size show, where it was measured


@dataclass(frozen=True)
class Series:
    """One quantity of one benchmark over paths and sizes. `rows`: rows of Run.table; `fixed`: the
    axes that are the same in all of them; `exceptions`: path -> placement where a path was measured
    at none of the others' (a fork server works beside its client)."""

    run: object
    quantity: str
    rows: object
    fixed: dict
    exceptions: dict

    @property
    def paths(self):
        present = list(dict.fromkeys(self.rows["axis.path"]))
        return sorted(present, key=lambda p: PATHS.index(p) if p in PATHS else len(PATHS))

    @property
    def sizes(self):
        return sorted(int(b) for b in self.rows.heap_bytes.unique())

    def path(self, path):
        """The path's rows by size."""
        return self.rows[self.rows["axis.path"] == path].sort_values("heap_bytes")

    def at(self, path, n_bytes):
        """The row of a path at a size, or None."""
        rows = self.rows[(self.rows["axis.path"] == path) & (self.rows.heap_bytes == n_bytes)]
        return rows.iloc[0] if len(rows) else None

    def also(self, quantity, row):
        """The row of another quantity of the same case, or None."""
        rows = self.run.table
        rows = rows[(rows.name == row["name"]) & (rows.quantity == quantity)]
        return rows.iloc[0] if len(rows) else None

    def line(self, path):
        """The path's fitted line, or None."""
        return model.fit([(row.heap_bytes, self.run.quantity(row["name"], self.quantity))
                          for _, row in self.path(path).iterrows()])

    def says(self):
        """The fixed axes for people: `backing 4k, placement other-cpu`."""
        text = ", ".join(f"{axis} {value}" for axis, value in self.fixed.items())
        return text + "".join(f" ({path}: {value})" for path, value in self.exceptions.items())


def _most(rows, axis, preferred):
    """The value of an axis that has most points (path × size); of several, the first in
    `preferred`."""
    points = rows.drop_duplicates([f"axis.{axis}", "axis.path", "heap_bytes"])
    counts = points[f"axis.{axis}"].value_counts()
    best = counts[counts == counts.max()].index
    return min(best, key=lambda v: preferred.index(v) if v in preferred else len(preferred))


def series(run, benchmark, quantity, **preferred):
    """A Series of base pages where there are any, with each axis of `preferred` (axis -> values)
    held at the one that most cases have, any further one at its default; or None if the run has
    nothing of it."""
    preferred = {"backing": (), **preferred}
    rows = run.select(benchmark, quantity, drawn=("path", "heap", *preferred))
    rows = rows[rows.heap_bytes.notna()]
    if "axis.path" not in rows or rows.empty:
        return None
    fixed, exceptions = {}, {}
    for axis, values in preferred.items():
        if f"axis.{axis}" in rows and rows[f"axis.{axis}"].notna().any():
            plain = axis == "backing" and (rows["axis.backing"] == run.base).any()
            fixed[axis] = run.base if plain else _most(rows, axis, values)
            fits = rows[f"axis.{axis}"] == fixed[axis]
            if axis == "placement":
                others = rows[~rows["axis.path"].isin(rows[fits]["axis.path"])]
                exceptions = {path: _most(of_path, axis, values)
                              for path, of_path in others.groupby("axis.path")}
                fits |= rows[f"axis.{axis}"] == rows["axis.path"].map(exceptions)
            rows = rows[fits]
    # What is left has one row per point, unless a file edited by hand names the same axes twice.
    rows = rows[rows["axis.path"].notna()].drop_duplicates(["axis.path", "heap_bytes"])
    return Series(run, quantity, rows, fixed, exceptions) if len(rows) else None


def calls(run, quantity="blocked_ns"):
    """The bare calls: the child ends at once."""
    return series(run, "fork", quantity, placement=PLACEMENTS)


def spawns(run, quantity="main_start_ns", images=IMAGES):
    """Calls that start a program, all with the same image."""
    return series(run, "spawn", quantity, image=images, placement=PLACEMENTS)


def middle(sizes):
    """The size for a figure at one size: MIDDLE if measured, else the largest."""
    return MIDDLE if MIDDLE in sizes else max(sizes)


def first_of(rows, **preferred):
    """One row: the axes at their most preferred values, and MIDDLE or else the largest heap. None
    if no row has one of the preferred values of every axis."""
    for axis, values in preferred.items():
        column = f"axis.{axis}"
        if column not in rows or rows[column].isna().all():
            continue
        found = next((v for v in values if (rows[column] == v).any()), None)
        if found is None:
            return None
        rows = rows[rows[column] == found]
    if rows.empty:
        return None
    return rows[rows.heap_bytes == middle(set(rows.heap_bytes))].iloc[0]


def touched(run, quantity, benchmark="cow", **axes):
    """The row of touch_ns, fault_ns or debt_ns that stands for a kind of touch, or None. Axes given
    are required, so are base pages; the others as in the question what a fork's parent pays."""
    preferred = {axis: values for axis, values in (
        ("backing", (run.base,)), ("writer", ("parent", "child", "grandchild")),
        ("pattern", ("sequential", "random", "stride"))) if axis not in axes}
    rows = run.select(benchmark, quantity, TOUCHED, **axes)
    return first_of(rows[rows.heap_bytes.notna()], **preferred)


# Kind of touch -> (benchmark, axes). Base pages unless it says otherwise.
TOUCHES = {
    "second": ("cow", {"state": "second", "access": "write"}),
    "memcpy": ("copy-page", {}),
    "zero-read": ("zero-page", {"access": "read"}),
    "after-other": ("cow", {"state": "after-other", "access": "write"}),
    "alone": ("cow", {"state": "alone", "access": "write"}),
    "fresh": ("first-touch", {}),
    "zero-write": ("zero-page", {"access": "write"}),
    "copy": ("cow", {"state": "first", "access": "write"}),
    "copy-thp": ("cow", {"state": "first", "access": "write", "backing": "thp"}),
    "copy-hugetlb": ("cow", {"state": "first", "access": "write", "backing": "hugetlb"}),
}


def touches(run):
    """{kind: row of touch_ns} of TOUCHES that the run has."""
    rows = {kind: touched(run, "touch_ns", benchmark, **axes) for kind, (benchmark, axes) in TOUCHES.items()}
    return {kind: row for kind, row in rows.items() if row is not None}


def huge_faults(run):
    """What fault_ns says: one fault of a huge page serves many touches, which therefore are none of
    `touches`. Empty if the run has none."""
    found = []
    for what, kind in (("copy after fork", "copy"), ("fresh memory", "fresh")):
        benchmark, axes = TOUCHES[kind]
        rows = run.select(benchmark, "fault_ns", TOUCHED, **axes)
        for backing in rows["axis.backing"].dropna().unique() if "axis.backing" in rows else ():
            row = touched(run, "fault_ns", benchmark, backing=backing, **axes)
            # A case with both had it for single samples: its touches are a curve.
            if row is not None and run.quantity(row["name"], "touch_ns") is None:
                found.append(f"{units.time(row.p50)} ({what}, {backing})")
    return f"one fault for many touches costs {', '.join(found)}" if found else ""


# Of benchmarks with an axis that counts: the axes that their figures know; further ones are held at
# their default.
AROUND = {"load": ("libraries", "shape", "relocations", "kind", "binding", "hash", "page-cache"),
          "share": ("what", "files", "processes", "page-cache"),
          "zygote": ("path", "libraries", "placement", "page-cache")}
# What these hold the other axes at, where several were measured as widely; and the counts at which
# some axes mean nothing: with one process all kinds of files are the same.
CENTRE = {"shape": ("flat",), "libraries": ("16", "64", "4"), "relocations": ("1000", "0"),
          "kind": ("rela",), "binding": ("lazy", "now"), "hash": ("gnu",),
          "page-cache": ("warm",), "by": ("futex",)}
FIRST = {"libraries": (0, ("shape", "relocations", "kind", "binding", "hash")),
         "relocations": (0, ("kind", "binding")),
         "processes": (1, ("files",))}


@dataclass(frozen=True)
class Along:
    """One quantity of one benchmark along an axis that counts something. `rows`: rows of Run.table,
    with the count as `x`, ascending; `fixed`: the other axes, the same in all of them."""

    run: object
    axis: str
    quantity: str
    rows: object
    fixed: dict

    def line(self, scale=1, quantity=None):
        """The fitted line over `scale` × x, of this or another quantity of these cases; or None."""
        return model.fit([(row.x * scale, found) for _, row in self.rows.iterrows() if (
            found := self.run.quantity(row["name"], quantity or self.quantity)) is not None],
            from_zero=True)

    def also(self, quantity):
        """The rows of another quantity of the same cases."""
        table = self.run.table
        rows = table[(table.quantity == quantity) & table.name.isin(self.rows.name)]
        return rows.assign(x=rows.name.map(dict(zip(self.rows.name, self.rows.x)))).sort_values("x")


def along(run, benchmark, quantity, axis, **held):
    """The Along with the axes in `held` as given, each other one of AROUND at the value that was
    measured at most counts, and further ones at their default; None if the run has nothing of it. A
    point of FIRST is that of several series, and was measured in one of them."""
    known = (axis, *AROUND.get(benchmark, ()))
    rows = _counted(run.select(benchmark, quantity, known, **held), axis)
    fixed = dict(held)
    for other in (a.removeprefix("axis.") for a in rows if a.startswith("axis.")):
        if other in known and other not in (axis, *held) and rows[f"axis.{other}"].notna().any():
            fixed[other] = _widest(rows, other)
            rows = rows[rows[f"axis.{other}"] == fixed[other]]
    if rows.empty:
        return None
    first, meaningless = FIRST.get(axis, (None, ()))
    if not (rows.x == first).any():
        kept = {a: v for a, v in fixed.items() if a not in meaningless}
        every = _counted(run.select(benchmark, quantity, known, **kept), axis)
        rows = pd.concat([every[every.x == first].iloc[:1], rows])
    return Along(run, axis, quantity, rows.drop_duplicates("x").sort_values("x"), fixed)


def _counted(rows, axis):
    """The rows whose value of the axis is a whole number, which is added as `x`."""
    counts = rows.get(f"axis.{axis}", pd.Series(index=rows.index, dtype=object))
    rows = rows[counts.astype(str).str.isdecimal()]
    return rows.assign(x=rows[f"axis.{axis}"].astype(int) if len(rows) else [])


def _widest(rows, axis):
    """The value of an axis that was measured at most counts; of several, the first in CENTRE."""
    counts = rows.groupby(f"axis.{axis}").x.nunique()
    preferred = CENTRE.get(axis, ())
    return min(counts[counts == counts.max()].index,
               key=lambda v: (preferred.index(v) if v in preferred else len(preferred), v))
