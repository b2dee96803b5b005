"""The kernel functions of a run's cases: for a terminal, as JSON, and for the page."""

import json
import re

from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from forkcost import functions, passes, units
from forkcost.counters import counted, value
from forkcost.errors import InputError, NoAnswer
from forkcost.functions import OTHER, USER

TOP = 20  # functions per case on a terminal
TOP_ON_PAGE = 10


def chosen(run, expression):
    """The Sampled of cases whose names the regular expression is found in. Raises InputError,
    NoAnswer."""
    try:
        wanted = re.compile(expression)
    except re.error as error:
        raise InputError(f"'{expression}' is no regular expression: {error}: for example "
                         "'^fork/path:fork/'") from error
    cases = [case for name, case in run.cases.items() if wanted.search(name)]
    if not cases:
        raise InputError(f"'{expression}' is in the name of no case that was measured: "
                         "forkcost-run --list shows names")
    found = [s for case in cases if (s := functions.Sampled.of(case, run.page_size)) is not None]
    if not found:
        raise NoAnswer(f"{run.paths[0]}: no profile of {units.many([len(cases)], 'case')}: "
                       f"{functions.why_none(cases)}")
    return found


def top(sampled, groups, count):
    """[(name, samples, group)] of the `count` functions and images that have most samples, then one
    row for all others, of group `–`."""
    rows = [(name, n, USER if user else groups.of(name)) for name, n, user in sampled.rows]
    rest = rows[count:]
    if rest:
        rows[count:] = [(f"{len(rest)} more", sum(n for _, n, _ in rest), "–")]
    return rows


def show(found, groups, console, count=TOP):
    """The cases' groups and functions, and how they were sampled."""
    for s in found:
        console.print(Text(s.case.name, style="bold"))
        console.print(Text(f"{s.title}; {units.whole(s.profile.samples)} samples".replace(
            units.NBSP, " ")))
        divided = sorted(groups.divide(s.profile).items(), key=lambda entry: -entry[1])
        for columns, rows in ((["group"], divided), (["function", "group"], top(s, groups, count))):
            table = Table(box=None, pad_edge=False)
            for name in (columns[0], "share", f"per {s.what}", *columns[1:]):
                table.add_column(name, justify="left" if name in columns else "right",
                                 overflow="fold")
            for name, samples, *group in rows:
                table.add_row(*map(Text, (name, _percent(s.share(samples)), _time(s.cost(samples)),
                                          *group)))
            console.print()
            console.print(Padding(table, (0, 0, 0, 2), expand=False))
        console.print()
    console.print(Text(functions.statement(found).replace(units.NBSP, " ")))


def _percent(share):
    return f"{100 * share:.1f}%"


def _time(ns):
    return "–" if ns is None else units.time(ns).replace(units.NBSP, " ")


def as_json(found, groups, count=None):
    """A list of objects, one per case; times in nanoseconds, absent where none was measured."""
    return json.dumps([_object(s, groups, count) for s in found], indent=1, ensure_ascii=False,
                      allow_nan=False) + "\n"


def _object(s, groups, count):
    profile = s.profile
    made = {"case": s.case.name, "event": profile.event, "period": profile.period,
            "unit": profile.unit, "scope": profile.scope, "rounds": profile.rounds,
            "operations": profile.operations,
            "operations_left_out": profile.operations_left_out, "samples": profile.samples, "lost": profile.lost,
            "throttled": profile.throttled, "quantity": profile.quantity, "per": s.what}
    if profile.child_end_sampled is not None:
        made["child_end_sampled"] = profile.child_end_sampled
    if s.ns is not None:
        made["ns"] = s.ns
    kernel, user = ([(name, n) for name, n, is_user in s.rows if is_user == of_user]
                    for of_user in (False, True))
    made["groups"] = [_line(s, name, n) for name, n in groups.divide(profile).items()]
    made["functions"] = [_line(s, name, n) | {"group": groups.of(name)} for name, n in
                         kernel[:count]]
    made["images"] = [_line(s, name, n) for name, n in user[:count]]
    return made


def _line(s, name, samples):
    line = {"name": name, "samples": samples, "share": s.share(samples)}
    return line if s.ns is None else line | {"ns": s.cost(samples)}


def page(run):
    """For the page: [{name, sampled, groups, functions, events}] of cases with counters or a
    profile, all text."""
    made = []
    for case in run.cases.values():
        s = functions.Sampled.of(case, run.page_size)
        c = counted(case)
        if s is None and c is None:
            continue
        entry = {"name": case.name, "title": "", "per": "", "groups": "", "functions": [],
                 "events": [] if c is None else [_event(e) for e in c.events.values()],
                 "scaled": c is not None and any(e.running_share < 0.995
                                                 for e in c.events.values())}
        if s is not None:
            divided = sorted(run.groups.divide(s.profile).items(), key=lambda item: -item[1])
            entry |= {
                "title": f"{s.title}, {units.whole(s.profile.samples)} samples", "per": s.what,
                "groups": ", ".join(f"{name} {units.percent(s.share(n))}" for name, n in divided
                                    if s.share(n) >= 0.005 or name == OTHER),
                "functions": [(name, units.percent(s.share(n)), "–" if s.ns is None else
                               units.time(s.cost(n)), group)
                              for name, n, group in top(s, run.groups, TOP_ON_PAGE)]}
        made.append(entry)
    return made


def _event(event):
    """(name, parent, child, family, CPU, what inheriting it cost, share of the time that it ran)."""
    counts = ("–" if (x := event.median(who)) is None else value(x, event.unit)
              for who in passes.WHO)
    inheriting = "–" if event.inheriting is None else value(event.inheriting, event.unit)
    return (event.name, *counts, inheriting, units.percent(event.running_share))
