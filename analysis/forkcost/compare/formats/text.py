"""A comparison for a terminal, a pipe or a log, on one screen: what decided first. Nothing hangs on
colour."""

import textwrap

from rich.cells import cell_len, set_cell_size

from forkcost import units
from forkcost.compare import phrases
from forkcost.compare.result import FAILED, FASTER, GONE, NEW, NOTE, SLOWER, UNCLEAR
from forkcost.compare.statistics import MOST_ROUNDS

LINES = 25  # of one comparison, at most
WIDTH = 100
_WARNINGS = 3
_UNCLEAR = 3  # beside what changed
_LEAST = 6  # lines for figures, whatever else there is to say
_CHANGES = (FAILED, SLOWER, FASTER)


def document(comparisons, strict=False):
    each = ["\n".join(_lines(c, strict)) for c in comparisons]
    if len(comparisons) > 1:
        each.insert(0, "\n".join(_short(f"{c.new.label}: {phrases.verdict(c, strict)}") for c in comparisons))
    text = "\n\n".join(each)
    return phrases.legal(text).replace(units.NBSP, " ") + "\n"


def _lines(c, strict):
    head = [_short(f"{side.label}: {side.says}") for side in (c.base, c.new)]
    head += _differences(c)
    head += _cut([_short(f"warning: {w}") for w in c.warnings], _WARNINGS, "warning")
    for said in (phrases.meanwhile(c), phrases.common(c), phrases.adjusted(c)):
        head += _wrapped(said)
    if c.mode == "exact":
        head.append(_short(phrases.MODES["exact"]))
    head += ["", *_wrapped(f"{phrases.verdict(c, strict)}: {phrases.counts(c)}")]
    ends = (_causes(c), _settling(c), phrases.seen(c), _also(c), _alone(c))
    tail = [line for said in ends for line in _wrapped(said)]
    if len(head) + len(tail) > LINES - _LEAST:
        tail = [line for said in ends for line in _wrapped(said, 1)]
    tail.append("all of it: --format details (or html, json, …)")
    return [*head, *_figures(c, LINES - len(head) - len(tail), strict), *tail]


def _differences(c):
    """What may change figures, one line; what is for information is in the details."""
    found = [_short(f"differs: {d.what}: {d.base} → {d.new}") for d in c.differences
             if d.severity != NOTE]
    for side, label in (("base", c.base.label), ("new", c.new.label)):
        alone = [d.what for d in c.differences if d.only == side]
        if alone:
            found.append(_short(f"only in {label}: {', '.join(alone)}"))
    return _cut(found, _WARNINGS, "difference")


def _wrapped(said, most=2):
    """Two lines at most, as long as a label or a title may be."""
    return [_fitted(line) for line in textwrap.wrap(said, WIDTH, max_lines=most, placeholder=" …")]


def _short(text):
    return _fitted(phrases.plain(text))


def _fitted(line):
    """What is cut off stands in the details."""
    return line.rstrip() if cell_len(line) <= WIDTH else set_cell_size(line, WIDTH - 1).rstrip() + "…"


def _cut(lines, room, what):
    if len(lines) <= room:
        return lines
    return [*lines[:room - 1], f"{units.many([len(lines) - room + 1], f'more {what}')}"]


def _figures(c, room, strict):
    """Changes, then what is unclear, so many lines; the largest ones, where there are more."""
    changes, unclear = phrases.listed(c, *_CHANGES), phrases.listed(c, UNCLEAR)
    asked = unclear if strict or not changes else unclear[:_UNCLEAR]
    rows = [_row(item, c) for item in (*changes, *asked)]
    shown = rows if len(rows) <= room else rows[:max(room - 1, 1)]
    left = len(changes) + len(unclear) - len(shown)
    widths = [max((len(row[i]) for row in shown), default=0) for i in range(4)]
    lines = []
    for *columns, about in shown:
        padded = [f"{text:{'>' if i in (1, 2) else '<'}{width}}"
                  for i, (text, width) in enumerate(zip(columns, widths))]
        lines.append(_fitted("  ".join((*padded, about))))
    return [*lines, *([f"{left:,} more are slower, faster or unclear"] if left > 0 and shown else [])]


def _row(item, c):
    """(verdict, change, interval, base → new, what it is)."""
    change, title = item.change, phrases.title(item)
    if change.accepted:
        title += f"; accepted: {change.accepted}"
    elif not phrases.known(change.ratio) and change.reason:
        title += f": {change.reason}"
    within = "counted" if change.exact else phrases.interval(change) or "–"
    figures = " → ".join(x.removesuffix(f"{units.NBSP}instructions")  # said above, once
                         for x in phrases.figures(change, c.mode) if x != "–") or "–"
    per = phrases.per(change, c.mode).partition(" per ")[0]
    if per and per != "instructions":
        figures += f" {per}"
    verdict = "accepted" if change.accepted else change.verdict
    return verdict, phrases.percent(change.ratio, change.exact), within, figures, title


def _settling(c):
    """What would settle the unclear ones, all in a sentence."""
    every = [i.change for i in phrases.listed(c, UNCLEAR)]
    unclear = [x for x in every if x.interval is not None]
    enough = [x.more_rounds for x in unclear if x.more_rounds is not None]
    said = []
    untested = sum(x.p is None for x in every)
    if untested:
        said.append(f"{untested:,} have no test: it takes three rounds per side")
    ranked = len(every) - len(unclear) - untested
    if ranked:
        said.append(f"{ranked:,} have values of 0 or below, of which only ranks are compared")
    if enough:
        said.append(f"{len(enough):,} of {len(unclear):,} unclear ones would be settled by "
                    f"{units.many(sorted({min(enough), max(enough)}), f'more {unclear[0].replicated}')} "
                    "per side")
    if len(enough) < len(unclear):
        said.append(f"{len(unclear) - len(enough):,} would not be by {MOST_ROUNDS:,} more: "
                    + ("they lie on the threshold" if all(x.paired for x in unclear) else
                       "measure both sides in turns (forkcost-run --interleave), or more runs"))
    return "; ".join(said)


def _also(c):
    """The largest of what moved beside the core."""
    found = phrases.also(c)
    if not found:
        return ""
    shown = "; ".join(f"{phrases.percent(i.change.ratio, i.change.exact)} {phrases.title(i)}"
                      for i in found[:2])
    more = f"; {len(found) - 2} more" if len(found) > 2 else ""
    return f"also moved, which decides nothing: {shown}{more}"


def _causes(c):
    """What moved most beneath the first case that has any."""
    if not c.causes:
        return ""
    case = phrases.plain(c.causes[0].title or c.causes[0].case)
    found = [cause for cause in c.causes if cause.case == c.causes[0].case][:3]
    said = ", ".join(f"{cause.name} {phrases.figure(cause.base, cause.unit)} → "
                     f"{phrases.figure(cause.new, cause.unit)}" for cause in found)
    left = len(c.causes) - len(found)
    return f"{case}: {said}" + (f"; {left:,} more counters and functions moved" if left else "")


def _alone(c):
    """Cases that one side has alone."""
    said = [f"{units.many([n], 'case')} {what}" for verdict, what in (
        (GONE, "gone"), (NEW, "new")) if (n := c.count(verdict))]
    return ", ".join(said)
