"""A family of cases before and after, for `forkcost compare`: both sides' medians over the size,
and their ratio below it."""

import numpy as np
from matplotlib.ticker import MaxNLocator

from forkcost import units
from forkcost.compare import phrases
from forkcost.compare.result import FASTER, SAME, SLOWER, UNCLEAR
from forkcost.plots import common, forest
from forkcost.plots.caption import Caption
from forkcost.plots.kinds import lines

CAPTION = Caption(
    message="{change}.",
    basis=("medians", "n: {rounds} rounds of base and new", "below: new against base at each size",
           "not drawn: {left_out}"))
MOST = 6
LOOKS = ({"color": common.GREY, "marker": "o", "linestyle": "--"},
         {"color": common.BLUE, "marker": "s", "linestyle": "-"})


def chosen(comparison):
    """The families that are drawn: changed ones first, two sizes at least."""
    ordered = [f for v in (SLOWER, FASTER, UNCLEAR, SAME) for f in phrases.listed(comparison, v)
               if f in comparison.families]
    return [f for f in ordered if len(_points(f)) > 1]


def _points(family):
    """What a logarithmic axis can hold."""
    return sorted(p for p in family.points if phrases.known(p[1]) and phrases.known(p[2])
                  and min(p[1:]) > 0)


def draw(family, comparison):
    points = _points(family)
    sizes, *sides = np.array(points).T
    words, label = _scale(family, sizes)
    above = [lines.Curve(short(side.label), sizes, y, look)
             for side, y, look in zip((comparison.base, comparison.new), sides, LOOKS)]
    below = [lines.Curve("", sizes, sides[1] / sides[0], LOOKS[1])]
    figure = lines.draw([lines.Panel(above, _figures(family, comparison.mode, sides), share=2.6),
                         lines.Panel(below, _change, margin=0.2)], 4.0, 0.22, words, label)
    left_out = len(family.points) - len(points)
    return CAPTION.of(figure, change=phrases.said(family, comparison.mode), rounds=phrases.rounds(family),
                      left_out=units.many([left_out], "size") if left_out else None)


def short(label):
    label = phrases.plain(label).replace("$", r"\$")
    return label if len(label) <= 14 else label[:13] + "…"


def _scale(family, sizes):
    """How sizes are said, and the axis' label: bytes of the arena where they are that."""
    if set(sizes) <= {row.heap_bytes for row in family.rows}:
        return units.size, lines.SIZE
    return units.whole, family.per


def _figures(family, mode, sides):
    """For Panel.dress: the points, which are no slopes, in their unit."""
    change = family.rows[0].change if family.rows else family.change
    of_unit = phrases.unit(change, mode).partition(" per ")[0]
    label = phrases.plain(family.quantity_title or family.quantity).replace("$", r"\$")
    digits = 1 if np.max(sides) > 3 * np.min(sides) else 3
    if of_unit == "instructions":
        return lambda ax: common.log_axis(ax.yaxis, f"{label}, instructions", lambda v: units.count(v, digits))
    return lambda ax: common.log_axis(ax.yaxis, label, lambda v: phrases.figure(v, of_unit, digits))


def _change(ax):
    ax.axhline(1, color=common.GREY, linewidth=1, zorder=1)
    ax.autoscale(axis="y")  # for the line too
    ax.yaxis.set_major_locator(MaxNLocator(3, steps=[1, 2, 5, 10]))
    ax.yaxis.set_major_formatter(lambda v, _: forest.tick(v))
    ax.set_ylabel("change")
