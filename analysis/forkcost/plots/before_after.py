"""A family of cases before and after, for `forkcost compare`: both sides' medians over the size,
and their ratio below it."""

import numpy as np
from matplotlib.ticker import MaxNLocator

from forkcost import units
from forkcost.compare import phrases
from forkcost.compare.result import FASTER, SAME, SLOWER, UNCLEAR
from forkcost.plots import common, forest

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
    figure, (above, below) = common.new_figure(4.0, (2.6, 1))
    scale = common.SizeScale(sizes, *_scale(family, sizes))
    x = scale(sizes)
    labels = []
    for side, y, look in zip((comparison.base, comparison.new), sides, LOOKS):
        _joined(above, x, y, sizes, look)
        labels.append((x[-1], y[-1], _short(side.label), look["color"]))
    above.set_yscale("log")
    above.margins(y=0.12)
    of_unit, label = _measured(family, comparison.mode)
    digits = 1 if max(map(max, sides)) > 3 * min(map(min, sides)) else 3
    common.log_axis(above.yaxis, label, lambda v: (
        units.count(v, digits) if of_unit == "instructions" else phrases.figure(v, of_unit, digits)))
    below.axhline(1, color=common.GREY, linewidth=1)
    _joined(below, x, sides[1] / sides[0], sizes, LOOKS[1])
    below.yaxis.set_major_locator(MaxNLocator(3, steps=[1, 2, 5, 10]))
    below.yaxis.set_major_formatter(lambda v, _: forest.tick(v))
    below.margins(y=0.2)
    below.set_ylabel("change")
    for ax in (above, below):
        scale.dress(ax, 0.22)
    above.set_xlabel("")
    common.label_ends(above, labels)
    return common.Drawing(figure, message(family, comparison), _basis(family, len(points)))


def _joined(ax, x, y, sizes, look):
    for part in (sizes > 0, sizes <= 0):  # the line does not cross the break of the axis
        ax.plot(x[part], y[part], **look)


def _short(label):
    label = phrases.plain(label).replace("$", r"\$")
    return label if len(label) <= 14 else label[:13] + "…"


def _scale(family, sizes):
    """How sizes are said, and the axis' label: bytes of the arena where they are that."""
    if set(sizes) <= {row.heap_bytes for row in family.rows}:
        return units.size, "resident size of the parent"
    return units.whole, family.per


def _measured(family, mode):
    """The unit of the points, which are no slopes, and what the axis is called."""
    change = family.rows[0].change if family.rows else family.change
    of_unit = phrases.unit(change, mode).partition(" per ")[0]
    quantity = phrases.plain(family.quantity_title or family.quantity).replace("$", r"\$")
    return of_unit, f"{quantity}, {of_unit}" if of_unit == "instructions" else quantity


def message(family, comparison):
    return f"{phrases.said(family, comparison.mode)}."


def _basis(family, drawn):
    left_out = len(family.points) - drawn
    return (f"medians; n: {phrases.rounds(family)} rounds of base and new; below: new against base "
            "at each size" + (f"; not drawn: {units.many([left_out], 'size')}" if left_out else ""))
