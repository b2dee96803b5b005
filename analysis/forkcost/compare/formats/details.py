"""All of a comparison as text: every figure that is news or unclear, with its name for programs, and
how it was made."""

import io

from rich.console import Console
from rich.table import Table
from rich.text import Text

from forkcost import units
from forkcost.compare import phrases
from forkcost.compare.result import (
    FAILED, FASTER, GONE, NEW, SLOWER, UNCLEAR, Family)
from forkcost.compare.statistics import MOST_ROUNDS

LISTED = 20  # cases that one side has alone
_WIDTH = 1000  # nothing is folded: a case's name stands at the end of its line


def document(comparisons, strict=False):  # noqa: ARG001: all formats are called alike
    out = io.StringIO()
    console = Console(file=out, width=_WIDTH, color_system=None, highlight=False, soft_wrap=True)
    for i, comparison in enumerate(comparisons):
        if i:
            console.print()
        _one(console, comparison)
    plain = phrases.legal(out.getvalue()).replace(units.NBSP, " ")
    return "\n".join(line.rstrip() for line in plain.splitlines()) + "\n"


def _one(console, c):
    for side in (c.base, c.new):
        console.print(Text(f"{side.label}: {side.says}"))
    if c.differences:
        _table(console, "Differences between the sides",
               ("", "what", c.base.label, c.new.label),
               [(f"only in {getattr(c, d.only).label}" if d.only else d.severity, d.what, d.base, d.new)
                for d in c.differences])
    for warning in c.warnings:
        console.print(Text(f"warning: {warning}"))
    for said in (phrases.meanwhile(c), phrases.common(c), phrases.adjusted(c)):
        if said:
            console.print()
            console.print(Text(said))
    for title, verdict in (("Slower", SLOWER), ("Faster", FASTER)):
        _changes(console, title, phrases.listed(c, verdict), c)
        if verdict == SLOWER:
            _list(console, "Failed", c, FAILED)
    _changes(console, "Also moved; the exit status does not hear of it", phrases.also(c), c)
    _causes(console, c)
    _unclear(console, c)
    _adjustments(console, c)
    for title, verdict in (("Gone", GONE), ("New", NEW)):
        _list(console, title, c, verdict)
    console.print()
    for said in (f"{c.new.label} against {c.base.label}: {phrases.counts(c)}", phrases.seen(c),
                 phrases.statement(c)):
        if said:
            console.print(Text(said))


def _changes(console, title, items, c):
    if not items:
        return
    rows = []
    for item in items:
        change = item.change
        interval = "counted" if change.exact else phrases.interval(change) or "–"
        if change.accepted:
            interval += f" accepted: {change.accepted}"
        rows.append((
            phrases.percent(change.ratio, change.exact), interval, phrases.arrow(change, c.mode),
            phrases.threshold(change), _about(item, c.mode)))
    _table(console, title, ("change", "95%", f"{c.base.label} → {c.new.label}", "threshold", ""),
           rows)


def _about(item, mode):
    if isinstance(item, Family):
        largest = item.rows[-1].change
        low, high = (units.size(x) if item.per == "page" else units.whole(x)
                     for x in (item.points[0][0], item.points[-1][0]))
        _, *last = item.points[-1]
        before, after = (phrases.figure(x, phrases.unit(largest, mode)) for x in last)
        return (f"{_called(item, item.key)} ({low} to {high}, "
                f"{units.many([len(item.rows)], 'case')}; at {high} "
                f"{before} → {after})")
    return _called(item, f"{item.quantity}  {item.case}")


def _called(item, name):
    title = phrases.title(item)
    return name if title == phrases.name(item) else phrases.title_and_name(title, name)


def _unclear(console, c):
    items = phrases.listed(c, UNCLEAR)
    rows = [(phrases.percent(i.change.ratio, i.change.exact), settles(i.change), i.change.reason,
             _about(i, c.mode)) for i in items]
    if rows:
        _table(console, f"Unclear ({len(items)})", ("change", "would settle it", "why", ""), rows)


def _adjustments(console, c):
    """Both figures of what the yardsticks explain a part of."""
    items = [row for row in c.rows if row.change.adjusted]
    rows = []
    for item in items:
        change, adjusted = item.change, item.change.adjusted
        low, high = (phrases.percent(x) for x in adjusted.interval)
        rows.append((phrases.percent(change.raw if adjusted.decides else change.ratio),
                     phrases.percent(adjusted.ratio), f"{low}…{high}", units.percent(adjusted.explained),
                     "adjusted" if adjusted.decides else "raw", _about(item, c.mode)))
    if rows:
        _table(console, "Raw and adjusted, without what the yardsticks explain of the rounds' variance",
               ("raw", "adjusted", "95%", "explained", "decides", ""), rows)


def settles(change):
    if change.more_rounds is not None:
        return units.many([change.more_rounds], f"more {change.replicated}")
    return f"over {MOST_ROUNDS:,} more {change.replicated}s" if change.interval is not None else "–"


def _list(console, title, c, verdict):
    rows = [(phrases.title_and_name(r.title, r.case), r.change.reason) for r in c.rows
            if r.change.verdict == verdict]
    if rows:
        hidden = 0 if verdict == FAILED else max(len(rows) - LISTED, 0)
        more = f", {hidden} more with --format json" if hidden else ""
        _table(console, f"{title} ({len(rows)}{more})", ("case", "why"),
               rows[:len(rows) - hidden])


def _causes(console, c):
    if not c.causes:
        return
    rows = [(phrases.title_and_name(cause.title, cause.case), cause.kind, cause.name,
             phrases.figure(cause.base, cause.unit), phrases.figure(cause.new, cause.unit), cause.unit,
             "" if cause.share is None else units.percent(cause.share)) for cause in c.causes]
    previous = None
    for i, row in enumerate(rows):
        if row[0] == previous:
            rows[i] = ("", *row[1:])
        previous = row[0]
    _table(console, "Counters and kernel functions that moved, per operation (share: of the case's "
           "difference)",
           ("case", "", "", c.base.label, c.new.label, "unit", "share"), rows)


def _table(console, title, columns, rows):
    table = Table(box=None, pad_edge=False)
    for column in columns:
        table.add_column(column, no_wrap=True,
                         justify="right" if column in ("change", "threshold", "share") else "left")
    for row in rows:
        table.add_row(*map(Text, row))
    console.print()
    console.print(Text(title))
    console.print(table)
