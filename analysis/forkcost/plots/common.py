"""Style, axes and legends of all figures, and how one is written.

Figures are small (346 points wide) with large type, so that the same SVG can be read on a phone
(358 px wide) and on a desk.
"""

import io
import re

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt  # noqa: E402
import numpy as np  # noqa: E402
from PIL import Image  # noqa: E402, of which matplotlib makes its own
from matplotlib.ticker import (  # noqa: E402
    FuncFormatter, LogLocator, MaxNLocator, MultipleLocator, NullFormatter)

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
UNKNOWN = {"color": "white", "hatch": "xxxx", "edgecolor": GREY}  # a part of a bar that nothing explains
PALETTE = (RED, BLUE, ORANGE, GREEN, PINK, SKY, BLACK, GREY)
# One look per path, the same in every figure: colour, marker, line.
PATH_STYLE = {
    "fork": (RED, "o", "-"), "_Fork": (ORANGE, "s", "--"), "clone3": (PINK, "^", "-."),
    "vfork": (BLUE, "v", "-"), "clone-vm": (SKY, "D", "--"), "posix_spawn": (GREEN, "P", "-"),
    "posix_spawn-actions": (GREEN, "X", ":"), "clone3-pidfd": (PINK, "<", ":"),
    "system": (GREY, "h", "-"), "popen": (GREY, ">", "--"), "fork-server": (BLACK, "*", "-."),
}


def path_style(path):
    colour, marker, line = PATH_STYLE.get(path, (GREY, ".", ":"))
    return {"color": colour, "marker": marker, "linestyle": line}


def part_looks(names):
    """{name: how a part of a bar is drawn}: colours in turn, then again with a hatch."""
    return {name: {"color": PALETTE[n % len(PALETTE)], "hatch": (None, "////", "....")[n // len(PALETTE) % 3]}
            for n, name in enumerate(names)}


def new_figure(height=3.9, shares=(1,), beside=False):
    """(figure, its axes) in the style: one below the other, or `beside` each other, with `shares` of the height or
    width. save() closes it."""
    with plt.rc_context(STYLE):
        size = {"ncols": len(shares), "width_ratios": shares} if beside else {
            "nrows": len(shares), "height_ratios": shares}
        figure, axes = plt.subplots(figsize=(WIDTH, height), layout="constrained", squeeze=False, **size)
    return figure, list(axes.flat)


def time_axis(axis, label):
    """A logarithmic axis of nanoseconds, labelled `1 ms`. Call it when its limits stand."""
    log_axis(axis, label, lambda ns: units.time(ns, 1))


def log_axis(axis, label, words):
    """A logarithmic axis with ticks as `words` says them. Call it when its limits stand."""
    getattr(axis.axes, f"set_{axis.axis_name}scale")("log")
    low, high = axis.get_view_interval()
    axis.set_major_locator(LogLocator(10, subs=(1, 2, 5) if high < 30 * low else (1,), numticks=12))
    axis.set_major_formatter(FuncFormatter(lambda x, _: words(x) if x > 0 else ""))
    axis.set_minor_formatter(NullFormatter())
    axis.set_label_text(label)


def plain_ticks(axis, _):
    """A linear axis from 0."""
    axis.set_major_locator(MaxNLocator(3))


def time_ticks(axis, most):
    """The same of nanoseconds up to `most`, all in one unit."""
    factor, unit = next((u for u in ((1e9, "s"), (1e6, "ms"), (1e3, "µs")) if most >= u[0]), (1, "ns"))
    axis.set_major_locator(MaxNLocator(3))
    axis.set_major_formatter(lambda ns, _: f"{ns / factor:g}{units.NBSP}{unit}".replace("-", "−") if ns else "0")


def byte_ticks(axis, most):
    """The same of bytes, at round numbers of their unit."""
    unit = 2 ** (10 * int(np.log2(max(most, 1)) // 10))
    steps = [step * unit for step in (1, 2, 4, 8, 16, 32, 64, 128, 256, 512)]
    axis.set_major_locator(MultipleLocator(next((s for s in steps if most / s <= 2), steps[-1])))
    axis.set_major_formatter(lambda b, _: units.size(b, 3) if b else "0")


def rows_axis(ax, names):
    """Dresses the axis of horizontal bars, the first one on top."""
    ax.set_yticks(range(len(names)), names)
    ax.set_ylim(len(names) - 0.5, -0.5)
    ax.grid(axis="y", visible=False)


def behind(ax, x, y, text, **look):
    """Text behind the end of a bar."""
    ax.annotate(text, (x, y), (5, 0), va="center", textcoords="offset points", **{"fontsize": 8.5} | look)


def stamp(run):
    """ns, what the run's clock costs: it was subtracted, and a time below it is noise."""
    return run.context.get("clock", {}).get("stamp_cost_ns", 1)


def time_above(ns, run):
    """A time, or that it is noise."""
    return units.time(ns, 2) if ns >= stamp(run) else f"under {units.time(stamp(run), 2)}"


def legend_on_top(figure, used, columns):
    """A legend of `used` (name -> handle) above all axes of a figure, which grows by its height."""
    figure.legend(list(used.values()), list(used), loc="upper center", ncol=columns, frameon=False,
                  fontsize=8.5, handlelength=1.2, columnspacing=0.9, borderaxespad=0.2)
    room = 0.1 + 0.19 * -(-len(used) // columns)
    figure.set_figheight(figure.get_figheight() + room)
    figure.get_layout_engine().set(rect=(0, 0, 1, 1 - room / figure.get_figheight()))


def ordered(values, known):
    """The different values, those of `known` first and in its order."""
    return [*(v for v in known if v in set(values)), *sorted(set(values) - set(known))]


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
        figure.canvas.draw()
        _picture(figure).save(directory / f"{stem}.png")
    svg = _svg(drawing, stem)
    (directory / f"{stem}.svg").write_text(svg, encoding="utf-8")
    return _inlined(svg, stem)


def _picture(figure):
    """Of 128 colours, more than flat areas and smoothed text take: a third of the bytes."""
    pixels = Image.fromarray(np.asarray(figure.canvas.buffer_rgba())).convert("RGB")
    return pixels.quantize(128, dither=Image.Dither.NONE)


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
