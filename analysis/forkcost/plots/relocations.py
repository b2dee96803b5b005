"""What a relocation costs in time, by kind, and how much memory it makes private."""

import pandas as pd

from forkcost import one_more, units
from forkcost.plots import common
from forkcost.plots.caption import Figure
from forkcost.plots.kinds import bars

FIGURE = Figure(
    "Exec and libraries", 30, "What a relocation costs",
    message=(("The most expensive kind of relocation is {dear}, {most}; the cheapest is {cheap}, {least}.",
              "A relocation ({dear}) costs {most}."),),
    basis=("slope of main_start_ns over all relocations of a process, with its 95% interval", "{n}", "{over}",
           "private dirty: of the libraries' own mappings (library_private_dirty_bytes), {relocations:whole} "
           "relocations in each of {libraries}", "{broken}"))
COLOURS = {"relr": common.GREEN, "rela": common.BLUE, "symbolic": common.RED, "plt": common.ORANGE}


def draw(run):
    slopes = {m.key[1]: m for m in one_more.relocations(run)}
    if not slopes:
        return "this run has no `load` cases with main_start_ns at two numbers of relocations"
    dirty, relocations, libraries = dirtied(run)
    panels = [bars.Panel({kind: [_bar(kind, m.line.slope, m.line.slope_interval, units.time)]
                          for kind, m in slopes.items()}, "one relocation", room=0.5)]
    if dirty:
        panels.append(bars.Panel({kind: [kind in dirty and _bar(kind, dirty[kind][0], dirty[kind][1:], units.amount)]
                                  for kind in slopes}, "private dirty per library", ticks=common.byte_ticks, room=0.5))
    figure = bars.draw(panels, 0.36, beside=True)
    rows = pd.concat([along.rows for along in one_more.relocation_kinds(run).values()])
    order = sorted(slopes, key=lambda kind: slopes[kind].line.slope)
    cheap, dear = order[0], order[-1]
    return FIGURE.of(figure, n=common.counts(rows), over=" or ".join(sorted({m.over for m in slopes.values()})),
                     relocations=relocations, libraries=libraries, dear=dear, most=slopes[dear].sentence,
                     cheap=cheap != dear and cheap, least=slopes[cheap].sentence,
                     broken="; ".join(f"{kind}: {m.remark}" for kind, m in slopes.items() if m.remark))


def _bar(kind, value, interval, words):
    return bars.plain(value, interval, words(value), COLOURS.get(kind.split()[0], common.GREY))


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
