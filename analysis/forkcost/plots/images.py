"""exec of every kind of image, cut into kernel, loader, libc's start and the rest; files
in the page cache, and beside it not.

Where a loader runs, no stamp says when the kernel was done: the loader's own account of its time
is taken off the time before the program's first instruction.
"""

import numpy as np

from forkcost import units
from forkcost.plots import common, phases

FIGURE = common.Figure("Exec and libraries", 10, "What is exec'ed")

PHASES = (
    ("image", "kernel: exec", common.ORANGE),
    ("entry", "loader", common.PINK),
    ("main", "libc's start", common.SKY),
    ("reaped", "main → reaped", common.BLUE),
)
CENTRE = {"args": "small", "path-dirs": "0", "heap": "0"}
ORDER = ("memfd", "nolibc", "script", "script-2", "text-1MiB", "text-16MiB", "text-64MiB", "static",
         "static-pie", "dynamic-nopie", "dynamic")


def stack(case):
    """The Stack of a Case, or None without total_ns."""
    values = phases.by_sample(case)
    total, entry = values.get("total_ns"), values.get("entry_start_ns")
    if total is None:
        return None
    image = values.get("image_start_ns")
    if image is None and entry is not None and "loader_ns" in case.quantities:
        image = entry - case.quantities["loader_ns"].quantile(0.5)
        image = np.where(image < 0, np.nan, image)
    return phases.cut(total, {"image": image, "entry": image if entry is None else entry,
                              "main": values.get("main_start_ns"), "reaped": total}, PHASES)


def draw(run):
    rows = run.select("exec", "total_ns", ("image", "page-cache"), **CENTRE)
    found = {}
    for cache in ("warm", "cold"):
        of_cache = rows[rows["axis.page-cache"] == cache] if "axis.page-cache" in rows else rows[:0]
        found[cache] = {row["axis.image"]: (s, run.cases[row["name"]])
                        for _, row in of_cache.iterrows()
                        if (s := stack(run.cases[row["name"]])) is not None}
    warm, cold = found["warm"], found["cold"]
    if not warm:
        return ("this run has no `exec` case with total_ns at a warm page cache, small arguments, "
                "no directories of PATH and no heap")
    order = sorted({**warm, **cold}, key=_place)
    figure, axes = common.new_figure(1.6 + 0.36 * len(order), columns=2 if cold else 1)
    axes, used = np.atleast_1d(axes), {}
    for ax, cache in zip(axes, found):
        _panel(ax, order, found[cache], used, cache == "cold")
        ax.set_title(f"{cache} page cache", loc="left", fontsize=9.5)
    axes[0].set_yticks(range(len(order)), order)
    common.legend_on_top(figure, {name: used[name] for _, name, _ in PHASES if name in used}, 4)
    return common.Drawing(figure, message(warm, cold), _basis(rows, warm, cold))


def _place(image):
    return (ORDER.index(image) if image in ORDER else len(ORDER), image)


def _panel(ax, order, found, used, is_cold):
    most = max(s.total for s, _ in found.values())
    unit = 1e6 if most > 1e6 else 1e3
    for y, image in enumerate(order):
        if image not in found:
            ax.annotate("not measured", (0, y), (3, 0), textcoords="offset points", va="center",
                        fontsize=8, color=common.GREY)
            continue
        cut, case = found[image]
        phases.bar(ax, y, cut, unit, used, PHASES)
        ax.annotate(units.time(cut.total) + (_reads(case) if is_cold else ""),
                    (cut.total / unit, y), (4, 0), va="center", textcoords="offset points",
                    fontsize=8, linespacing=1.05)
    ax.set_yticks(range(len(order)), [""] * len(order))
    ax.set_ylim(len(order) - 0.5, -0.5)
    ax.set_xlim(0, (2.1 if is_cold else 1.5) * most / unit)
    ax.xaxis.set_major_formatter(lambda t, _: units.time(t * unit, 2) if t else "0")
    ax.xaxis.set_major_locator(common.matplotlib.ticker.MaxNLocator(3))
    ax.grid(axis="y", visible=False)


def _reads(case):
    """What a cold sample waited for: major faults, and bytes read where known."""
    text = ""
    if (majors := case.quantities.get("child_major_faults")) is not None:
        text = f"\n{units.whole(majors.quantile(0.5))} major"
    if (read := case.quantities.get("child_read_bytes")) is not None:
        text += (", " if text else "\n") + units.amount(read.quantile(0.5))
    return text


def _basis(rows, warm, cold):
    parts = ["mean of the middle fifth of samples by total, so that the parts add up",
             common.counts(rows), "arguments small, no directories of PATH, parent without heap"]
    accounts = [image for image, (_, case) in warm.items() if "loader_ns" in case.quantities]
    if accounts:
        parts.append(f"{' and '.join(accounts)}: the loader's part is its own account (loader_ns, "
                     "LD_DEBUG=statistics, of other processes), the kernel's what is left of "
                     "entry_start_ns")
    if any(joined for s, _ in (*warm.values(), *cold.values()) for _, joined in s.parts.values()):
        parts.append("hatched: includes the phases before it, which were not told apart")
    if cold:
        parts.append("cold: the image's own files are read from disk, libc and loader are not; "
                     "below the time the major faults and bytes read; each panel has its own scale")
    return "; ".join(parts)


def message(warm, cold):
    total = {image: s.total for image, (s, _) in warm.items()}
    soonest, longest = min(total, key=total.get), max(total, key=total.get)
    text = f"{longest} takes longest, {units.time(total[longest])}"
    if soonest != longest:
        text += (f", {units.factor(total[longest] / total[soonest])} of {soonest} "
                 f"({units.time(total[soonest])})")
    both = {i: cold[i][0].total / total[i] for i in cold if i in total}
    if both:
        worst = max(both, key=both.get)
        text += (f". Out of the page cache {worst} loses most: {units.time(cold[worst][0].total)} "
                 f"in place of {units.time(total[worst])}")
    return text + "."
