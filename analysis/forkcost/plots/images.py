"""exec of every kind of image, cut into kernel, loader, libc's start and the rest, from a warm page
cache beside a cold one.

Where a loader runs, no stamp says when the kernel was done: the loader's own account of its time
is taken off the time before the program's first instruction.
"""

import numpy as np

from forkcost import cuts, units
from forkcost.plots import common
from forkcost.plots.caption import Figure
from forkcost.plots.kinds import bars

FIGURE = Figure(
    "Exec and libraries", 10, "What is exec'ed",
    message=("{longest} takes longest, {most:time}", ", {more:factor} the time of {fastest} ({least:time})",
             ". A cold page cache slows {worst} most: {cold:time} instead of {warm:time}", "."),
    basis=("mean of the middle fifth of samples by total, so that the parts add up", "{n}",
           "arguments small, no directories of PATH, parent without heap",
           "{accounts}: the loader's part is its own account (loader_ns, LD_DEBUG=statistics, of other processes), the "
           "kernel's what is left of entry_start_ns",
           "{joined?}hatched: includes the phases before it, which were not told apart",
           "{both?}cold: the image's own files are read from disk, libc and loader are not; under each time its major "
           "faults and the bytes read; each panel has its own scale"))
PHASES = {
    "image": ("kernel: exec", common.ORANGE),
    "entry": ("loader", common.PINK),
    "main": ("libc's start", common.SKY),
    "reaped": ("main → reaped", common.BLUE),
}
CENTRE = {"args": "small", "path-dirs": "0", "heap": "0"}
ORDER = ("memfd", "nolibc", "script", "script-2", "text-1MiB", "text-16MiB", "text-64MiB", "static",
         "static-pie", "dynamic-nopie", "dynamic")
CACHES = {"warm": 0.5, "cold": 1.25}  # page cache: room for the figures


def cut(case):
    """The Cut of a Case, or None without total_ns."""
    values = cuts.by_sample(case)
    total, entry = values.get("total_ns"), values.get("entry_start_ns")
    if total is None:
        return None
    image = values.get("image_start_ns")
    if image is None and entry is not None and "loader_ns" in case.quantities:
        image = entry - case.quantities["loader_ns"].quantile(0.5)
        image = np.where(image < 0, np.nan, image)
    return cuts.cut(total, {"image": image, "entry": image if entry is None else entry,
                            "main": values.get("main_start_ns"), "reaped": total}, PHASES)


def draw(run):
    rows = run.select("exec", "total_ns", ("image", "page-cache"), **CENTRE)
    found = {cache: {} for cache in CACHES}
    for _, row in rows.iterrows():
        case, cache = run.cases[row["name"]], row.get("axis.page-cache")
        if cache in found and (of_case := cut(case)) is not None:
            found[cache][row["axis.image"]] = (of_case, case)
    warm, cold = found.values()
    if not warm:
        return ("this run has no `exec` case with total_ns at a warm page cache, small arguments, "
                "no directories of PATH and no heap")
    order = common.ordered({**warm, **cold}, ORDER)
    panels = [bars.Panel({image: [image in there and _bar(*there[image], cache)] for image in order},
                         title=f"{cache} page cache", room=CACHES[cache]) for cache, there in found.items() if there]
    figure = bars.draw(panels, 0.36, [name for name, _ in PHASES.values()], beside=True, columns=4)
    accounts = [image for image, (_, case) in warm.items() if "loader_ns" in case.quantities]
    return FIGURE.of(
        figure, n=common.counts(rows), accounts=" and ".join(accounts),
        joined=any(joined for s, _ in (*warm.values(), *cold.values()) for _, joined in s.parts.values()),
        both=bool(cold), **_extremes(warm, cold))


def _bar(of_case, case, cache):
    """Behind a cold one what it waited for: major faults, and bytes read where known."""
    waited = []
    if cache == "cold" and (majors := case.quantities.get("child_major_faults")) is not None:
        waited.append(f"{units.whole(majors.quantile(0.5))} major")
    if cache == "cold" and (read := case.quantities.get("child_read_bytes")) is not None:
        waited.append(units.amount(read.quantile(0.5)))
    return bars.of_cut(of_case, PHASES, "\n" * bool(waited) + ", ".join(waited))


def _extremes(warm, cold):
    """The facts of the message."""
    total = {image: s.total for image, (s, _) in warm.items()}
    fastest, longest = min(total, key=total.get), max(total, key=total.get)
    several = fastest != longest
    lost = {image: s.total / total[image] for image, (s, _) in cold.items() if image in total}
    worst = max(lost, key=lost.get, default=None)
    return {"longest": longest, "most": total[longest], "fastest": fastest, "least": total[fastest],
            "more": several and total[longest] / total[fastest], "worst": worst,
            "cold": worst and cold[worst][0].total, "warm": worst and total[worst]}
