"""One process creation cut into its phases, per spawn path at one size.

Medians of phases do not add up to the median of the total. Shown is the mean of the samples in
the middle fifth by total: it adds up exactly, and lies at the median.
"""

from dataclasses import dataclass

import numpy as np

from forkcost import choose, units
from forkcost.plots import common

FIGURE = common.Figure("Calls and copy-on-write", 30, "Where the time goes")

# (event that ends the phase, its name, colour). A phase whose end was not stamped joins the next.
PHASES = (
    ("child", "→ child runs", common.PINK),
    ("exec", "→ execve", common.RED),
    ("image", "→ image starts", common.ORANGE),
    ("main", "→ main", common.SKY),
    ("exit", "→ exit", common.GREEN),
    ("reaped", "→ reaped", common.BLUE),
)
REST = ("not stamped", "#bbbbbb")


@dataclass(frozen=True)
class Stack:
    """`parts`: event -> (ns, joined: holds unstamped phases before it). `rest`: the ns of total
    that no stamp explains. `blocked`: ns until the caller went on, or None."""

    parts: dict
    rest: float
    total: float
    blocked: float | None
    n: int


def by_sample(case):
    """Quantity -> one value per sample of a Case, in one order; only those that all samples have
    which have a total."""
    total = case.quantities.get("total_ns")
    sizes = [len(r) for r in total.rounds] if total else []
    return {name: np.concatenate(q.rounds) for name, q in case.quantities.items()
            if q.rounds and [len(r) for r in q.rounds] == sizes}


def stack(case):
    """The Stack of a Case, or None without total_ns."""
    values = by_sample(case)
    total = values.get("total_ns")
    if total is None:
        return None
    at = {event: values.get(name) for event, name in (
        ("child", "child_start_ns"), ("exec", "exec_ns"), ("image", "image_start_ns"),
        ("main", "main_start_ns"))}
    if values.get("teardown_ns") is not None:
        at |= {"exit": total - values["teardown_ns"], "reaped": total}
    return cut(total, at, PHASES, values.get("blocked_ns"))


def cut(total, at, phases, blocked=None):
    """The Stack of samples: `at`: event -> its times, or None. None if no sample is complete."""
    at = {event: times for event, times in at.items()
          if times is not None and len(times) == len(total)}
    complete = np.all([~np.isnan(v) for v in (total, *at.values())], axis=0)
    if not complete.any():
        return None
    low, high = np.quantile(total[complete], [0.4, 0.6])
    chosen = complete & (total >= low) & (total <= high)
    parts, before, joined = {}, 0.0, False
    for event, _, _ in phases:
        if event not in at:
            joined = True
            continue
        now = at[event][chosen].mean()
        if now < before:
            # A stamp out of order (a caller's event may overtake the child's): leave it joined.
            joined = True
            continue
        parts[event] = (now - before, joined)
        before, joined = now, False
    if blocked is not None:
        blocked = np.nanmean(blocked[chosen]) if len(blocked) == len(total) else None
    mean = total[chosen].mean()
    return Stack(parts, mean - before, mean, blocked, int(chosen.sum()))


def draw(run):
    series = choose.spawns(run, "total_ns", choose.STAMPED)
    if series is None:
        return "this run has no `spawn` cases with total_ns"
    size = choose.middle(series.sizes)
    stacks = {p: s for p in series.paths if (row := series.at(p, size)) is not None
              and (s := stack(run.cases[row["name"]])) is not None}
    if not stacks:
        return "no sample of this run has all stamps of its path"
    groups = _panels(stacks)
    figure, axes = common.new_figure(1.5 + 0.3 * len(stacks) + 0.5 * len(groups),
                                     [len(g) for g in groups])
    axes, used = np.atleast_1d(axes), {}
    for ax, paths in zip(axes, groups):
        _panel(ax, {p: stacks[p] for p in paths}, used)
    axes[0].legend(handles=list(used.values()), labels=list(used), loc="lower center", ncol=3,
                   bbox_to_anchor=(0.36, 1.0), frameon=False, fontsize=8.5, handlelength=1.2,
                   columnspacing=0.9, borderaxespad=0.2)
    axes[-1].set_xlabel("time since the call (◆: the caller goes on)")
    rows = series.rows[series.rows.heap_bytes == size]
    basis = (f"mean of the middle fifth of samples by total, so that the parts add up; "
             f"{common.counts(rows)}; parent {units.size(size)}, {series.says()}; hatched: "
             "includes the phases before it, which this path cannot stamp")
    if len(groups) > 1:
        basis += "; the lower panel has a scale of its own"
    return common.Drawing(figure, message(stacks), basis)


def _panels(stacks):
    """The paths by total, cut in two at the widest gap where one scale would hide the short."""
    order = sorted(stacks, key=lambda p: stacks[p].total)
    totals = np.array([stacks[p].total for p in order])
    gaps = totals[1:] / totals[:-1]
    if totals[-1] < 5 * totals[0] or gaps.max() < 2:
        return [order]
    cut = int(np.argmax(gaps)) + 1
    return [order[:cut], order[cut:]]


def _panel(ax, stacks, used):
    unit = 1e6 if max(s.total for s in stacks.values()) > 2e6 else 1e3
    for y, found in enumerate(stacks.values()):
        bar(ax, y, found, unit, used, PHASES)
        ax.annotate(units.time(found.total), (found.total / unit, y), (7, 0), va="center",
                    textcoords="offset points", fontsize=8.5)
    ax.set_yticks(range(len(stacks)), stacks)
    ax.set_ylim(len(stacks) - 0.5, -0.5)
    ax.set_xlim(0, 1.2 * max(s.total for s in stacks.values()) / unit)
    ax.xaxis.set_major_formatter(f"{{x:g}} {'ms' if unit == 1e6 else 'µs'}")
    ax.xaxis.set_major_locator(common.matplotlib.ticker.MaxNLocator(5))
    ax.grid(axis="y", visible=False)


def bar(ax, y, found, scale, used, phases):
    """One Stack at `y`, in units of `scale` ns; adds what it drew to `used`: name -> handle."""
    left = 0.0
    for event, name, colour in phases:
        if event in found.parts:
            width, joined = found.parts[event]
            part = ax.barh(y, width / scale, left=left / scale, color=colour, height=0.62,
                           hatch="////" if joined else None, edgecolor="white", linewidth=0.4)
            if not joined or name not in used:
                used[name] = part
            left += width
    if found.rest > 0.005 * found.total:
        used[REST[0]] = ax.barh(y, found.rest / scale, left=left / scale, color=REST[1],
                                height=0.62, hatch="....", edgecolor="white", linewidth=0.4)
    if found.blocked is not None:
        ax.plot(found.blocked / scale, y, marker="D", color="black", markersize=4.5,
                markeredgecolor="white", markeredgewidth=0.8, linestyle="none")


def message(stacks):
    path = max(stacks, key=lambda p: stacks[p].total)
    found = stacks[path]
    names = {event: name for event, name, _ in PHASES}
    event = max(found.parts, key=lambda e: found.parts[e][0], default=None)
    if event is None or found.rest > found.parts[event][0]:
        return f"{path} takes longest, {units.time(found.total)}; most of it is not stamped."
    return (f"{path} takes longest, {units.time(found.total)}; its largest part, "
            f"{units.time(found.parts[event][0])}, is “{names[event]}”.")
