"""What changed, as ratios with their intervals, for `forkcost compare`: a line per slope and per
quantity of a case, the threshold as a band behind it."""

import textwrap

import numpy as np
from matplotlib.patches import Rectangle
from matplotlib.ticker import MaxNLocator, NullLocator

from forkcost import units
from forkcost.compare import phrases
from forkcost.compare.result import FAILED, FASTER, SAME, SLOWER, UNCLEAR, Family
from forkcost.plots import common

MOST = 40  # lines; more are no picture
LOOKS = {SLOWER: (common.RED, ">"), FASTER: (common.BLUE, "<"), UNCLEAR: (common.GREY, "o"),
         SAME: (common.BLACK, "s")}
_LETTERS = 72  # of a name in one line, at this size
_LINE, _ROW = 10, 17  # points: a line of a name, and the interval under it
_TICKS = (1, 2, 0.5, 1.25, 0.8, 1.1, 0.9, 10, 0.1, 5, 0.2, 100, 0.01)  # the first ones matter most


def items(comparison):
    """[Family | Row] with a ratio: slower, faster, unclear, then slopes that are the same."""
    found = [item for v in (SLOWER, FASTER, UNCLEAR) for item in phrases.listed(comparison, v)]
    found += [f for f in comparison.families if f.change.verdict == SAME]
    return [item for item in found if _drawable(item)]


def _drawable(item):
    return phrases.known(item.change.ratio) and item.change.ratio > 0


def draw(comparison):
    found = items(comparison)
    if not found:
        return "no ratio of the two sides is slower, faster or unclear"
    shown = found[:MOST]
    names = [_name(item) for item in shown]
    heights = [_LINE * len(lines) + _ROW for lines in names]
    figure, ax = common.new_figure((sum(heights) + 62) / 72)
    figure.get_layout_engine().set(rect=(0.01, 0, 0.8, 1))
    low, high = _limits(shown)
    ax.set_xscale("log")
    ax.set_xlim(low, high)
    ax.set_ylim(sum(heights), 0)
    ax.grid(visible=False)  # names stand between the lines
    top = 0
    for item, lines, height in zip(shown, names, heights):
        note = ax.annotate("\n".join(lines), (0, top + 1), xycoords=("axes fraction", "data"),
                           va="top", fontsize=7.2, linespacing=1.15, parse_math=False,
                           annotation_clip=False)
        note.set_in_layout(False)  # a name may be wider than the axes
        top += height
        _line(ax, item.change, top - _ROW / 2, (low, high))
    _dress(ax, (low, high), comparison)
    return common.Drawing(figure, message(comparison), _basis(comparison, found, shown))


def _name(item):
    """Lines of a name, broken behind a slash or a space."""
    of = f" ({phrases.slope(item)})" if isinstance(item, Family) else ""
    lines = textwrap.wrap((phrases.title(item) + of).replace("/", "/ "), _LETTERS,
                          break_on_hyphens=False)
    return [line.replace("/ ", "/") for line in lines] or [""]


def _limits(shown):
    """The axis holds all ratios; an interval that goes far beyond them gets an arrow."""
    ratios = [item.change.ratio for item in shown]
    ends = [end for item in shown if phrases.interval(item.change) for end in item.change.interval]
    bands = [x for item in shown if not item.change.exact
             for x in _band(item.change)]
    least, most = min([*ratios, 1]), max([*ratios, 1])
    low = max(min([least, *(e for e in (*ends, *bands) if e > 0)]), least / 1.5)
    high = min(max([most, *ends, *bands]), most * 1.5)
    span = max(np.log(high / low), 1e-6)
    return low / np.exp(0.05 * span), high * np.exp(0.05 * span)


def _band(change):
    """What is no news: a threshold is a factor."""
    return 1 / (1 + change.threshold), 1 + change.threshold


def _line(ax, change, y, limits):
    """A ratio with its interval on the threshold's band, and the figure at the right."""
    colour, marker = LOOKS[change.verdict]
    if not change.exact and change.threshold > 0:
        least, most = _band(change)
        ax.add_patch(Rectangle((least, y - _ROW / 2), most - least, _ROW, color="#e4e4e4",
                               linewidth=0, zorder=0))
    ax.plot((1, 1), (y - _ROW / 2, y + _ROW / 2), color="black", linewidth=0.9)
    if phrases.interval(change):
        ends = np.clip(change.interval, *limits)
        ax.plot(ends, (y, y), color=colour, linewidth=1.4, solid_capstyle="butt")
        for end, whole, arrow in zip(ends, change.interval, "<>"):
            ax.plot(end, y, color=colour, marker="|" if end == whole else arrow, markersize=5)
    else:
        ax.plot((1, change.ratio), (y, y), color=colour, linewidth=0.8, linestyle=":")
    ax.plot(change.ratio, y, color=colour, marker=marker, markersize=6)
    ax.annotate(phrases.percent(change.ratio, change.exact), (1.02, y),
                xycoords=("axes fraction", "data"), va="center", fontsize=9, annotation_clip=False)


def _dress(ax, limits, comparison):
    low, high = limits
    if high / low < 1.5:
        steps = MaxNLocator(4, steps=[1, 2, 5, 10]).tick_values(100 * (low - 1),
                                                                   100 * (high - 1))
        ticks = [1 + s / 100 for s in steps]
    else:
        ticks, least = [], np.log(high / low) / 6  # nearer ones would touch on a phone
        for t in _TICKS:
            if all(abs(np.log(t / other)) >= least for other in ticks):
                ticks.append(t)
    ax.set_xticks([t for t in ticks if low <= t <= high])
    ax.xaxis.set_major_formatter(lambda x, _: tick(x))
    ax.xaxis.set_minor_locator(NullLocator())
    ax.tick_params(labeltop=True)  # the figure may be longer than a screen
    ax.set_yticks([])
    ax.spines["left"].set_visible(False)
    sides = [phrases.plain(side.label) for side in (comparison.new, comparison.base)]
    ax.set_xlabel(" against ".join(sides), parse_math=False)


def tick(ratio):
    """A ratio under an axis: `+10%`, `2×`."""
    if not 0.5 < ratio < 2:
        return f"{ratio:g}×"
    change = round(100 * (ratio - 1), 6)
    return f"{change:+g}%".replace("-", "−") if change else "0"


def message(comparison):
    """The largest regression, or that there is none."""
    slower, faster = (phrases.listed(comparison, v) for v in (SLOWER, FASTER))
    worst = next((i for i in slower if phrases.known(i.change.ratio)), None)
    failed = comparison.count(FAILED)
    end = f" {units.many([failed], 'case')} failed." if failed else ""
    if worst is not None:
        return f"Slower first: {phrases.title(worst)}, {phrases.changed(worst.change)}.{end}"
    if faster:
        return (f"Nothing is slower. Faster first: {phrases.title(faster[0])}, "
                f"{phrases.changed(faster[0].change)}.{end}")
    return f"Nothing is slower or faster.{end}"


def _basis(comparison, found, shown):
    parts = ["bars: 95% intervals" if any(phrases.interval(i.change) for i in shown) else
             "no intervals"]
    if any(not i.change.exact for i in shown):
        parts.append("grey band: the threshold; > slower, < faster, ● unclear, ■ the same; an "
                     "arrow at the end of a bar: it goes on")
    else:
        parts.append("> more, < fewer, counted exactly")
    parts.append(f"rounds of base and new: {_rounds(shown)}")
    if len(found) > len(shown):
        parts.append(f"not drawn: {len(found) - len(shown):,} more of {len(found):,}, the last "
                     "ones in this order: slower, faster, unclear, slopes that are the same")
    if without := sum(not _drawable(i) for i in phrases.listed(comparison, SLOWER, FASTER, UNCLEAR)):
        parts.append(f"{without:,} without a ratio above 0")
    same = comparison.count(SAME)
    if same:
        parts.append(f"{same:,} that are the same stand in the table")
    return "; ".join(parts)


def _rounds(shown):
    found = sorted({phrases.rounds(item) for item in shown})
    return found[0] if len(found) == 1 else f"from {found[0]} to {found[-1]}"
