"""touch_ns as a cumulative distribution, one curve per kind of first write."""

from forkcost import choose, units
from forkcost.plots import common
from forkcost.plots.caption import Figure
from forkcost.plots.kinds import distributions

FIGURE = Figure(
    "Calls and copy-on-write", 40, "What the first write to a page costs",
    message=(("The first write to a {base} page after fork costs {copy:time} (median)",
              "This run did not measure the copy of a {base} page after fork"),
             "; where nobody shares the page any more, {reuse:time}: still a fault, but no copy",
             ". One touch in ten takes {slow:time} or more", "."),
    basis=("n: {touches:whole} touches, {rounds} per case", "arena {sizes}", "after fork the writer is the {writers}",
           "the timer's own cost is subtracted", "not drawn, {huge}"))
LOOKS = {  # kind of touch (choose.TOUCHES) -> what happens to the page, colour, line
    "second": ("second write: no fault", common.GREY, ":"),
    "memcpy": ("memcpy of a page, no fault", common.GREY, "-."),
    "zero-read": ("zero page: read", common.SKY, ":"),
    "after-other": ("reuse: the other wrote first", common.GREEN, "-"),
    "alone": ("reuse: the child is gone", common.GREEN, "--"),
    "fresh": ("fresh memory: write", common.BLUE, "-"),
    "zero-write": ("zero page: write after read", common.ORANGE, "--"),
    "copy": ("copy after fork", common.RED, "-"),
    "copy-thp": ("copy after fork, thp", common.PINK, "--"),
    "copy-hugetlb": ("copy after fork, hugetlb", common.BLACK, "-."),
}


def draw(run):
    rows, huge = choose.touches(run), choose.huge_faults(run)
    if not rows:
        return "this run has no touch_ns: neither `cow` nor its reference cases" + (
            f" of base pages; {huge}" if huge else "")
    curves = []
    for kind, row in sorted(rows.items(), key=lambda entry: entry[1].p50):
        what, *look = LOOKS[kind]
        times = f"{common.time_above(row.p50, run)} (p99 {units.time(row.p99, 2)})"
        curves.append(distributions.Curve(row, f"{what}: {times}", *look))
    figure = distributions.draw(run, curves, "one first touch of one page", "touches")
    copy, reuse = rows.get("copy"), rows.get("alone", rows.get("after-other"))
    copied, found = copy is not None, rows.values()
    return FIGURE.of(
        figure, base=run.base, copy=copied and copy.p50, reuse=copied and reuse is not None and reuse.p50,
        slow=copied and copy.p90 > 2 * copy.p50 and copy.p90, touches=sum(int(row.n) for row in found),
        rounds=units.many(sorted({int(row["rounds"]) for row in found}), "round"),
        sizes=" and ".join(units.size(size) for size in sorted({int(row.heap_bytes) for row in found})),
        writers=" or the ".join(sorted({w for row in found if isinstance(w := row.get("axis.writer"), str)})),
        huge=huge)
