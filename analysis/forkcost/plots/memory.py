"""The memory that one more process of the same thing costs, by how their files are
related."""

import numpy as np
import pandas as pd

from forkcost import one_more, units
from forkcost.plots import common

FIGURE = common.Figure("What is shared", 10, "What one more process costs in memory")

COLOURS = dict(zip((name for name, _, _ in one_more.MEMORY),
                   (common.BLUE, common.RED, common.ORANGE, "#bbbbbb")))
TITLES = {"text": "their own text", "library": "a library's text", "file": "a mapped file"}


def draw(run):
    found = one_more.processes(run)
    if not found:
        return ("this run has no `share` cases with all of page_cache_bytes, process_pss_bytes, "
                "pss_bytes, private_dirty_bytes and page_table_bytes at two numbers of processes")
    groups = {}
    for process in found:
        groups.setdefault(process.what, []).append(process)
    figure, axes = common.new_figure(1.2 + 0.25 * len(found) + 0.55 * len(groups),
                                     [len(g) for g in groups.values()])
    used = {}
    for ax, (what, processes) in zip(np.atleast_1d(axes), groups.items()):
        _panel(ax, processes, used)
        pages = run.quantity(processes[0].rows["name"].iloc[-1], "pages")
        size = f", {units.size(pages.quantile(0.5) * run.page_size, 3)}" if pages else ""
        ax.set_title(TITLES.get(what, what) + size, loc="left", fontsize=9.5)
    common.legend_on_top(figure, used, 3)
    rows = pd.concat([p.rows for p in found])
    return common.Drawing(figure, message(found), _basis(found, rows))


def _panel(ax, processes, used):
    most = max(sum(b for b in p.parts.values() if b > 0) for p in processes) or 1
    for y, process in enumerate(processes):
        left = 0.0
        for name, colour in COLOURS.items():
            width = max(process.parts[name], 0)
            used[name] = ax.barh(y, width, left=left, color=colour, height=0.62, edgecolor="white",
                                 linewidth=0.4)
            left += width
        if process.counted is not None:
            used["different frames, counted"] = ax.plot(
                process.counted, y, marker="D", color="black", markersize=4.5,
                markeredgecolor="white", markeredgewidth=0.8, linestyle="none")[0]
        text = units.amount(process.total.line.slope)
        if process.frames is not None:
            text += f"; {units.whole(max(round(process.frames), 0))} frames"
        ax.annotate(text, (max(left, process.counted or 0), y), (5, 0), va="center",
                    textcoords="offset points", fontsize=8.5)
    ax.set_yticks(range(len(processes)), [p.files for p in processes])
    ax.set_ylim(len(processes) - 0.5, -0.5)
    ax.set_xlim(0, 1.75 * most)
    ax.xaxis.set_major_locator(common.byte_ticks(most))
    ax.xaxis.set_major_formatter(lambda b, _: units.size(b, 3) if b else "0")
    ax.grid(axis="y", visible=False)


def _basis(found, rows):
    parts = ["slopes over the number of processes of the sums over all of them",
             common.counts(rows), "one process alone is the first point of all"]
    parts.append("the rest of the PSS is what the processes take of libc's and the loader's pages, "
                 "from others too")
    if any(p.frames is not None for p in found):
        parts.append("frames: different page frames under the thing, per further process")
    if any(p.counted is not None for p in found):
        parts.append("◆: added_process_bytes, what each further process really added in frames "
                     "that are mapped, and page tables")
    broken = [f"{p.what}, {p.files}: {p.total.remark}" for p in found if p.total.remark]
    return "; ".join([*parts, *broken])


def message(found):
    what = found[0].what
    by_files = {p.files: p for p in found if p.what == what}
    same, copy = by_files.get("one-inode"), by_files.get("copies")
    if same is None:
        dear = max(by_files.values(), key=lambda p: p.total.line.slope)
        return f"One more process ({what}, {dear.files}) costs {dear.total.sentence}."
    text = f"One more process of the same file ({what}) costs {same.total.cost}"
    if copy is not None:
        text += f", of a copy {copy.total.cost}"
    if same.frames is not None and copy is not None and copy.frames is not None:
        text += (f": {units.whole(max(round(same.frames), 0))} against "
                 f"{units.whole(round(copy.frames))} further page frames for the {what}")
    return text + "."
