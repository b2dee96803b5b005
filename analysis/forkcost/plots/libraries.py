"""main_start_ns by number of libraries, and the page faults behind it."""

import pandas as pd

from forkcost import choose, one_more, units
from forkcost.plots import common

FIGURE = common.Figure("Exec and libraries", 20, "What libraries cost at start")

SHAPES = {"flat": (common.BLUE, "o"), "chain": (common.GREEN, "s"),
          "directories": (common.RED, "^")}
BINDINGS = {"lazy": (common.SKY, "v"), "now": (common.ORANGE, "D"), "now-relro": (common.PINK, "P")}
CACHES = {"warm": "-", "cold": "--"}
FAULTS = (("child_minor_faults", "minor", ":"), ("child_major_faults", "major", "-"))


def series(run):
    """[(label, Along, look)]: every shape by page cache, and further bindings of the centre's;
    empty where none has two numbers of libraries besides 0, which is of all series."""
    found = []
    for cache, line in CACHES.items():
        for shape, (colour, marker) in SHAPES.items():
            along = _along(run, **{"shape": shape, "page-cache": cache})
            if _numbers(along):
                found.append((f"{shape}, {cache}", along,
                              {"color": colour, "marker": marker, "linestyle": line}))
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
    faults = any(len(along.also(q)) for _, along, _ in found for q, _, _ in FAULTS)
    figure, axes = common.new_figure(5.6 if faults else 3.9, (3, 2.2) if faults else (1,))
    axes = axes if faults else [axes]
    scale = common.SizeScale([x for _, along, _ in found for x in along.rows.x], units.whole,
                             "libraries")
    labels = []
    for label, along, look in found:
        x = common.banded(axes[0], scale, along.rows.x, along.rows, look)
        labels.append((x[-1], along.rows.p50.iloc[-1], label, look["color"]))
    axes[0].set_yscale("log")
    axes[0].margins(y=0.12)
    beside = _faults(axes[1], scale, found) if faults else []
    for ax in axes:
        scale.dress(ax, 0.36)
    common.time_axis(axes[0].yaxis, "call → main")
    if faults:
        axes[0].set_xlabel("")
    common.label_ends(axes[0], labels)
    if faults:
        common.label_ends(axes[1], beside)
    rows = [along.rows for _, along, _ in found]
    return common.Drawing(figure, message(run), _basis(found, rows, faults))


def _faults(ax, scale, found):
    """The lower panel: minor faults of warm series, major faults of cold ones. Returns its labels.
    """
    labels = []
    for label, along, look in found:
        for quantity, word, line in FAULTS:
            rows = along.also(quantity)
            if (word == "major") != label.endswith("cold") or not len(rows):
                continue
            x = common.banded(ax, scale, rows.x, rows, look | {"linestyle": line})
            shape = label.split(", ")[0]
            labels.append((x[-1], rows.p50.iloc[-1], f"{word}, {shape}", look["color"]))
    ax.set_yscale("symlog", linthresh=1)
    ax.set_ylim(bottom=-0.3)
    ax.yaxis.set_major_formatter(lambda n, _: units.whole(n))
    ax.set_ylabel("page faults")
    return labels


def _basis(found, rows, faults):
    every = pd.concat(rows)
    fixed = {axis: value for axis, value in found[0][1].fixed.items()
             if axis not in ("shape", "page-cache")}
    usual = ", ".join(f"{axis} {value}" for axis, value in fixed.items())
    return (f"median, band p10–p90; {common.counts(every)}; {usual} where the label says nothing "
            "else; without libraries all shapes are one case" + (
                "; below, dotted: the child's minor faults, warm; solid: major ones, cold"
                if faults else ""))


def message(run):
    slopes = {m.key[1:]: m for m in one_more.libraries(run)}
    flat = slopes.get(("flat", "warm"))
    if flat is None:
        first = next(iter(slopes.values()), None)
        return (f"One more {first.what}: {first.summary}." if first else
                "No slope could be fitted to the libraries of this run.")
    text = f"A library costs {flat.sentence} at start" + (f" ({flat.bend})" if flat.bend else "")
    if flat.line.breaks_at is not None:
        text = f"At start {flat.summary}"
    for (shape, cache), found in slopes.items():
        if cache == "warm" and shape != "flat":
            where = {"chain": "in a chain", "directories": "each in a directory of its own"}
            text += f"; {where.get(shape, shape)} {found.summary}{_range(found, flat)}"
    cold = slopes.get(("flat", "cold"))
    if cold is not None:
        text += f"; out of the page cache {cold.summary}{_range(cold, flat)}"
    return text + "."


def _range(found, other):
    """Over which numbers, where these are not the other's: slopes of two ranges may differ by that
    alone."""
    low, high = (units.whole(n) for n in found.line.sizes[[0, -1]])
    same = found.line.sizes[[0, -1]].tolist() == other.line.sizes[[0, -1]].tolist()
    return "" if same or found.line.breaks_at is not None else f" ({low}–{high} libraries)"
