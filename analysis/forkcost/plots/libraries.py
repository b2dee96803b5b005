"""main_start_ns by number of libraries, and the page faults behind it."""

import pandas as pd

from forkcost import choose, one_more, units
from forkcost.plots import common
from forkcost.plots.caption import Figure
from forkcost.plots.kinds import lines

FIGURE = Figure(
    "Exec and libraries", 20, "What libraries cost at start",
    message=(("At start {no_line}", "A library costs {flat} at start", "One more {other}",
              "No slope could be fitted to the libraries of this run"),
             " ({bend})", "; {others}", "; from a cold page cache {cold}", "."),
    basis=("median, band p10–p90", "{n}", "{usual} where the label says nothing else",
           "without libraries all shapes are one case",
           "{faults?}below, dotted: the child's minor faults, warm; solid: major ones, cold"))
SHAPES = {"flat": (common.BLUE, "o"), "chain": (common.GREEN, "s"), "directories": (common.RED, "^")}
BINDINGS = {"lazy": (common.SKY, "v"), "now": (common.ORANGE, "D"), "now-relro": (common.PINK, "P")}
CACHES = {"warm": "-", "cold": "--"}
FAULTS = {"warm": ("child_minor_faults", "minor", ":"), "cold": ("child_major_faults", "major", "-")}
WHERE = {"chain": "in a chain", "directories": "each in a directory of its own"}


def series(run):
    """[(label, Along, look)]: every shape by page cache, and further bindings of the centre's;
    empty where none has two numbers of libraries besides 0, which is of all series."""
    found = []
    for cache, line in CACHES.items():
        for shape, (colour, marker) in SHAPES.items():
            along = _along(run, **{"shape": shape, "page-cache": cache})
            if _numbers(along):
                found.append((f"{shape}, {cache}", along, {"color": colour, "marker": marker, "linestyle": line}))
    usual = found[0][1].fixed if found else {}
    for binding, (colour, marker) in BINDINGS.items():
        along = _along(run, **usual | {"binding": binding}) if usual else None
        if binding != usual.get("binding") and _numbers(along) > 1:
            found.append((f"{usual['shape']}, {binding}", along,
                          {"color": colour, "marker": marker, "linestyle": "-."}))
    return found if any(_numbers(along) > 1 for _, along, _ in found) else []


def _along(run, **held):
    return choose.along(run, "load", "main_start_ns", "libraries", **held)


def _numbers(along):
    """How many numbers of libraries besides 0."""
    return 0 if along is None else int((along.rows.x > 0).sum())


def draw(run):
    found = series(run)
    if not found:
        return "this run has no `load` cases with main_start_ns at two numbers of libraries"
    panels = [lines.Panel([lines.of_rows(label, along.rows, look) for label, along, look in found],
                          lines.times("call → main"), share=3)]
    if faults := _faults(found):
        panels.append(lines.Panel(faults, _counts, margin=0.05, share=2.2))
    figure = lines.draw(panels, 5.6 if faults else 3.9, 0.36, units.whole, "libraries")
    usual = [f"{axis} {value}" for axis, value in found[0][1].fixed.items() if axis not in ("shape", "page-cache")]
    return FIGURE.of(figure, n=common.counts(pd.concat([along.rows for _, along, _ in found])),
                     usual=", ".join(usual), faults=bool(faults), **_slopes(run))


def _faults(found):
    """The Curves of the lower panel: minor faults of warm series, major faults of cold ones."""
    curves = []
    for label, along, look in found:
        quantity, word, line = FAULTS["cold" if label.endswith("cold") else "warm"]
        rows = along.also(quantity)
        if len(rows):
            curves.append(lines.of_rows(f"{word}, {label.split(', ')[0]}", rows, look | {"linestyle": line}))
    return curves


def _counts(ax):
    ax.set_yscale("symlog", linthresh=1)
    ax.set_ylim(bottom=-0.3)
    ax.yaxis.set_major_formatter(lambda n, _: units.whole(n))
    ax.set_ylabel("page faults")


def _slopes(run):
    """The facts of the message."""
    slopes = {m.key[1:]: m for m in one_more.libraries(run)}
    flat, first = slopes.get(("flat", "warm")), next(iter(slopes.values()), None)
    if flat is None:
        return {"other": first and f"{first.what}: {first.summary}"}
    straight = flat.line.breaks_at is None
    others = [f"{WHERE.get(shape, shape)} {found.summary}{_range(found, flat)}"
              for (shape, cache), found in slopes.items() if cache == "warm" and shape != "flat"]
    cold = slopes.get(("flat", "cold"))
    return {"no_line": not straight and flat.summary, "flat": flat.sentence, "bend": straight and flat.bend,
            "others": "; ".join(others), "cold": cold and cold.summary + _range(cold, flat)}


def _range(found, other):
    """Over which numbers, where these are not the other's: slopes of two ranges may differ by that
    alone."""
    low, high = (units.whole(n) for n in found.line.sizes[[0, -1]])
    same = found.line.sizes[[0, -1]].tolist() == other.line.sizes[[0, -1]].tolist()
    return "" if same or found.line.breaks_at is not None else f" ({low}–{high} libraries)"
