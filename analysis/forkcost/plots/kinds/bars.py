"""Horizontal bars, of one part or of several that add up, their figures behind them: one per row, or a group."""

from dataclasses import dataclass

from forkcost import units
from forkcost.plots import common

NOT_STAMPED = "not stamped"  # the part of a cut that no stamp explains


@dataclass(frozen=True)
class Bar:
    """`parts`: (name in the legend, or "", width, look), from the left; `text`: behind them; `interval`: 95%, or None
    (NaN: none either); `mark`: where a ◆ stands, or None; `rule`: (name, from, to) of a line above them, or None."""

    parts: list
    text: str
    interval: tuple | None = None
    mark: float | None = None
    rule: tuple | None = None


@dataclass(frozen=True)
class Panel:
    """`rows`: {name: its Bars; None: that one was not measured}. `ticks`: function of an axis and the largest value;
    `room`: for the figures, as a share of the longest."""

    rows: dict
    label: str = ""
    title: str = ""
    ticks: object = common.time_ticks
    room: float = 0.25


def plain(value, interval, text, colour, name=""):
    """A Bar of one part."""
    return Bar([(name, value, {"color": colour})], text, interval)


def of_cut(cut, phases, text=""):
    """The Bar of a cuts.Cut, with `text` behind its total. `phases`: event -> (its name, colour)."""
    parts = [(phases[event][0], ns, {"color": phases[event][1], "hatch": "////" if joined else None})
             for event, (ns, joined) in cut.parts.items()]
    if cut.rest > 0.005 * cut.total:
        parts.append((NOT_STAMPED, cut.rest, {"color": "#bbbbbb", "hatch": "...."}))
    return Bar(parts, units.time(cut.total) + text, mark=cut.blocked)


def draw(panels, row_height, legend=(), beside=False, mark="", columns=3):
    """The figure. Panels stand `beside` each other, with the names of the first, or one below the other. `legend`: the
    parts' names in their order; `mark`: the name of the ◆."""
    lengths = [len(panel.rows) for panel in panels]
    shares, rows = ((1,) * len(panels), max(lengths)) if beside else (lengths, sum(lengths))
    figure, axes = common.new_figure(
        0.65 + row_height * rows + 0.5 * (1 if beside else len(panels)), shares, beside)
    used = {}
    for ax, panel in zip(axes, panels):
        for y, group in enumerate(panel.rows.values()):
            for i, bar in enumerate(group):
                _draw(ax, y + (i - (len(group) - 1) / 2) * 0.8 / len(group), bar, 0.65 / len(group), used, mark)
        common.rows_axis(ax, [name if not beside or ax is axes[0] else "" for name in panel.rows])
        low, high = ax.dataLim.intervalx
        ax.set_xlim(min(low, 0) * 1.05, (high or 1) * (1 + panel.room))
        panel.ticks(ax.xaxis, high)
        ax.set_xlabel(panel.label)
        ax.set_title(panel.title, loc="left", fontsize=9.5)
    if used:
        common.legend_on_top(figure, {name: used[name] for name in [*legend, *used] if name in used}, columns)
    return figure


def _draw(ax, y, bar, height, used, mark):
    """Adds what it drew to `used`: name -> handle."""
    if not bar:
        common.behind(ax, 0, y, "not measured", color=common.GREY)
        return
    left = 0.0
    for name, width, look in bar.parts:
        part = ax.barh(y, width, left=left, height=height, linewidth=0.4, **{"edgecolor": "white"} | look)
        if name and (name not in used or not look.get("hatch")):
            used[name] = part
        left += width
    ends = [0, left]
    if bar.interval is not None and bar.interval[0] == bar.interval[0]:
        ax.plot(bar.interval, (y, y), color="black", linewidth=1.1, marker="|", markersize=5)
        ends.extend(bar.interval)
    if bar.mark is not None:
        handle, = ax.plot(bar.mark, y, marker="D", color="black", markersize=4.5, markeredgecolor="white",
                          markeredgewidth=0.8, linestyle="none")
        ends.append(bar.mark)
        if mark:
            used[mark] = handle
    if bar.rule:
        name, *span = bar.rule
        used[name], = ax.plot(span, (y - 0.42, y - 0.42), color="black", linewidth=1.4, marker="|", markersize=7)
    common.behind(ax, max(ends), y, bar.text)
