"""What stands below a figure, as data.

A caption is clauses with facts in braces: `{fork:time}` is units.time(fork), `{x:time 2}` the same with two digits,
`{path}` the fact as it is, and `{cold?}` nothing but the condition that it is true. A clause with a fact that this run
lacks (not given, None, False, an empty text) is left out; of a tuple of clauses the first that can be said stands.
"""

import string
from dataclasses import dataclass

import numpy as np

from forkcost import units


@dataclass(frozen=True)
class Drawing:
    """A figure and its caption. `message`: what it shows. `basis`: n and the fixed axes."""

    figure: object
    message: str
    basis: str


@dataclass(frozen=True, kw_only=True)
class Caption:
    """`message`: clauses of a sentence, with their punctuation; `basis`: parts between semicolons."""

    message: str | tuple
    basis: tuple

    def of(self, figure, **facts):
        """The Drawing. A fact that no clause names is a mistake in one of the two."""
        named = {field.removesuffix("?") for clause in _flat((self.message, self.basis))
                 for _, field, _, _ in string.Formatter().parse(clause) if field}
        assert facts.keys() <= named, f"no clause names {', '.join(facts.keys() - named)}"
        return Drawing(figure, "".join(_said(self.message, facts)), "; ".join(_said(self.basis, facts)))


@dataclass(frozen=True)
class Figure(Caption):
    """A figure of the report: its heading, and `place` among the figures there, in steps of ten, so that
    one more can stand between two."""

    heading: str
    place: int
    title: str


class _Lacking(Exception):
    """The run lacks a fact of a clause."""


class _Words(string.Formatter):
    def get_field(self, field, args, kwargs):
        value = kwargs.get(field.removesuffix("?"))
        if value is None or (isinstance(value, (bool, np.bool_, str)) and not value):
            raise _Lacking
        return "" if field.endswith("?") else value, field

    def format_field(self, value, form):
        how, *digits = form.split() or ["str"]
        return str(value) if how == "str" else getattr(units, how)(value, *map(int, digits))


def _said(clauses, facts):
    for clause in [clauses] if isinstance(clauses, str) else clauses:
        for alternative in _flat(clause):
            try:
                yield _Words().vformat(alternative, (), facts)
                break
            except _Lacking:
                pass


def _flat(clauses):
    return [clauses] if isinstance(clauses, str) else [text for clause in clauses for text in _flat(clause)]
