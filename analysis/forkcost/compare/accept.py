"""Changes that are known: they are always told, and give no status 1 until they expire or grow."""

import datetime
import tomllib
from dataclasses import dataclass, replace
from pathlib import Path

from forkcost import files
from forkcost.compare.result import SLOWER, Family
from forkcost.compare.thresholds import parsed
from forkcost.errors import InputError

EVERYTHING = ("everything", "time")  # case and quantity of what all cases moved between the runs
_KEYS = ("case", "quantity", "at_most", "reason", "until")


@dataclass(frozen=True)
class Known:
    """`case`: as the comparison names it; of a slope the family's (`fork/path:fork per page`), of what all
    cases moved together EVERYTHING's, as is the quantity.
    `at_most`: 0.12 for 12%; `until`: the last day on which it holds."""

    case: str
    quantity: str
    at_most: float
    reason: str
    until: datetime.date

    @property
    def is_of_everything(self):
        return (self.case, self.quantity) == EVERYTHING

    def is_of(self, item):
        case = f"{item.key.partition(' ')[0]} per {item.per}" if isinstance(item, Family) else item.case
        return (case, item.quantity) == (self.case, self.quantity)

    def limit(self, change, today):
        """Why it does not hold of a Change; empty: it does."""
        if today > self.until:
            return f"accepted until {self.until}, which is over"
        ratio = change.ratio if change.ratio is None or change.ratio >= 1 else 1 / change.ratio
        if ratio is None or ratio - 1 > self.at_most:
            return f"accepted up to {100 * self.at_most:g}%, and it is more"
        return ""


def read(path):
    """[Known] of a file. Raises InputError."""
    content = files.content(Path(path), "a file with [[accept]] tables")
    try:
        found = tomllib.loads(content.decode("utf-8"))
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise InputError(f"{path}: is no TOML: {error}") from error
    if set(found) != {"accept"} or not isinstance(found["accept"], list):
        raise InputError(f"{path}: has to have [[accept]] tables, and nothing else")
    return [_known(path, number, entry) for number, entry in enumerate(found["accept"], 1)]


def _known(path, number, entry):
    where = f"{path}: [[accept]] number {number}"
    missing = [key for key in _KEYS if not entry.get(key)] if isinstance(entry, dict) else _KEYS
    if missing or set(entry) - set(_KEYS):
        raise InputError(f"{where}: has to have {', '.join(_KEYS)}, and nothing else")
    if type(entry["until"]) is not datetime.date:
        raise InputError(f"{where}: until = {entry['until']!r}: write a day, 2027-03-31")
    try:
        at_most = parsed(str(entry["at_most"]))
    except InputError as error:
        raise InputError(f"{where}: at_most: {error}") from error
    return Known(str(entry["case"]), str(entry["quantity"]), at_most, str(entry["reason"]),
                 entry["until"])


def applied(comparison, known, today=None):
    """The Comparison, in which slower ones that are Known count no more. What no longer holds, or is
    of nothing that was compared, is a warning."""
    if not known:
        return comparison
    today = today or datetime.date.today()
    used, warnings = set(), []

    def judged(change, entries):
        for entry in entries:
            used.add(entry)
            if change.verdict != SLOWER:
                continue
            why_not = entry.limit(change, today)
            if not why_not:
                return replace(change, accepted=entry.reason)
            warnings.append(f"{entry.case} {entry.quantity}: {why_not}")
        return change

    def one(item):
        return replace(item, change=judged(item.change, [e for e in known if e.is_of(item)]))

    rows = tuple(map(one, comparison.rows))
    by_name = {(row.case, row.quantity): row for row in rows}
    families = tuple(one(replace(f, rows=tuple(by_name[r.case, r.quantity] for r in f.rows)))
                     for f in comparison.families)
    common = comparison.common and judged(comparison.common, [e for e in known if e.is_of_everything])
    warnings += [f"{entry.case} {entry.quantity}: accepted, but not compared here"
                 for entry in known if entry not in used]
    return replace(comparison, rows=rows, families=families, common=common,
                   warnings=(*comparison.warnings, *warnings))
