"""The memory that one more process of the same thing costs, by how their files are
related."""

import pandas as pd

from forkcost import one_more, units
from forkcost.plots import common
from forkcost.plots.caption import Figure
from forkcost.plots.kinds import bars

FIGURE = Figure(
    "What is shared", 10, "What one more process costs in memory",
    message=(("One more process of the same file ({what}) costs {same}",
              "One more process ({what}, {files}) costs {dear}"),
             ", of a copy {copy}",
             ": {same_frames:whole} against {copy_frames:whole} further page frames for the {what}", "."),
    basis=("slopes of the sums over all processes, per further process", "{n}",
           "the first point of each is one process alone",
           "the rest of the PSS is what the processes take of libc's and the loader's pages, from others too",
           "{frames?}frames: different page frames under the thing, per further process",
           "{counted?}◆: added_process_bytes, the mapped frames and page tables that each further process really added",
           "{broken}"))
COLOURS = dict(zip((name for name, _, _ in one_more.MEMORY), (common.BLUE, common.RED, common.ORANGE, "#bbbbbb")))
TITLES = {"text": "their own text", "library": "a library's text", "file": "a mapped file"}


def draw(run):
    found = one_more.processes(run)
    if not found:
        return ("this run has no `share` cases with all of page_cache_bytes, process_pss_bytes, "
                "pss_bytes, private_dirty_bytes and page_table_bytes at two numbers of processes")
    groups = {}
    for process in found:
        groups.setdefault(process.what, []).append(process)
    panels = []
    for what, processes in groups.items():
        pages = run.quantity(processes[0].rows["name"].iloc[-1], "pages")
        size = f", {units.size(pages.quantile(0.5) * run.page_size, 3)}" if pages else ""
        panels.append(bars.Panel({p.files: [_bar(p)] for p in processes}, title=TITLES.get(what, what) + size,
                                 ticks=common.byte_ticks, room=0.75))
    figure = bars.draw(panels, 0.25, COLOURS, mark="different frames, counted")
    return FIGURE.of(
        figure, n=common.counts(pd.concat([p.rows for p in found])), frames=any(p.frames is not None for p in found),
        counted=any(p.counted is not None for p in found),
        broken="; ".join(f"{p.what}, {p.files}: {p.total.remark}" for p in found if p.total.remark), **_first(found))


def _bar(process):
    text = units.amount(process.total.line.slope)
    if process.frames is not None:
        text += f"; {units.whole(max(round(process.frames), 0))} frames"
    return bars.Bar([(name, max(process.parts[name], 0), {"color": colour}) for name, colour in COLOURS.items()],
                    text, mark=process.counted)


def _first(found):
    """The facts of the message: of the first thing, a further process of the same file against one of a copy."""
    of_thing = {p.files: p for p in found if p.what == found[0].what}
    same, copy = of_thing.get("one-inode"), of_thing.get("copies")
    dear = max(of_thing.values(), key=lambda p: p.total.line.slope)
    both = same and copy
    return {"what": dear.what, "files": dear.files, "dear": dear.total.sentence, "same": same and same.total.cost,
            "copy": both and copy.total.cost, "copy_frames": both and copy.frames,
            "same_frames": both and same.frames is not None and max(round(same.frames), 0)}
