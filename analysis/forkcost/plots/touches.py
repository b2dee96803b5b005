"""touch_ns as a cumulative distribution, one curve per kind of first write."""

from forkcost import choose, units
from forkcost.plots import common

FIGURE = common.Figure("Calls and copy-on-write", 40, "What the first write to a page costs")

# kind of touch -> (what happens to the page, benchmark, axes). Base pages unless it says otherwise.
KINDS = {
    "second": ("second write: no fault", "cow", {"state": "second", "access": "write"}),
    "memcpy": ("memcpy of a page, no fault", "copy-page", {}),
    "zero-read": ("zero page: read", "zero-page", {"access": "read"}),
    "after-other": ("reuse: the other wrote first", "cow",
                    {"state": "after-other", "access": "write"}),
    "alone": ("reuse: the child is gone", "cow", {"state": "alone", "access": "write"}),
    "fresh": ("fresh memory: write", "first-touch", {}),
    "zero-write": ("zero page: write after read", "zero-page", {"access": "write"}),
    "copy": ("copy after fork", "cow", {"state": "first", "access": "write"}),
    "copy-thp": ("copy after fork, thp", "cow",
                 {"state": "first", "access": "write", "backing": "thp"}),
    "copy-hugetlb": ("copy after fork, hugetlb", "cow",
                     {"state": "first", "access": "write", "backing": "hugetlb"}),
}
LOOKS = {
    "second": (common.GREY, ":"), "memcpy": (common.GREY, "-."), "zero-read": (common.SKY, ":"),
    "after-other": (common.GREEN, "-"), "alone": (common.GREEN, "--"),
    "fresh": (common.BLUE, "-"), "zero-write": (common.ORANGE, "--"), "copy": (common.RED, "-"),
    "copy-thp": (common.PINK, "--"), "copy-hugetlb": (common.BLACK, "-."),
}


def draw(run):
    rows = {kind: row for kind, (_, benchmark, axes) in KINDS.items()
            if (row := choose.touched(run, "touch_ns", benchmark, **axes)) is not None}
    huge = huge_faults(run)
    if not rows:
        return "this run has no touch_ns: neither `cow` cases nor the yardsticks" + (
            f" of base pages; {huge}" if huge else "")
    order = sorted(rows, key=lambda kind: rows[kind].p50)
    figure, ax = common.new_figure(2.9 + 0.17 * len(rows))
    lines = common.cumulative(ax, [(run.cases[rows[kind]["name"]], {
        "color": LOOKS[kind][0], "linestyle": LOOKS[kind][1]}) for kind in order], "touch_ns")
    stamp = run.context.get("clock", {}).get("stamp_cost_ns", 1)
    ax.set_xlim(max(stamp, min(row.p10 for row in rows.values())) * 0.8,
                2 * max(row.p99 for row in rows.values()))
    ax.set_ylabel("touches that are faster, %")
    common.time_axis(ax.xaxis, "one first touch of one page")
    common.legend_above(ax, lines, [
        f"{KINDS[kind][0]}: {common.time_above(rows[kind].p50, stamp)} "
        f"(p99 {units.time(rows[kind].p99, 2)})" for kind in order])
    return common.Drawing(figure, message(rows, run.base), "; ".join(filter(None, (
        basis(list(rows.values())), huge and f"not drawn, {huge}"))))


def huge_faults(run):
    """What fault_ns says: one fault of a huge page serves many touches, which therefore are no
    curve here. Empty if the run has none."""
    found = []
    for what, benchmark, axes in (("copy after fork", *KINDS["copy"][1:]),
                                  ("fresh memory", *KINDS["fresh"][1:])):
        rows = run.select(benchmark, "fault_ns", choose.TOUCHED, **axes)
        for backing in rows["axis.backing"].dropna().unique() if "axis.backing" in rows else ():
            row = choose.touched(run, "fault_ns", benchmark, backing=backing, **axes)
            # A case with both had it for single samples: its touches are a curve.
            if row is not None and run.quantity(row["name"], "touch_ns") is None:
                found.append(f"{units.time(row.p50)} ({what}, {backing})")
    return f"one fault for many touches costs {', '.join(found)}" if found else ""


def message(rows, base):
    copy = rows.get("copy")
    if copy is None:
        return f"This run did not measure the copy of a {base} page after fork."
    text = f"The first write to a {base} page after fork costs {units.time(copy.p50)} (median)"
    reuse = rows.get("alone", rows.get("after-other"))
    if reuse is not None:
        text += (f"; where nobody shares the page any more, {units.time(reuse.p50)}: still a "
                 "fault, but no copy")
    if copy.p90 > 2 * copy.p50:
        text += f". One touch in ten takes {units.time(copy.p90)} or more"
    return text + "."


def basis(rows):
    touches = sum(int(row.n) for row in rows)
    rounds = sorted({int(row["rounds"]) for row in rows})
    sizes = sorted({int(row.heap_bytes) for row in rows})
    writers = sorted({row["axis.writer"] for row in rows
                      if isinstance(row.get("axis.writer"), str)})
    parts = [f"n: {touches:,} touches, {units.many(rounds, 'round')} per case",
             "arena " + " and ".join(units.size(s) for s in sizes)]
    if writers:
        parts.append(f"after fork the writer is the {' or the '.join(writers)}")
    return "; ".join(parts) + "; the timer's own cost is subtracted"
