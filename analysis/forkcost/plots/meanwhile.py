"""Yardsticks over the rounds of a run: how much the machine moved while it was measured."""

import numpy as np
from matplotlib.ticker import MaxNLocator

from forkcost.plots import common
from forkcost.plots.caption import Figure

FIGURE = Figure(
    "The machine meanwhile", 10, "Work of user space alone, from round to round",
    message="Most of it stayed within (p10 to p90 of all rounds): {moved}.",
    basis=("line: median over the cases of a round, of their own median; band: p10–p90 over them",
           "n: {cases:whole} cases in up to {rounds:whole} rounds"))
NOTHING = "this run has no yardsticks in two rounds of a case"


def draw(run):
    found = {name: _relative(run, name) for name in run.yardsticks}
    found = {name: by_round for name, by_round in found.items() if by_round}
    if not found:
        return NOTHING
    figure, axes = common.new_figure(0.9 + 1.05 * len(found), (1,) * len(found))
    for ax, (name, by_round), colour in zip(axes, found.items(), common.PALETTE):
        rounds = sorted(by_round)
        low, middle, high = np.transpose([np.quantile(by_round[r], (0.1, 0.5, 0.9)) for r in rounds])
        places = np.arange(1, len(rounds) + 1)
        ax.fill_between(places, low, high, color=colour, alpha=0.18, linewidth=0)
        ax.plot(places, middle, color=colour, marker="o", markersize=3)
        ax.set_ylim(*_limits(by_round, middle))  # one case that was interrupted would hide the rest
        ax.set_title(run.yardsticks[name]["title"], loc="left", fontsize=9.5)
        ax.yaxis.set_major_formatter(lambda x, _: f"{x:+.3g}%".replace("-", "−") if abs(x) > 1e-9 else "0")
        ax.yaxis.set_major_locator(MaxNLocator(3))
        ax.xaxis.set_major_locator(MaxNLocator(6, integer=True))
    axes[-1].set_xlabel("round")
    return FIGURE.of(
        figure, moved=", ".join(f"{run.yardsticks[name]['title']} {_range(by_round)}"
                                for name, by_round in found.items()),
        cases=sum(bool(case.yardsticks) for case in run.cases.values()),
        rounds=max(map(len, found.values())))


def _relative(run, name):
    """(file, round) -> by how many percent each case's median of a yardstick in it differs from the case's median of
    all its rounds, of which there are two at least."""
    by_round = {}
    for case in run.cases.values():
        taken = case.yardsticks.get(name, {})
        if len(taken) < 2:
            continue
        medians = {key: np.median(values) for key, values in taken.items()}
        usual = np.median([*medians.values()])
        for key, median in medians.items():
            by_round.setdefault(key, []).append(100 * (median / usual - 1))
    return by_round


def _limits(by_round, middle):
    low, high = np.quantile(np.concatenate([*by_round.values()]), (0.05, 0.95))
    low, high = min(low, *middle), max(high, *middle)
    margin = max(0.1 * (high - low), 0.1)
    return low - margin, high + margin


def _range(by_round):
    low, high = np.quantile(np.concatenate([*by_round.values()]), (0.1, 0.9))
    return f"{_signed(low)} to {_signed(high)}%"


def _signed(percent):
    return f"{round(percent, 1) + 0.0:+.1f}".replace("-", "−")  # no -0.0
