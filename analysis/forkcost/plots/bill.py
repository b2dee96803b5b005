"""fork and the faults afterwards, by the share of the arena that is written, against
copying the whole arena at once."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from forkcost import choose, units
from forkcost.plots import common
from forkcost.plots.caption import Figure
from forkcost.plots.kinds import lines

FIGURE = Figure(
    "Calls and copy-on-write", 50, "The whole bill of a fork",
    message=("fork of {size:size} costs the parent {fork:time}, and {full:time} once it has written every page",
             ("; a copy of everything at once, into fresh memory, costs {fresh:time}",
              "; a copy of everything at once, into memory that is there, costs {copy:time}",
              ". This run has no copy-page case to set it against."),
             (": cheaper once more than {crossing} is written.", "{at_once?}, more than fork in every case.")),
    basis=("median", "band: p10s and p90s added", "{n}", "arena {size:size}, {base} pages",
           "one write per page, faults at their mean cost", "the child's end is not in it",
           "{fresh?}at once, into fresh memory: first touch and copy, added", "at once: scaled from {scaled}",
           "{fitted?}fork's part is from its fitted line"))


@dataclass(frozen=True)
class Bill:
    """ns, for an arena of `size` bytes. `fork`: (p10, p50, p90) of blocked_ns. `debt`: the same of
    writing all of it once while the child lives. `copy`, `fresh`: at once, into memory that is
    there, and into fresh memory (copy and first touch, added); None where not measured. `scaled`:
    the sizes of the reference cases that were not of this size. `fitted`: fork is from the line."""

    size: int
    fork: np.ndarray
    debt: np.ndarray
    copy: float | None
    fresh: float | None
    scaled: list
    fitted: bool
    base: str
    rows: object

    def crossing(self, at_once):
        """The share written from which on `at_once` would have been cheaper; None: never."""
        share = (at_once - self.fork[1]) / self.debt[1]
        return float(max(share, 0)) if share < 1 else None


def bill(run):
    """The run's Bill, or a string that says what it lacks."""
    debt = choose.touched(run, "debt_ns", state="first", access="write", writer="parent")
    if debt is None:
        return "this run has no `cow` case of a parent that writes first (debt_ns)"
    series = choose.calls(run)
    if series is None or series.path("fork").empty:
        return "this run has no `fork` case with path fork (blocked_ns)"
    size = int(debt.heap_bytes)
    row, fitted = series.at("fork", size), False
    if row is not None:
        fork = np.array([row.p10, row.p50, row.p90])
    else:
        line, fitted = series.line("fork"), True
        if line is None:
            return f"this run has no fork of {units.size(size)}, the arena of its `cow` cases"
        fork = np.full(3, line.predict(size))
    (copy, copied), (touch, touched) = (_whole(run, b, size) for b in ("copy-page", "first-touch"))
    fresh = copy + touch if copy is not None and touch is not None else None
    used = {copied, touched if fresh is not None else None}
    return Bill(size, fork, np.array([debt.p10, debt.p50, debt.p90]), copy, fresh,
                sorted(used - {size, None}), fitted, run.base,
                series.rows[series.rows.heap_bytes == size] if not fitted else series.rows)


def _whole(run, benchmark, size):
    """(ns for all pages of `size` bytes, from the reference case's debt at the size nearest to it; that
    size), or (None, None)."""
    rows = run.select(benchmark, "debt_ns", ("heap", "backing"))
    if rows.get("axis.backing", pd.Series(dtype=object)).notna().any():
        rows = rows[rows["axis.backing"] == run.base]
    rows = rows[rows.heap_bytes > 0]
    if rows.empty:
        return None, None
    near = rows.iloc[int(np.argmin(np.abs(np.log(rows.heap_bytes / size))))]
    return near.p50 * size / near.heap_bytes, int(near.heap_bytes)


def draw(run):
    found = bill(run)
    if isinstance(found, str):
        return found
    figure, (ax,) = common.new_figure()
    share = np.array([0, 100])
    low, mid, high = ((found.fork[i] + share / 100 * found.debt[i]) / 1e6 for i in range(3))
    ax.fill_between(share, low, high, color=common.RED, alpha=0.18, linewidth=0)
    ax.plot(share, mid, color=common.RED)
    ax.plot(0, mid[0], marker="o", color=common.RED, clip_on=False)
    labels = [(100, mid[1], "fork, then\nfaults", common.RED)]
    for at_once, text, colour, line in ((found.copy, "memcpy into\nmemory there", common.BLUE, "--"),
                                        (found.fresh, "memcpy into\nfresh memory", common.GREEN, "-.")):
        if at_once is not None:
            _at_once(ax, at_once / 1e6, found.crossing(at_once), {"color": colour, "linestyle": line})
            labels.append((100, at_once / 1e6, text, colour))
    ax.set_xlim(0, 142)
    ax.set_xticks(range(0, 101, 20))
    ax.set_ylim(bottom=0)
    ax.set_xlabel("share of the arena that the parent writes, %", loc="left")
    ax.set_ylabel("cost to the parent, ms (wall time)")
    lines.label_ends(ax, labels, gap=23)
    at_once = found.copy if found.fresh is None else found.fresh
    crossing = None if at_once is None else found.crossing(at_once)
    return FIGURE.of(
        figure, size=found.size, fork=found.fork[1], full=found.fork[1] + found.debt[1], copy=found.copy,
        fresh=found.fresh, at_once=at_once is not None, crossing=crossing is not None and f"{100 * crossing:.0f}%",
        n=common.counts(found.rows), base=found.base, fitted=found.fitted,
        scaled=" and ".join(units.size(size) for size in found.scaled))


def _at_once(ax, ms, crossing, look):
    """The cost whatever is written; and where fork and faults cost as much, if they do."""
    ax.plot((0, 100), (ms, ms), **look)
    if crossing:
        ax.plot(100 * crossing, ms, marker="o", color=look["color"])
        ax.annotate(f"{100 * crossing:.0f}%", (100 * crossing, ms), (5, -3), va="top",
                    textcoords="offset points", color=look["color"], fontsize=9)
