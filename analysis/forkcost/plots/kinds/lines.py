"""Medians with their bands over a size or a count, in panels below each other, each line labelled at its right end."""

from dataclasses import dataclass

import matplotlib
import numpy as np

from forkcost import units
from forkcost.plots import common

SIZE = "resident size of the parent"


@dataclass(frozen=True)
class Curve:
    """A line: `y` over the counts `x`, `band`: (low, high) of each point, or None; `label`: at its right end, or ""."""

    label: str
    x: np.ndarray
    y: np.ndarray
    look: dict
    band: tuple | None = None


@dataclass(frozen=True)
class Panel:
    """`dress`: function of the axes that makes their y axis, called when the curves are there; `margin`: above and
    below the curves; `share`: of the figure's height."""

    curves: list
    dress: object
    margin: float = 0.12
    share: float = 1


def of_rows(label, rows, look, along="x", band=True):
    """The Curve of rows of Run.table over their column `along`: medians, with p10–p90 as a `band`."""
    return Curve(label, rows[along].to_numpy(), rows.p50.to_numpy(), look,
                 (rows.p10.to_numpy(), rows.p90.to_numpy()) if band else None)


def of_paths(series):
    """The Curves of a choose.Series, one per path, over resident size."""
    return [of_rows(path, series.path(path), common.path_style(path), "heap_bytes") for path in series.paths]


def times(label):
    """For Panel.dress: times, logarithmic."""
    return lambda ax: common.time_axis(ax.yaxis, label)


def draw(panels, height=3.9, room=0.3, words=units.size, label=SIZE):
    """The figure. `room`: share of the width for the labels of the lines; `words`: how a count below is said."""
    figure, axes = common.new_figure(height, [panel.share for panel in panels])
    scale = Scale([x for panel in panels for curve in panel.curves for x in curve.x], words)
    for ax, panel in zip(axes, panels):
        for curve in panel.curves:
            _line(ax, scale, curve)
        ax.margins(y=panel.margin)
        panel.dress(ax)
        scale.dress(ax, room)
    axes[-1].set_xlabel(label)
    for ax, panel in zip(axes, panels):
        if labels := [(scale(curve.x)[-1], curve.y[-1], curve.label, curve.look["color"])
                      for curve in panel.curves if curve.label]:
            label_ends(ax, labels)
    return figure


def _line(ax, scale, curve):
    x = scale(curve.x)
    for part in (curve.x > 0, curve.x <= 0):  # the line does not cross the break of the axis
        ax.plot(x[part], curve.y[part], **curve.look)
        if curve.band is not None:
            low, high = curve.band
            ax.fill_between(x[part], low[part], high[part], color=curve.look["color"], alpha=0.18, linewidth=0)


class Scale:
    """Where counts stand on an x axis: log2, and 0 as a place of its own on the left."""

    def __init__(self, counts, words):
        self.counts, self.words = sorted(set(counts)), words
        above = [n for n in self.counts if n > 0]
        self.zero = np.log2(above[0]) - 1.6 if above else 0.0

    def __call__(self, counts):
        return np.array([np.log2(n) if n > 0 else self.zero for n in counts])

    def dress(self, ax, room):
        """Ticks, limits with `room` (share of the width) for labels on the right, axis break."""
        places = self(self.counts)
        shown, last = [], -np.inf
        least = np.ptp(places) / 7  # more than seven labels would touch on a phone
        for place, count in zip(places, self.counts):
            if place - last >= least:
                shown.append((place, count))
                last = place
        ax.set_xticks([place for place, _ in shown],
                      [self.words(count).replace(units.NBSP, "\n") for _, count in shown])
        span = max(np.ptp(places), 1)
        ax.set_xlim(places[0] - 0.05 * span, places[-1] + span * room / (1 - room))
        if self.counts[0] == 0 and len(self.counts) > 1:
            ax.axvspan(self.zero + 0.5, self.zero + 1.0, color="#eeeeee", zorder=0, linewidth=0)


def label_ends(ax, labels, gap=11.5):
    """Writes (x, y, text, colour) to the right of the data, moved apart to `gap` points, each
    joined to its place by a thin line. Call it when the axes' limits stand."""
    figure = ax.figure
    figure.draw_without_rendering()
    point = figure.dpi / 72
    labels = sorted(labels, key=lambda entry: entry[1])
    wanted = np.array([ax.transData.transform((x, y))[1] / point for x, y, _, _ in labels])
    bottom, top = (ax.transAxes.transform((0, y))[1] / point for y in (0, 1))
    right = max(ax.transData.transform((x, y))[0] for x, y, _, _ in labels) / point + 18
    for (x, y, text, colour), place in zip(labels, _spread(wanted, gap, bottom + 3, top)):
        x_end, y_end = ax.transData.inverted().transform((right * point, place * point))
        note = ax.annotate(text, (x, y), (x_end, y_end), color=_ink(colour), fontsize=9,
                           va="center", annotation_clip=False,
                           arrowprops={"arrowstyle": "-", "color": colour, "linewidth": 0.6,
                                       "relpos": (0, 0.5), "shrinkA": 1, "shrinkB": 3})
        note.set_in_layout(False)  # else the axes would shrink under the places just computed


def _spread(wanted, gap, low, high):
    """The places nearest to `wanted` (ascending) that are `gap` apart: neighbours that are too
    close form a block around their common mean."""
    blocks = []
    for place in wanted:
        blocks.append([place, 1])
        while len(blocks) > 1 and (blocks[-1][0] - blocks[-2][0]
                                   < gap * (blocks[-1][1] + blocks[-2][1]) / 2):
            mean, count = blocks.pop()
            before, n = blocks.pop()
            blocks.append([(mean * count + before * n) / (count + n), count + n])
    places = np.concatenate([mean + gap * (np.arange(n) - (n - 1) / 2) for mean, n in blocks])
    return places + max(0, low - places[0]) - max(0, places[-1] - high)


def _ink(colour):
    """A darker shade for text: orange and sky blue are too pale for small letters."""
    return tuple(0.72 * c for c in matplotlib.colors.to_rgb(colour))
