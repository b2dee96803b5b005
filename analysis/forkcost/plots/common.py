"""Style and helpers of all figures.

Figures are small (346 points wide) with large type, so that the same SVG can be read on a phone
(358 px wide) and on a desk.
"""

import io
import re
from dataclasses import dataclass

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt  # noqa: E402
import numpy as np  # noqa: E402
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter  # noqa: E402

from forkcost import units  # noqa: E402

WIDTH = 4.8  # inches
STYLE = {
    "font.size": 9.5, "axes.titlesize": 10, "axes.labelsize": 9.5, "xtick.labelsize": 9,
    "ytick.labelsize": 9, "axes.spines.top": False, "axes.spines.right": False,
    "axes.grid": True, "grid.color": "#dddddd", "grid.linewidth": 0.6, "axes.axisbelow": True,
    "lines.linewidth": 1.6, "lines.markersize": 5, "hatch.linewidth": 0.6,
    "svg.fonttype": "path", "font.family": "DejaVu Sans", "figure.facecolor": "white",
}
# Okabe and Ito's colours; a yellow line cannot be seen on white, so grey stands for it.
BLACK, ORANGE, SKY, GREEN, BLUE, RED, PINK, GREY = (
    "#000000", "#E69F00", "#56B4E9", "#009E73", "#0072B2", "#D55E00", "#CC79A7", "#777777")
# One look per path, the same in every figure: colour, marker, line.
PATH_STYLE = {
    "fork": (RED, "o", "-"), "_Fork": (ORANGE, "s", "--"), "clone3": (PINK, "^", "-."),
    "vfork": (BLUE, "v", "-"), "clone-vm": (SKY, "D", "--"), "posix_spawn": (GREEN, "P", "-"),
    "posix_spawn-actions": (GREEN, "X", ":"), "clone3-pidfd": (PINK, "<", ":"),
    "system": (GREY, "h", "-"), "popen": (GREY, ">", "--"), "fork-server": (BLACK, "*", "-."),
}


@dataclass(frozen=True)
class Drawing:
    """A figure and its caption. `message`: what it shows, computed. `basis`: n and the fixed
    axes."""

    figure: object
    message: str
    basis: str


def path_style(path):
    colour, marker, line = PATH_STYLE.get(path, (GREY, ".", ":"))
    return {"color": colour, "marker": marker, "linestyle": line}


def new_figure(height=3.9, panels=(1,)):
    """(figure, axes) in the style, with a list of axes one below the other if there are several
    `panels` (relative heights). save() closes it."""
    with plt.rc_context(STYLE):
        return plt.subplots(len(panels), figsize=(WIDTH, height), layout="constrained",
                            height_ratios=panels)


def time_axis(axis, label):
    """A logarithmic axis of nanoseconds, labelled `1 ms`. Call it when its limits stand."""
    low, high = axis.get_view_interval()
    axis.set_major_locator(LogLocator(10, subs=(1, 2, 5) if high < 30 * low else (1,),
                                      numticks=12))
    axis.set_major_formatter(FuncFormatter(lambda ns, _: units.time(ns, 1) if ns > 0 else ""))
    axis.set_minor_formatter(NullFormatter())
    axis.set_label_text(label)


class SizeScale:
    """Where resident sizes stand on an x axis: log2, and 0 as a place of its own on the left."""

    def __init__(self, sizes):
        self.sizes = sorted(sizes)
        above = [s for s in self.sizes if s > 0]
        self.zero = np.log2(above[0]) - 1.6 if above else 0.0

    def __call__(self, n_bytes):
        return np.array([np.log2(b) if b > 0 else self.zero for b in np.atleast_1d(n_bytes)])

    def dress(self, ax, room):
        """Ticks, limits with `room` (share of the width) for labels on the right, axis break."""
        places = self(self.sizes)
        shown, last = [], -np.inf
        least = np.ptp(places) / 7  # more than seven labels would touch on a phone
        for place, n_bytes in zip(places, self.sizes):
            if place - last >= least:
                shown.append((place, n_bytes))
                last = place
        ax.set_xticks([p for p, _ in shown],
                      [units.size(b).replace(units.NBSP, "\n") for _, b in shown])
        span = max(np.ptp(places), 1)
        ax.set_xlim(places[0] - 0.05 * span, places[-1] + span * room / (1 - room))
        if self.sizes[0] == 0 and len(self.sizes) > 1:
            ax.axvspan(self.zero + 0.5, self.zero + 1.0, color="#eeeeee", zorder=0, linewidth=0)
        ax.set_xlabel("resident size of the parent")


def size_lines(ax, series, room=0.3):
    """A line with its p10–p90 band per path over resident size, labelled at its right end."""
    scale = SizeScale(series.sizes)
    labels = []
    for path in series.paths:
        rows = series.path(path)
        look = path_style(path)
        x = scale(rows.heap_bytes)
        above = rows.heap_bytes.to_numpy() > 0
        for part in (above, ~above):  # the line does not cross the break of the axis
            ax.plot(x[part], rows.p50[part], **look)
            ax.fill_between(x[part], rows.p10[part], rows.p90[part], color=look["color"],
                            alpha=0.18, linewidth=0)
        labels.append((x[-1], rows.p50.iloc[-1], path, look["color"]))
    ax.set_yscale("log")
    ax.margins(y=0.18)
    scale.dress(ax, room)
    return scale, labels


def label_ends(ax, labels, gap=11.5):
    """Writes (x, y, text, colour) to the right of the data, moved apart to `gap` points, each
    joined to its place by a thin line. Call it when the axes' limits stand."""
    figure = ax.figure
    figure.canvas.draw()
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


def counts(rows):
    """How much stands behind rows of Run.table: `5 rounds × 20 samples`, or a range."""
    samples = sorted({int(round(n / r)) for n, r in zip(rows.n, rows["rounds"])})
    rounds = sorted({int(r) for r in rows["rounds"]})
    return f"n: {units.many(rounds, 'round')} × {units.many(samples, 'sample')} per case"


def save(drawing, stem, directory):
    """Writes DIRECTORY/STEM.svg and .png; returns the SVG as text for inlining, its ids made
    unique to this figure."""
    figure = drawing.figure
    text = io.StringIO()
    with plt.rc_context(STYLE | {"svg.hashsalt": stem}):
        figure.savefig(directory / f"{stem}.png", dpi=200)
        figure.savefig(text, format="svg", metadata={"Date": None})
    plt.close(figure)
    svg = text.getvalue()
    (directory / f"{stem}.svg").write_text(svg, encoding="utf-8")
    svg = svg[svg.index("<svg"):]
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.S)
    svg = re.sub(r'(\bid="|href="#|url\(#)', rf"\g<1>{stem}-", svg)
    return re.sub(r'<svg ([^>]*?)height="[^"]*"([^>]*?)width="[^"]*"', r"<svg \1\2", svg, count=1)
