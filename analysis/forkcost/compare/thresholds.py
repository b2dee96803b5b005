"""How much of a change is worth telling, per quantity (data/thresholds.toml)."""

import fnmatch
import tomllib
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from forkcost.errors import InputError

OURS = "data/thresholds.toml"
_DEFAULT = "default"


@dataclass(frozen=True)
class Thresholds:
    """`tables`: mode -> {quantity or pattern: threshold, or False: not compared}. `all`: in place
    of all of them."""

    tables: dict
    all: float | None = None

    def of(self, mode, quantity, exact=False):
        """0.05 for 5%; None for a quantity that is not compared. `exact`: of a count without
        spread, which has none but its own."""
        table = self.tables.get(mode, {})
        default = 0.0 if exact else table.get(_DEFAULT, False)
        found = next((v for name, v in table.items() if fnmatch.fnmatchcase(quantity, name)),
                     default)
        if found is False:
            return None
        return self.all if self.all is not None and found else found


def read(path=None, everywhere=None):
    """The Thresholds of a file, or ours. Raises InputError."""
    source = Path(path) if path else resources.files("forkcost") / "data" / "thresholds.toml"
    try:
        tables = tomllib.loads(source.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"{source}: cannot be read: {error.strerror}: give the path of a table of "
                         "thresholds") from error
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise InputError(f"{source}: is no table of thresholds: {error}: see forkcost/{OURS} for "
                         "one that works") from error
    _check(source, tables)
    return Thresholds(tables, everywhere)


def _check(source, tables):
    remedy = f"see forkcost/{OURS} for one that works"
    if not tables or set(tables) - {"time", "exact"}:
        raise InputError(f"{source}: a table of thresholds has [time] and [exact], nothing else: "
                         + remedy)
    for mode, table in tables.items():
        for quantity, value in table.items() if isinstance(table, dict) else [("", table)]:
            if value is not False and not _positive(value):
                raise InputError(f"{source}: [{mode}] {quantity} = {value!r} is no threshold: "
                                 "write 0.05 for 5%, or false for what is not compared; "
                                 + remedy)


def _positive(value):
    return isinstance(value, (int, float)) and not isinstance(value, bool) and 0 < value < 10


def parsed(text):
    """0.05 of `5%` or `0.05`. Raises InputError."""
    try:
        value = float(text[:-1]) / 100 if text.endswith("%") else float(text)
    except ValueError:
        value = None
    if not _positive(value):
        raise InputError(f"'{text}' is no threshold: write 5%, or 0.05")
    return value
