"""A table of the page."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Table:
    """All text. `note` may be empty; the first column of `rows` names the row."""

    title: str
    note: str
    columns: list
    rows: list
