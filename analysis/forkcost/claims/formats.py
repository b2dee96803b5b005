"""The claims as text for people, as JSON and as KTAP."""

import json
import textwrap
from collections import Counter

from rich.table import Table
from rich.text import Text

from forkcost.claims.verdict import BUT, FAILS, HOLDS, UNTESTABLE
from forkcost.ktap import Result, document
from forkcost.units import NBSP

LOOKS = {HOLDS: "green", BUT: "yellow", FAILS: "red", UNTESTABLE: "dim"}
WIDE = 100  # columns from which on a table is easier to read than blocks


def summary(judged):
    """`29 claims: 12 hold, 8 hold with a limit, 4 do not hold here, 5 not testable here`."""
    found = Counter(j.verdict for j in judged)
    words = {HOLDS: "hold", BUT: "hold with a limit", FAILS: "do not hold here",
             UNTESTABLE: "not testable here"}
    return f"{len(judged)} claims: " + ", ".join(
        f"{found[v]} {what}" for v, what in words.items() if found[v])


def result(judged):
    """The verdict with its limit, for people."""
    return f"{judged.verdict}: {judged.limit}" if judged.limit else judged.verdict


def text(judged, width=WIDE):
    """Plain text, no line longer than `width`."""
    lines, group = [], None
    for j in judged:
        if j.group != group:
            group = j.group
            lines += [*_wrapped(group, width, ""), "=" * min(len(group), width), ""]
        lines += _wrapped(f"{j.id}: {result(j)}", width, "")
        lines += _wrapped(j.claim, width, "  ")
        lines += [*_wrapped(j.evidence or j.reason, width, "  > "), ""]
    return "\n".join([*lines, *_wrapped(summary(judged), width, ""), ""])


def _wrapped(words, width, indent):
    return textwrap.wrap(words.replace(NBSP, " "), width, initial_indent=indent,
                         subsequent_indent=" " * len(indent) or "  ")


def show(judged, console):
    """The text on a terminal: a table where it is wide enough, else blocks."""
    if console.width < WIDE:
        for line in text(judged, console.width).splitlines():
            known, _, _ = line.partition(": ")
            looks = next((LOOKS[j.verdict] for j in judged if j.id == known), "")
            console.print(Text(line, style=looks))
        return
    table = Table(show_lines=True, expand=True)
    table.add_column("claim", ratio=10)
    table.add_column("verdict", ratio=6)
    table.add_column("evidence", ratio=14)
    for j in judged:
        table.add_row(Text.assemble((j.id, "bold"), f"\n{j.claim}"),
                      Text(result(j), style=LOOKS[j.verdict]), Text(j.evidence or j.reason))
    console.print(table)
    console.print(Text(summary(judged)))


def as_json(judged):
    """A list of objects; `figures` is the evidence in plain numbers (ns, bytes, counts)."""
    return json.dumps([
        {"id": j.id, "claim": j.claim, "verdict": j.verdict, "limit": j.limit,
         "evidence": j.evidence.replace(NBSP, " "), "figures": j.figures,
         "reason": j.reason.replace(NBSP, " ")} for j in judged],
        indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def ktap(judged):
    """KTAP version 1. What holds, with a limit or without, is `ok`; what does not is `not ok`; what
    cannot be tested is skipped. Evidence and limit are diagnostic lines before the result."""
    return document([_result(j) for j in judged])


def _result(j):
    if j.verdict == UNTESTABLE:
        return Result(j.id, True, (j.claim,), j.reason)
    limit = (f"holds, but {j.limit}",) if j.limit else ()
    return Result(j.id, j.verdict != FAILS, (j.claim, *limit, j.evidence))


def made(judged, form):
    """The document of a form (text, json, ktap) for a file or a pipe."""
    return {"text": text, "json": as_json, "ktap": ktap}[form](judged)
