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

from forkcost import stats, units  # noqa: E402

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
class Figure:
    """Where a figure stands in the report: under which heading, and `place` among those there, in
    steps of ten, so that one more can stand between two."""

    heading: str
    place: int
    title: str


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


def new_figure(height=3.9, panels=(1,), columns=1):
    """(figure, axes) in the style, with a list of axes one below the other if there are several
    `panels` (relative heights), or beside each other if there are several `columns`. save() closes
    it."""
    with plt.rc_context(STYLE):
        return plt.subplots(len(panels), columns, figsize=(WIDTH, height), layout="constrained",
                            height_ratios=panels)


def interval_bar(ax, y, value, interval, colour, text, height=0.62):
    """A horizontal bar with its 95% interval (None or NaN: none) and its figure behind it."""
    ax.barh(y, value, color=colour, height=height)
    end = value
    if interval is not None and interval[0] == interval[0]:
        ax.plot(interval, (y, y), color="black", linewidth=1.1, marker="|", markersize=5)
        end = max(end, interval[1])
    ax.annotate(text, (max(end, 0), y), (4, 0), va="center", textcoords="offset points",
                fontsize=8.5)


def bar_axis(ax, names, label, room=0.5):
    """Dresses an axis of horizontal bars, the first one on top, with `room` (share of the longest)
    for their figures. The scale begins at 0, or at the lowest interval below."""
    low, high = ax.dataLim.intervalx
    ax.set_xlim(min(low, 0) * 1.05, (high or 1) * (1 + room))
    ax.set_yticks(range(len(names)), names)
    ax.set_ylim(len(names) - 0.5, -0.5)
    ax.xaxis.set_major_locator(matplotlib.ticker.MaxNLocator(3))
    ax.set_xlabel(label)
    ax.grid(axis="y", visible=False)


def time_axis(axis, label):
    """A logarithmic axis of nanoseconds, labelled `1 ms`. Call it when its limits stand."""
    log_axis(axis, label, lambda ns: units.time(ns, 1))


def log_axis(axis, label, words):
    """A logarithmic axis with ticks as `words` says them. Call it when its limits stand."""
    low, high = axis.get_view_interval()
    axis.set_major_locator(LogLocator(10, subs=(1, 2, 5) if high < 30 * low else (1,),
                                      numticks=12))
    axis.set_major_formatter(FuncFormatter(lambda x, _: words(x) if x > 0 else ""))
    axis.set_minor_formatter(NullFormatter())
    axis.set_label_text(label)


def byte_ticks(most):
    """Ticks of a linear axis of bytes at round numbers of their unit."""
    unit = 2 ** (10 * int(np.log2(max(most, 1)) // 10))
    steps = [step * unit for step in (1, 2, 4, 8, 16, 32, 64, 128, 256, 512)]
    return matplotlib.ticker.MultipleLocator(next((s for s in steps if most / s <= 2), steps[-1]))


class SizeScale:
    """Where resident sizes stand on an x axis: log2, and 0 as a place of its own on the left.
    For counts of something else: their `words`, and the axis' `label`."""

    def __init__(self, sizes, words=units.size, label="resident size of the parent"):
        self.sizes, self.words, self.label = sorted(set(sizes)), words, label
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
                      [self.words(b).replace(units.NBSP, "\n") for _, b in shown])
        span = max(np.ptp(places), 1)
        ax.set_xlim(places[0] - 0.05 * span, places[-1] + span * room / (1 - room))
        if self.sizes[0] == 0 and len(self.sizes) > 1:
            ax.axvspan(self.zero + 0.5, self.zero + 1.0, color="#eeeeee", zorder=0, linewidth=0)
        ax.set_xlabel(self.label)


def size_lines(ax, series, room=0.3):
    """A line with its p10–p90 band per path over resident size, labelled at its right end."""
    scale = SizeScale(series.sizes)
    labels = []
    for path in series.paths:
        rows = series.path(path)
        look = path_style(path)
        x = banded(ax, scale, rows.heap_bytes, rows, look)
        labels.append((x[-1], rows.p50.iloc[-1], path, look["color"]))
    ax.set_yscale("log")
    ax.margins(y=0.18)
    scale.dress(ax, room)
    return scale, labels


def banded(ax, scale, counts, rows, look):
    """One line of medians with its p10–p90 band; returns where its points stand."""
    x = scale(counts)
    above = counts.to_numpy() > 0
    for part in (above, ~above):  # the line does not cross the break of the axis
        ax.plot(x[part], rows.p50[part], **look)
        ax.fill_between(x[part], rows.p10[part], rows.p90[part], color=look["color"], alpha=0.18,
                        linewidth=0)
    return x


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


def cumulative(ax, curves, quantity):
    """Cumulative distributions of `quantity` from (case, look) pairs; returns the lines."""
    lines = []
    for case, look in curves:
        found = case.quantities[quantity]
        if found.histograms:
            x, share = stats.histogram_cdf(found.histogram)
        else:
            x = np.sort(found.samples)
            share = np.arange(1, len(x) + 1) / len(x)
        lines += ax.plot(x, 100 * share, drawstyle="steps-post", **look)
    ax.set_xscale("log")
    ax.set_ylim(0, 101)
    return lines


def time_above(ns, stamp):
    """Below the cost of the stamp that was subtracted, a time is noise."""
    return units.time(ns, 2) if ns >= stamp else f"under {units.time(stamp, 2)}"


def legend_above(ax, lines, texts):
    ax.legend(lines, texts, loc="lower left", bbox_to_anchor=(-0.1, 1.0), frameon=False,
              fontsize=8.5, handlelength=2.4, labelspacing=0.25, borderaxespad=0.2)


def legend_on_top(figure, used, columns):
    """A legend of `used` (name -> handle) above all axes of a figure."""
    figure.legend(list(used.values()), list(used), loc="upper center", ncol=columns, frameon=False,
                  fontsize=8.5, handlelength=1.2, columnspacing=0.9, borderaxespad=0.2)
    room = (0.1 + 0.19 * -(-len(used) // columns)) / figure.get_figheight()
    figure.get_layout_engine().set(rect=(0, 0, 1, 1 - room))


def counts(rows):
    """How much stands behind rows of Run.table: `5 rounds × 20 samples`, or a range."""
    samples = sorted({int(round(n / r)) for n, r in zip(rows.n, rows["rounds"])})
    rounds = sorted({int(r) for r in rows["rounds"]})
    return f"n: {units.many(rounds, 'round')} × {units.many(samples, 'sample')} per case"


def save(drawing, stem, directory):
    """Writes DIRECTORY/STEM.svg and .png; returns the SVG as text for inlining."""
    figure = drawing.figure
    with plt.rc_context(STYLE):
        figure.set_dpi(200)
        figure.draw_without_rendering()
        figure.set_layout_engine("none")  # laid out: else each file would do it again, twice
        figure.savefig(directory / f"{stem}.png", dpi=200)
    svg = _svg(drawing, stem)
    (directory / f"{stem}.svg").write_text(svg, encoding="utf-8")
    return _inlined(svg, stem)


def inline(drawing, stem):
    """The SVG as text for a page that has no files beside it."""
    return _inlined(_svg(drawing, stem), stem)


def _svg(drawing, stem):
    text = io.StringIO()
    with plt.rc_context(STYLE | {"svg.hashsalt": stem}):
        drawing.figure.savefig(text, format="svg", metadata={"Date": None})
    plt.close(drawing.figure)
    return text.getvalue()


def _inlined(svg, stem):
    """What goes into a page: its ids made unique to this figure."""
    svg = svg[svg.index("<svg"):]
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.S)
    svg = re.sub(r'(\bid="|href="#|url\(#)', rf"\g<1>{stem}-", svg)
    return re.sub(r'<svg ([^>]*?)height="[^"]*"([^>]*?)width="[^"]*"', r"<svg \1\2", svg, count=1)
