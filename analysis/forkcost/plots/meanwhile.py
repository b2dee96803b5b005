"""Yardsticks over the rounds of a run, or of a comparison's two sides: how much the machine moved while it
was measured."""

import numpy as np
from matplotlib.ticker import MaxNLocator

from forkcost import yardsticks
from forkcost.compare import phrases
from forkcost.plots import common
from forkcost.plots.before_after import LOOKS, short
from forkcost.plots.caption import Caption, Figure

_FAR = 0.02  # of rounds: one in which the machine stood still would hide all others
_DRAWN = "line: median over the cases of a round, of their own median; band: p10–p90 over them"
FIGURE = Figure(
    "The machine meanwhile", 10, "Work of user space alone, from round to round",
    message="Most of it stayed within (p10 to p90 of all rounds): {moved}.",
    basis=(_DRAWN, "n: {cases:whole} cases in up to {rounds:whole} rounds"))
CAPTION = Caption(
    message="{new} against {base}, median over the rounds: {moved}.",
    basis=(_DRAWN.replace("their own median", "their own median in {base}"),
           "n: {cases:whole} cases in up to {rounds:whole} rounds a side",
           ("both sides took turns, round by round{paired?}", "each side has rounds of its own: side by side they "
            "were not at the same time")))
NOTHING = "this run has no yardsticks in two rounds of a case"


def draw(run):
    found = {name: yardsticks.apart(run, name, yardsticks.usual(run, name)) for name in run.yardsticks}
    found = {name: by_round for name, by_round in found.items() if by_round}
    if not found:
        return NOTHING
    titles = [run.yardsticks[name]["title"] for name in found]
    figure, panels = _panels(titles)
    spreads = yardsticks.spreads([*found.values()])
    for ax, by_round, spread, colour in zip(panels, found.values(), spreads, common.PALETTE):
        line = _line(ax, spread, color=colour, marker="o")
        every = np.concatenate([*by_round.values()])
        _limit(ax, np.quantile(every, (0.05, 0.95)), [line])  # one case that was interrupted would hide the rest
    return FIGURE.of(
        figure, moved=", ".join(f"{title} {_range(by_round)}" for title, by_round in zip(titles, found.values())),
        cases=sum(bool(case.yardsticks) for case in run.cases.values()),
        rounds=max(number for spread in spreads for number, *_ in spread))


def compared(comparison):
    """Of a Comparison whose sides both have yardsticks."""
    found = comparison.yardsticks
    figure, panels = _panels([phrases.plain(y.title) for y in found])
    labels = [phrases.plain(side.label) for side in (comparison.base, comparison.new)]
    for ax, yardstick in zip(panels, found):
        drawn = [_line(ax, side, label=short(label), **look)
                 for side, label, look in zip((yardstick.base, yardstick.new), labels, LOOKS)]
        ends = np.array([*yardstick.base, *yardstick.new])
        _limit(ax, (np.quantile(ends[:, 1], 0.05), np.quantile(ends[:, 3], 0.95)), drawn)
    handles, names = panels[0].get_legend_handles_labels()
    common.legend_on_top(figure, dict(zip(names, handles)), 2)
    return CAPTION.of(
        figure, base=labels[0], new=labels[1], paired=any(c.paired for c in comparison.changes),
        moved=", ".join(f"{phrases.plain(y.title)} {_signed(_middle(y.new) - _middle(y.base))}%" for y in found),
        cases=max(y.cases for y in found),
        rounds=max(number for y in found for side in (y.base, y.new) for number, *_ in side))


def _panels(titles):
    """(the figure, an axis for each)."""
    figure, panels = common.new_figure(0.9 + 1.05 * len(titles), (1,) * len(titles))
    for ax, title in zip(panels, titles):
        ax.set_title(title, loc="left", fontsize=9.5)
        ax.yaxis.set_major_formatter(lambda x, _: f"{x:+.3g}%".replace("-", "−") if abs(x) > 1e-9 else "0")
        ax.yaxis.set_major_locator(MaxNLocator(3))
        ax.xaxis.set_major_locator(MaxNLocator(6, integer=True))
    panels[-1].set_xlabel("round")
    return figure, panels


def _line(ax, spread, **look):
    """Draws (number, p10, median, p90) of each round; gives the medians."""
    places, low, middle, high = np.transpose(spread)
    ax.fill_between(places, low, high, color=look["color"], alpha=0.18, linewidth=0)
    ax.plot(places, middle, markersize=3, **look)
    return middle


def _limit(ax, ends, lines):
    low, high = np.quantile(np.concatenate(lines), (_FAR, 1 - _FAR))  # a line may leave for a round
    low, high = min(ends[0], low), max(ends[1], high)
    margin = max(0.1 * (high - low), 0.1)
    ax.set_ylim(low - margin, high + margin)


def _middle(spread):
    return float(np.median([middle for _, _, middle, _ in spread]))


def _range(by_round):
    low, high = np.quantile(np.concatenate([*by_round.values()]), (0.1, 0.9))
    return f"{_signed(low)} to {_signed(high)}%"


def _signed(percent):
    return f"{round(percent, 1) + 0.0:+.1f}".replace("-", "−")  # no -0.0
