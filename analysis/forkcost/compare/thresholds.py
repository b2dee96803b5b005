"""How much of a change is worth telling, per quantity (data/thresholds.toml)."""

import fnmatch
import tomllib
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from forkcost import files
from forkcost.errors import InputError

OURS = "data/thresholds.toml"
_DEFAULT = "default"


@dataclass(frozen=True)
class Thresholds:
    """`tables`: mode -> {quantity or pattern: threshold, or False: not compared}. `all`: in place
    of all of them, but for counts whose own is larger."""

    tables: dict
    all: float | None = None

    def own(self, mode, quantity):
        """What the table says of a quantity by its name or a pattern; None: nothing."""
        return next((v for name, v in self.tables.get(mode, {}).items()
                     if name != _DEFAULT and fnmatch.fnmatchcase(quantity, name)), None)

    def of(self, mode, quantity, count=False):
        """0.05 for 5%; None for a quantity that is not compared. `count`: of one that is counted,
        whose own threshold says by how much it differs for no reason."""
        own = self.own(mode, quantity)
        found = self.tables.get(mode, {}).get(_DEFAULT, False) if own is None else own
        if found is False:
            return None
        if self.all is None:
            return found
        return max(self.all, own) if count and own is not None else self.all


def read(path=None, everywhere=None):
    """The Thresholds of a file, or ours. A mode, or its default, that a file lacks is ours: else
    nothing would be compared there. Raises InputError."""
    ours = _table(resources.files("forkcost") / "data" / "thresholds.toml")
    tables = _table(Path(path)) if path else ours
    for mode, table in ours.items():
        tables.setdefault(mode, table).setdefault(_DEFAULT, table[_DEFAULT])
    return Thresholds(tables, everywhere)


def _table(source):
    content = files.content(source, "the path of a table of thresholds")
    try:
        tables = tomllib.loads(content.decode("utf-8"))
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise InputError(f"{source}: is no table of thresholds: {error}: see forkcost/{OURS} for "
                         "one that works") from error
    _check(source, tables)
    return tables


def _check(source, tables):
    remedy = f"see forkcost/{OURS} for one that works"
    if not tables or set(tables) - {"time", "exact"}:
        raise InputError(f"{source}: a table of thresholds has [time] and [exact], nothing else: "
                         + remedy)
    for mode, table in tables.items():
        if not isinstance(table, dict):
            raise InputError(f"{source}: {mode} = {table!r} is no table: write default = {table!r} "
                             f"below [{mode}]; {remedy}")
        for quantity, value in table.items():
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
    if not _positive(value) or (value >= 1 and not text.endswith("%")):  # 5 was meant as 5%
        raise InputError(f"'{text}' is no threshold: write 5%, or 0.05")
    return value
