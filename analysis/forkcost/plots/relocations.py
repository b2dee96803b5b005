"""What a relocation costs in time, by kind, and how much memory it makes private."""

import pandas as pd

from forkcost import one_more, units
from forkcost.plots import common

FIGURE = common.Figure("Exec and libraries", 30, "What a relocation costs")

COLOURS = {"relr": common.GREEN, "rela": common.BLUE, "symbolic": common.RED, "plt": common.ORANGE}


def draw(run):
    slopes = {m.key[1]: m for m in one_more.relocations(run)}
    if not slopes:
        return "this run has no `load` cases with main_start_ns at two numbers of relocations"
    dirty, relocations, libraries = dirtied(run)
    kinds = list(slopes)
    figure, axes = common.new_figure(1.3 + 0.36 * len(kinds), columns=2)
    for y, kind in enumerate(kinds):
        colour = COLOURS.get(kind.split()[0], common.GREY)
        found = slopes[kind]
        common.interval_bar(axes[0], y, found.line.slope, found.line.slope_interval, colour,
                            units.time(found.line.slope))
        if kind in dirty:
            p50, low, high = dirty[kind]
            common.interval_bar(axes[1], y, p50, (low, high), colour, units.amount(p50))
        else:
            axes[1].annotate("not measured", (0, y), (3, 0), textcoords="offset points",
                             va="center", fontsize=8, color=common.GREY)
    for ax, label in zip(axes, ("ns per relocation", "private dirty per library")):
        common.bar_axis(ax, kinds if ax is axes[0] else [""] * len(kinds), label)
    axes[1].xaxis.set_major_locator(common.byte_ticks(axes[1].dataLim.xmax))
    axes[1].xaxis.set_major_formatter(lambda b, _: units.size(b, 3) if b else "0")
    return common.Drawing(figure, message(slopes), _basis(run, slopes, dirty, relocations,
                                                          libraries))


def dirtied(run):
    """({kind: (bytes per library, low, high)}, relocations, libraries): library_private_dirty_bytes
    at the largest number of relocations that all kinds have."""
    series = one_more.relocation_kinds(run, "library_private_dirty_bytes")
    common_counts = set.intersection(*(set(a.rows.x) for a in series.values())) if series else ()
    if not common_counts:
        return {}, None, None
    at = max(common_counts)
    found = {}
    for kind, along in series.items():
        row = along.rows[along.rows.x == at].iloc[0]
        n = int(along.fixed.get("libraries", 1)) or 1
        found[kind] = (row.p50 / n, row.low / n, row.high / n)
    return found, at, n


def _basis(run, slopes, dirty, relocations, libraries):
    series = one_more.relocation_kinds(run)
    counts = common.counts(pd.concat([a.rows for a in series.values()]))
    over = sorted({m.over for m in slopes.values()})
    parts = ["slope of main_start_ns over all relocations of a process, with its 95% interval",
             counts, " or ".join(over)]
    if dirty:
        parts.append(f"private dirty: of the libraries' own mappings "
                     f"(library_private_dirty_bytes), {relocations:,} relocations in each of "
                     f"{libraries}")
    broken = [f"{kind}: {m.remark}" for kind, m in slopes.items() if m.remark]
    return "; ".join([*parts, *broken])


def message(slopes):
    order = sorted(slopes, key=lambda k: slopes[k].line.slope)
    cheap, dear = order[0], order[-1]
    if cheap == dear:
        return f"A relocation ({dear}) costs {slopes[dear].sentence}."
    return (f"Dearest is a relocation of kind {dear}, {slopes[dear].sentence}; cheapest one of "
            f"kind {cheap}, {slopes[cheap].sentence}.")
