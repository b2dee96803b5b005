"""Markdown for a pull request."""

import re
from dataclasses import dataclass, field

from forkcost import units
from forkcost.compare import phrases
from forkcost.compare.result import FAILED, FASTER, GONE, NEW, SLOWER, UNCLEAR

ARTIFACT = "compare.md"
LIMIT = 65_536  # characters that GitHub takes in a comment; we count bytes, which are more
_ROOM = 65_000  # what we take of them: whoever posts it may want to add a line
_CELL = 400  # characters of a text of others, before Markdown's own


@dataclass
class Block:
    """Text around lines of which the last may be left out. `cut`: what these are. Blocks with a
    lower `rank` are filled first."""

    head: str = ""
    lines: list = field(default_factory=list)
    tail: str = ""
    cut: str = "rows"
    rank: int = 0


def document(comparisons, strict=False):
    blocks = [block for c in comparisons for block in _comparison(c, strict)]
    return _fitted(blocks or [Block("Nothing was compared.\n")], _ROOM)


def escape(text):
    """Text of others as text: no markup, no table cell, nobody is notified by an @."""
    text = re.sub(r"[\t\n\r ]+", " ", phrases.legal(text))  # a figure keeps its own kind of space
    if len(text) > _CELL:
        text = text[:_CELL - 1] + "…"
    text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return re.sub(r"([\\`*_{}\[\]#|~$])", r"\\\1", text).replace("@", "@\u200b")


def code(text):
    """Text of others in a cell as code, whatever backticks and bars are in it."""
    text = phrases.plain(text)[:_CELL]
    fence = "`" * (max(map(len, re.findall("`+", text)), default=0) + 1)
    pad = " " if text.startswith("`") or text.endswith("`") or not text else ""
    return f"{fence}{pad}{text}{pad}{fence}".replace("|", "\\|")


def _comparison(c, strict):
    title = f"{phrases.verdict(c, strict)}: {c.base.label} → {c.new.label}"
    yield Block(f"## forkcost: {escape(title)}\n\n{escape(phrases.counts(c))}.\n"
                f"{phrases.MODES.get(c.mode, escape(c.mode))}\n"
                + "".join(f"{escape(said[0].upper() + said[1:])}.\n"
                          for said in (phrases.meanwhile(c), phrases.common(c),
                                       phrases.adjusted(c), phrases.seen(c)) if said) + "\n"
                f"- {escape(c.base.label)}: {escape(c.base.says)}\n"
                f"- {escape(c.new.label)}: {escape(c.new.says)}\n")
    if c.differences:
        yield Block("\n**Differences between the sides**\n\n"
                    + _header("what", c.base.label, c.new.label, "effect"),
                    [_row(d.what, d.base, d.new, phrases.SEVERITIES.get(d.severity, d.severity))
                     for d in c.differences], cut="differences", rank=2)
    if c.warnings:
        yield Block("\n", [f"- {escape(w)}\n" for w in c.warnings], cut="warnings", rank=3)
    if slower := phrases.listed(c, SLOWER, FAILED):
        yield Block("\n### Slower or failed\n\n" + _header("what", "base → new", "change (95%)"),
                    [_item(item, c.mode) for item in slower], cut="regressions", rank=1)
    if faster := phrases.listed(c, FASTER):
        yield Block(_open(faster, "faster") + _header("what", "base → new", "change (95%)"),
                    [_item(item, c.mode) for item in faster], _CLOSE, "improvements", 4)
    if also := phrases.also(c):
        yield Block(_open(also, "other figure moved, which decides nothing",
                          "other figures moved, which decides nothing")
                    + _header("what", "base → new", "change (95%)"),
                    [_item(item, c.mode) for item in also], _CLOSE, "other figures", 5)
    if unclear := phrases.listed(c, UNCLEAR):
        yield Block(_open(unclear, "unclear")
                    + _header("what", "base → new", "change (95%)", "what it would take"),
                    [_item(item, c.mode, phrases.settle(item.change)) for item in unclear],
                    _CLOSE, "unclear ones", 7)
    if c.causes:
        yield Block(_open(c.causes, "counter or kernel function moved",
                          "counters and kernel functions moved")
                    + _header("case", "what", "base → new", "share of the difference"),
                    [_cause(cause) for cause in c.causes], _CLOSE, "causes", 5)
    if gone := phrases.listed(c, NEW, GONE):
        yield Block(_open(gone, "measured on one side only"),
                    [f"- {item.change.verdict}: {_called(item)}\n" for item in gone],
                    _CLOSE, "new and gone ones", 6)


_CLOSE = "\n</details>\n"


def _open(items, what, plural=None):
    """A <details> needs an empty line before the Markdown in it."""
    return f"\n<details><summary>{units.many([len(items)], what, plural or what)}</summary>\n\n"


def _header(*columns):
    return f"| {' | '.join(map(escape, columns))} |\n|{' --- |' * len(columns)}\n"


def _row(*cells):
    return f"| {' | '.join(map(escape, cells))} |\n"


def _item(item, mode, *more):
    change = item.change
    how = phrases.changed(change)
    if change.accepted:
        how += f"; accepted: {change.accepted}"
    if phrases.known(change.ratio) and change.reason and not more:
        how += f"; {change.reason}"
    of = phrases.slope(item)
    cells = [_called(item, f" ({of})" if of else ""),
             *map(escape, (phrases.arrow(change, mode), how, *more))]
    return f"| {' | '.join(cells)} |\n"


def _called(item, more=""):
    return _both(phrases.title(item), phrases.name(item), more)


def _both(title, name, more=""):
    """The title, the name in small below; where there is no title, the name."""
    if title in ("", name):
        return code(name) + more
    return f"{escape(title)}{more}<br><sub>{code(name)}</sub>"


def _cause(cause):
    share = "–" if cause.share is None else units.percent(cause.share)
    both = " → ".join(units.time(x) if cause.unit == "ns" else units.count(x)
                      for x in (cause.base, cause.new))
    case = _both(cause.title, cause.case)
    return f"| {case} | {cause.kind} {code(cause.name)} | {both} | {share} |\n"


def _fitted(blocks, room):
    """The document, with as many lines of each block as there is room for."""
    left = room - sum(map(_bytes, (text for b in blocks for text in (b.head, b.tail, _cut(b, 0)))))
    kept = {}
    for block in sorted(blocks, key=lambda b: b.rank):
        n = 0
        while n < len(block.lines) and _bytes(block.lines[n]) <= left:
            left -= _bytes(block.lines[n])
            n += 1
        kept[id(block)] = n
    return "".join(b.head + "".join(b.lines[:kept[id(b)]]) + _cut(b, kept[id(b)]) + b.tail
                   for b in blocks)


def _bytes(text):
    return len(text.encode())


def _cut(block, shown):
    total = len(block.lines)
    return f"\nNot shown: {total - shown:,} of {total:,} {block.cut}.\n" if shown < total else ""
