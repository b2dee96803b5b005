"""A fork of a server that has the libraries loaded, against exec and loading them."""

import pandas as pd

from forkcost import choose, units
from forkcost.plots import common
from forkcost.plots.caption import Figure
from forkcost.plots.kinds import lines

FIGURE = Figure(
    "Exec and libraries", 40, "Fork a server that has the libraries, or exec",
    message=(("With {libraries} a fork server's child reaches main after {forked:time}, a program that is exec'ed "
              "after {executed:time} ({more:factor})",
              "No number of libraries was measured with both the fork server and exec"),
             "; private dirty {forked_dirty:amount} against {executed_dirty:amount}", "."),
    # A server works beside its client: on a CPU of its own, where there is one.
    basis=("median, band p10–p90", "{n}", "{placements}",
           "{memory?}below: the whole process while it waits in main beside one other that has the libraries; solid: "
           "from the fork server, dashed: after exec"))
PATHS = {"fork-server": "-", "exec": "--"}
MEMORY = {"private_dirty_bytes": ("private dirty", common.RED),
          "page_table_bytes": ("page tables", common.BLUE), "pss_bytes": ("PSS", common.GREEN)}
SHORT = {"fork-server": "server", "exec": "exec"}


def draw(run):
    found = {path: along for path in PATHS
             if (along := choose.along(run, "zygote", "main_start_ns", "libraries", path=path))}
    if len(found) < 2:
        missing = " and ".join(p for p in PATHS if p not in found)
        return f"this run has no `zygote` cases with main_start_ns of path {missing}"
    times = [lines.of_rows(path, along.rows, _look(path)) for path, along in found.items()]
    memory = [lines.of_rows(f"{name}, {SHORT[path]}", rows, {"color": colour, "linestyle": PATHS[path], "marker": "."})
              for path, along in found.items() for quantity, (name, colour) in MEMORY.items()
              if len(rows := along.also(quantity))]
    panels = [lines.Panel(times, lines.times("call → main"), margin=0.15, share=1.6)]
    if memory:
        panels.append(lines.Panel(memory, _bytes, margin=0.1, share=2.4))
    figure = lines.draw(panels, 5.2 if memory else 3.4, 0.42, units.whole, "libraries")
    return FIGURE.of(figure, n=common.counts(pd.concat([along.rows for along in found.values()])),
                     placements="; ".join(f"{path}: placement {along.fixed['placement']}"
                                          for path, along in found.items() if "placement" in along.fixed),
                     memory=bool(memory), **_both(found))


def _look(path):
    look = common.path_style(path) if path in common.PATH_STYLE else {"color": common.PINK, "marker": "s"}
    return look | {"linestyle": PATHS[path]}


def _bytes(ax):
    ax.set_yscale("log", base=2)
    ax.yaxis.set_major_formatter(lambda b, _: units.size(b, 3))
    ax.yaxis.set_major_locator(common.LogLocator(4, numticks=9))
    ax.set_ylabel("memory of the process")


def _both(found):
    """The facts of the message: both paths at the largest number of libraries that both have."""
    forked, executed = (found[path].rows.set_index("x").p50 for path in PATHS)
    both = forked.index.intersection(executed.index)
    if not len(both):
        return {}
    n = both.max()
    dirty = [found[path].also("private_dirty_bytes").set_index("x").p50.get(n) for path in PATHS]
    return {"libraries": units.many([n], "library", "libraries"), "forked": forked[n], "executed": executed[n],
            "more": executed[n] / forked[n], "forked_dirty": dirty[0], "executed_dirty": dirty[1]}
