"""Cumulative distributions of what takes time, one curve per case, the legend above with what is typical of it."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from forkcost import stats
from forkcost.plots import common


@dataclass(frozen=True)
class Curve:
    """`row`: of Run.table; `text`: its line of the legend."""

    row: pd.Series
    text: str
    colour: str
    line: str


def draw(run, curves, each, many):
    """The figure. `each`: what took the time, below; `many`: what is counted on the left."""
    figure, (ax,) = common.new_figure(2.9 + 0.17 * len(curves))
    lines = []
    for curve in curves:
        found = run.quantity(curve.row["name"], curve.row.quantity)
        if found.histograms:
            x, share = stats.histogram_cdf(found.histogram)
        else:
            x = np.sort(found.samples)
            share = np.arange(1, len(x) + 1) / len(x)
        lines += ax.plot(x, 100 * share, drawstyle="steps-post", color=curve.colour, linestyle=curve.line)
    ax.set_ylim(0, 101)
    ax.set_xlim(0.8 * max(common.stamp(run), min(curve.row.p10 for curve in curves)),
                2 * max(curve.row.p99 for curve in curves))
    ax.set_ylabel(f"{many} that are faster, %")
    common.time_axis(ax.xaxis, each)
    ax.legend(lines, [curve.text for curve in curves], loc="lower left", bbox_to_anchor=(-0.1, 1.0), frameon=False,
              fontsize=8.5, handlelength=2.4, labelspacing=0.25, borderaxespad=0.2)
    return figure
