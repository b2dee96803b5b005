"""A fork of a server that has the libraries loaded, against exec and loading them."""

import pandas as pd

from forkcost import choose, units
from forkcost.plots import common

FIGURE = common.Figure("Exec and libraries", 40, "Fork a server that has the libraries, or exec")

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
    memory = any(len(along.also(q)) for along in found.values() for q in MEMORY)
    figure, axes = common.new_figure(5.2 if memory else 3.4, (1.6, 2.4) if memory else (1,))
    axes = axes if memory else [axes]
    scale = common.SizeScale([x for along in found.values() for x in along.rows.x], units.whole,
                             "libraries")
    labels = []
    for path, along in found.items():
        look = common.path_style(path) if path in common.PATH_STYLE else {
            "color": common.PINK, "marker": "s"}
        x = common.banded(axes[0], scale, along.rows.x, along.rows,
                          look | {"linestyle": PATHS[path]})
        labels.append((x[-1], along.rows.p50.iloc[-1], path, look["color"]))
    axes[0].set_yscale("log")
    axes[0].margins(y=0.15)
    beside = _memory(axes[1], scale, found) if memory else []
    for ax in axes:
        scale.dress(ax, 0.42)
    common.time_axis(axes[0].yaxis, "call → main")
    common.label_ends(axes[0], labels)
    if memory:
        axes[0].set_xlabel("")
        common.label_ends(axes[1], beside)
    rows = pd.concat([along.rows for along in found.values()])
    return common.Drawing(figure, message(found), (
        f"median, band p10–p90; {common.counts(rows)}; {_placements(found)}below: the whole "
        "process while it waits in main and one other lives that has the libraries, solid from the "
        "fork server, dashed after exec"))


def _placements(found):
    """A server works beside its client: on a CPU of its own, where there is one."""
    placed = {path: along.fixed["placement"] for path, along in found.items()
              if "placement" in along.fixed}
    return "".join(f"{path}: placement {where}; " for path, where in placed.items())


def _memory(ax, scale, found):
    """The lower panel; returns its labels."""
    labels = []
    for path, along in found.items():
        for quantity, (name, colour) in MEMORY.items():
            rows = along.also(quantity)
            if len(rows):
                x = common.banded(ax, scale, rows.x, rows, {
                    "color": colour, "linestyle": PATHS[path], "marker": "."})
                labels.append((x[-1], rows.p50.iloc[-1], f"{name}, {SHORT[path]}", colour))
    ax.set_yscale("log", base=2)
    ax.margins(y=0.1)
    ax.yaxis.set_major_formatter(lambda b, _: units.size(b, 3))
    ax.yaxis.set_major_locator(common.LogLocator(4, numticks=9))
    ax.set_ylabel("memory of the process")
    return labels


def message(found):
    forked, executed = (found[path].rows.set_index("x") for path in PATHS)
    both = [x for x in forked.index if x in executed.index]
    if not both:
        return "No number of libraries was measured with both, the fork server and exec."
    n = max(both)
    text = (f"With {units.many([n], 'library', 'libraries')} a fork server's child is at main "
            f"after {units.time(forked.p50[n])}, after exec it takes {units.time(executed.p50[n])} "
            f"({units.factor(executed.p50[n] / forked.p50[n])})")
    own = [found[path].also("private_dirty_bytes").set_index("x").p50 for path in PATHS]
    if all(n in p.index for p in own):
        text += f"; private dirty {units.amount(own[0][n])} against {units.amount(own[1][n])}"
    return text + "."
