"""One copy-on-write fault taken apart by kernel functions, beside faults that copy
nothing."""

from forkcost import counters, functions, units
from forkcost.functions import COPY, OTHER, Sampled
from forkcost.plots import common

FIGURE = common.Figure("Why it costs that", 30, "One copy-on-write fault taken apart")

COLOURS = (common.RED, common.PINK, common.SKY, common.BLUE, common.ORANGE, common.GREEN,
           common.BLACK, "#bbbbbb")
FIRST = "first write after fork"


def found(run):
    """[(label, Sampled, {part: samples})] of touches that fault, copies first; of base pages, and
    copies of other backings where a fault is of one page."""
    made = []
    for label, row in counters.touches(run):
        sampled = Sampled.of(run.cases[row["name"]], run.page_size)
        if (row.benchmark == "copy-page" or sampled is None or sampled.what != "fault"
                or sampled.ns is None):
            continue
        pages = row.heap_bytes / run.page_size
        one_page = abs(run.quantity(row["name"], "faults").quantile(0.5) - pages) < 0.01 * pages
        if one_page:
            made.append((label, sampled, run.groups.fault_parts(sampled.profile)))
    return made


def draw(run):
    rows = found(run)
    if not rows:
        cases = [run.cases[row["name"]] for _, row in counters.touches(run)]
        if not cases:
            return "this run has neither `cow` cases nor `first-touch` ones"
        return f"this run has no profile of them: {functions.why_none(cases)}"
    figure, ax = common.new_figure(2.0 + 0.5 * len(rows))
    style = {part: {"color": COLOURS[n % len(COLOURS)], "hatch": None if n < len(COLOURS) else "//"}
             for n, part in enumerate(p for p in run.groups.parts if p != OTHER)}
    style[OTHER] = {"color": "white", "hatch": "xxxx"}
    used = {}
    for y, (_, sampled, parts) in enumerate(rows):
        _bar(ax, y, sampled, parts, style, used)
    yard = next((c for c in _copying(run) if c.way == "time" and not c.reason), None)
    if yard is not None and rows[0][0].startswith(FIRST):
        left = _before_copy(rows[0], style)
        used["memcpy of a page, measured"] = ax.plot(
            (left, left + yard.copy), (-0.42, -0.42), color="black", linewidth=1.4, marker="|",
            markersize=7)[0]
    ax.set_yticks(range(len(rows)), ["\n".join(label.rsplit(", ", 1)) for label, _, _ in rows])
    ax.set_ylim(len(rows) - 0.5, -0.62)
    ax.set_xlim(0, 1.2 * max(s.ns for _, s, _ in rows))
    ax.set_xlabel("ns per fault")
    ax.grid(axis="y", visible=False)
    order = [p for p in (*run.groups.parts, *used) if p in used]
    common.legend_on_top(figure, {p: used[p] for p in order}, 4)
    return common.Drawing(figure, message(rows, yard), _basis(rows))


def _copying(run):
    made = counters.copying(run)
    return [] if isinstance(made, str) else made


def _before_copy(row, parts):
    """Where copying begins in a row's bar, ns."""
    _, sampled, samples = row
    before = list(parts)[:list(parts).index(COPY)] if COPY in parts else []
    return sum(sampled.cost(samples.get(part, 0)) for part in before)


def _bar(ax, y, sampled, parts, style, used):
    left = 0.0
    for part, look in style.items():
        width = sampled.cost(parts.get(part, 0))
        if width:
            edge = common.GREY if part == OTHER else "white"
            used[part] = ax.barh(y, width, left=left, height=0.6, edgecolor=edge, linewidth=0.4,
                                 **look)
            left += width
    ax.annotate(units.time(left), (left, y), (4, 0), va="center", textcoords="offset points",
                fontsize=8.5)


def message(rows, yard):
    label, sampled, parts = rows[0]
    if not label.startswith(FIRST):
        return f"{label[0].upper()}{label[1:]} costs {units.time(sampled.ns)} a fault."
    copy = sampled.cost(parts.get(COPY, 0))
    text = (f"Of {units.time(sampled.ns)} for a copy-on-write fault ({label.rsplit(', ', 1)[1]}) "
            f"{units.time(copy)} ({units.percent(copy / sampled.ns)}) is copying the page")
    if yard is not None:
        text += f"; a memcpy of a page that is there takes {units.time(yard.copy)}"
    rest = {p: n for p, n in parts.items() if p not in (COPY, OTHER)}
    if rest:
        most = max(rest, key=rest.get)
        text += f". Largest besides: {most}, {units.time(sampled.cost(rest[most]))}"
    return text + "."


def _basis(rows):
    profile = rows[0][1].profile
    samples = units.many(sorted({s.profile.samples for _, s, _ in rows}),
                         f"sample of {profile.event}", f"samples of {profile.event}")
    text = (f"n: {samples} per case in "
            f"{units.many(sorted({s.profile.rounds for _, s, _ in rows}), 'round')}; "
            "shares of samples × time of all touches ÷ faults; the write itself and the loop "
            "around it are in “return”")
    if profile.unit == "ns":
        text += (", and so is the way back to user code; the exception's entry, with interrupts "
                 "off, is in the first function that has them on")
    return text
