"""What changed, as ratios with their intervals, for `forkcost compare`: a line per slope and per
quantity of a case, the threshold as a band behind it."""

import textwrap

import numpy as np
from matplotlib.patches import Rectangle
from matplotlib.ticker import MaxNLocator, NullLocator

from forkcost import units
from forkcost.compare import phrases
from forkcost.compare.result import FAILED, FASTER, SAME, SLOWER, UNCLEAR, Family
from forkcost.compare.stages import CORE
from forkcost.plots import common
from forkcost.plots.caption import Caption

CAPTION = Caption(
    message=(("Largest regression: {slower}, {by}.", "Nothing is slower. Largest improvement: {faster}, {by}.",
              "Nothing is slower or faster."), " {failed} failed."),
    basis=(("bars: 95% intervals{intervals?}", "no intervals"),
           ("grey band: the threshold; > slower, < faster, ● unclear, ■ the same; an arrow at the end of a bar: the "
            "interval goes on{timed?}", "> more, < fewer, counted exactly"),
           "finds: the smallest slowdown that these rounds find in 8 of 10 cases{finds?}",
           "rounds of base and new: {rounds}",
           "not drawn: {more:whole} more of {found:whole}, the last ones in this order: slower, faster, unclear, "
           "slopes that are the same", "{without:whole} without a ratio above 0",
           "{same:whole} that are the same stand in the table"))
MOST = 40  # lines; more are no picture
LOOKS = {SLOWER: (common.RED, ">"), FASTER: (common.BLUE, "<"), UNCLEAR: (common.GREY, "o"),
         SAME: (common.BLACK, "s")}
_TITLE, _NAME = (7.2, 10, 80), (6, 8.3, 96)  # points of type and of a line, letters of a line
_ROW = 17  # points: the interval under them
_TICKS = (1, 2, 0.5, 1.25, 0.8, 1.1, 0.9, 10, 0.1, 5, 0.2, 100, 0.01)  # the first ones matter most


def items(comparison):
    """[Family | Row] with a ratio: slower, faster, unclear, slopes that are the same; and what else is the
    same in the core, where there is room for all of it."""
    found = [item for v in (SLOWER, FASTER, UNCLEAR) for item in phrases.listed(comparison, v)]
    found += [f for f in comparison.families if f.change.verdict == SAME]
    found = [item for item in found if _drawable(item)]
    same = [r for r in comparison.rows if _drawable(r) and r.change.verdict == SAME and r.change.interval
            and r.change.stage == CORE]
    return found + (same if len(found) + len(same) <= MOST else [])


def _drawable(item):
    return phrases.known(item.change.ratio) and item.change.ratio > 0


def draw(comparison):
    found = items(comparison)
    if not found:
        return "no ratio of the two sides is slower, faster or unclear"
    shown = found[:MOST]
    texts = [_texts(item) for item in shown]
    heights = [_ROW + sum(line for *_, line in of_item) for of_item in texts]
    figure, (ax,) = common.new_figure((sum(heights) + 62) / 72)
    figure.get_layout_engine().set(rect=(0.01, 0, 0.8, 1))
    low, high = _limits(shown)
    ax.set_xscale("log")
    ax.set_xlim(low, high)
    ax.set_ylim(sum(heights), 0)
    ax.grid(visible=False)  # names stand between the lines
    top = 1
    for item, lines in zip(shown, texts):
        for text, size, colour, height in lines:
            note = ax.annotate(text, (0, top), xycoords=("axes fraction", "data"), va="top", fontsize=size,
                               color=colour, parse_math=False, annotation_clip=False)
            note.set_in_layout(False)  # it may be wider than the axes
            top += height
        _line(ax, item.change, top - 1 + _ROW / 2, (low, high))
        top += _ROW
    _dress(ax, (low, high), comparison)
    return _captioned(figure, comparison, found, shown)


def _texts(item):
    """[(a line, its size, colour and height)] of the title, and small of the name where that is another."""
    title, name = phrases.title(item), phrases.name(item)
    of = f" ({phrases.slope(item)})" if isinstance(item, Family) else ""
    return _wrapped(title + of, _TITLE, common.BLACK) + (_wrapped(name, _NAME, common.GREY) if name != title else [])


def _wrapped(text, look, colour):
    """Broken behind a slash or a space."""
    size, height, letters = look
    lines = textwrap.wrap(text.replace("/", "/ "), letters, break_on_hyphens=False)
    return [(line.replace("/ ", "/"), size, colour, height) for line in lines or [""]]


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
    finds = phrases.known(change.detectable) and change.interval
    texts = [(phrases.percent(change.ratio, change.exact), y - 3.5 if finds else y, 9, common.BLACK)]
    if finds:  # beside its own line: under it the next title may be as long as the figure is wide
        texts.append((f"finds {units.percent(change.detectable)}", y + 5, _NAME[0], common.GREY))
    for text, at, size, tint in texts:
        ax.annotate(text, (1.02, at), xycoords=("axes fraction", "data"), va="center", fontsize=size,
                    color=tint, annotation_clip=False)


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


def _captioned(figure, comparison, found, shown):
    """The Drawing; it leads with the largest regression, or says that there is none."""
    slower, faster = (phrases.listed(comparison, v) for v in (SLOWER, FASTER))
    worst = next((i for i in slower if phrases.known(i.change.ratio)), None)
    first = worst or (faster[0] if faster else None)
    rounds = sorted({phrases.rounds(item) for item in shown})
    failed, without = comparison.count(FAILED), sum(
        not _drawable(i) for i in phrases.listed(comparison, SLOWER, FASTER, UNCLEAR))
    same = comparison.count(SAME) - sum(
        i.change.verdict == SAME and not isinstance(i, Family) for i in shown)
    return CAPTION.of(
        figure, slower=worst and phrases.title(worst), faster=first and phrases.title(first),
        by=first and phrases.changed(first.change), failed=failed and units.many([failed], "case") or None,
        intervals=any(phrases.interval(i.change) for i in shown), timed=any(not i.change.exact for i in shown),
        rounds=rounds[0] if len(rounds) == 1 else f"from {rounds[0]} to {rounds[-1]}",
        more=len(found) - len(shown) or None, found=len(found), without=without or None,
        same=same or None, finds=any(phrases.known(i.change.detectable) and i.change.interval for i in shown))
