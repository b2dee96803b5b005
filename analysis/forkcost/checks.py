"""Checks a document by its JSON Schema, `data/NAME.schema.json`: what is wrong is named, and where."""

import json
import reprlib
from functools import lru_cache
from pathlib import Path

REPEAT = "run forkcost-run again"
DAMAGED = f"the file is damaged or from another program; {REPEAT}"

_NUMBERS = ("number", ["number", "null"])


class Broken(Exception):
    """What is wrong with a document, and what to do."""


def by_schema(document, name):
    """Raises Broken unless the document has the form that the schema describes. Whether all in an
    array of numbers are some is left to whoever makes arrays of numpy of them."""
    check, failed = _compiled(name)
    try:
        check(document)
    except failed as error:
        place = error.name.removeprefix("data").removeprefix(".") or "the file"
        raise Broken(f"{place} {_wrong(error)}: {DAMAGED}") from error


@lru_cache
def _compiled(name):
    """(function of a document, what it raises)."""
    import fastjsonschema  # not for --help

    schema = json.loads(source(name).read_text(encoding="utf-8"))
    return (fastjsonschema.compile(_for_reading(schema)),
            fastjsonschema.JsonSchemaValueException)


def source(name):
    """The schema's file."""
    return Path(__file__).parent / "data" / f"{name}.schema.json"


def _for_reading(node):
    """The schema as a reader needs it. A key that nobody describes is no damage, as a later program
    may write one. Arrays of numbers are not looked through: that took a third of the time."""
    if isinstance(node, list):
        return [_for_reading(item) for item in node]
    if not isinstance(node, dict):
        return node
    return {key: _for_reading(value) for key, value in node.items()
            if (key, value) != ("additionalProperties", False)
            and not (key == "items" and value.get("type") in _NUMBERS)}


_KINDS = {"number": "a number", "string": "a string", "integer": "a whole number", "array": "a list",
          "object": "an object", "boolean": "true or false", "null": "null"}


def _wrong(error):
    """The rule that a value breaks, in words."""
    if error.rule == "required":
        missing = next(key for key in error.rule_definition if key not in error.value)
        return f"has no '{missing}'"
    if error.rule == "anyOf":  # of ours: which keys there are
        ways = (" and ".join(f"'{key}'" for key in way["required"]) for way in error.rule_definition)
        return f"has neither {' nor '.join(ways)}"
    value, wanted = reprlib.repr(error.value), error.rule_definition
    if error.rule == "type":
        kinds = [wanted] if isinstance(wanted, str) else wanted
        return f"is {value}, not {' or '.join(_KINDS[kind] for kind in kinds)}"
    if error.rule in ("enum", "const"):
        values = wanted if error.rule == "enum" else [wanted]
        return f"is {value}, not {' or '.join(map(repr, values))}"
    if error.rule in ("minimum", "maximum"):
        return f"is {value}, {'less' if error.rule == 'minimum' else 'more'} than {wanted}"
    rule = error.message.removeprefix(error.name).strip()
    return f"is {value}, and {rule}"

