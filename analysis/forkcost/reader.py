"""Reads a result file and checks it: what is wrong is an InputError that names the file, the place in
it, and what to do."""

import gzip
import json
import zlib
from math import isfinite

from forkcost import files, google_benchmark, schemas
from forkcost.checks import DAMAGED, REPEAT, Broken, by_schema
from forkcost.errors import InputError
from forkcost.schemas import NEWEST


class Newer(InputError):
    """Of a schema that this program does not know yet."""


def is_result(path):
    """By its name: whatever is in it, `read` tells."""
    return path.name.endswith((".json", ".json.gz"))


def files_in(directory):
    """Its result files."""
    return sorted(path for path in directory.glob("*.json*") if is_result(path))


def read(path, foreign=False, force=False):
    """(the document in the form of `schemas`, the schema that it names). `foreign`: Google Benchmark's
    own files are taken, too. `force`: a newer schema is read as the newest that we know. Raises
    InputError."""
    document, constants = _parsed(path)
    try:
        if foreign and google_benchmark.wrote(document):
            document, schema = google_benchmark.converted(document), NEWEST
        else:
            schema = _checked(path, document, force)
            if constants:
                raise Broken(f"is not whole JSON ({constants[0]} is no number): it was edited; "
                             f"{REPEAT}")
        schemas.in_one_form(document, min(schema, NEWEST))
    except Broken as error:
        raise InputError(f"{path}: {error}") from error
    return document, schema


def _parsed(path):
    """(one file's JSON, the constants in it that are no JSON: NaN, Infinity, -Infinity). Google
    Benchmark writes them for counters that have no value."""
    content = files.content(path, "the path of a file that forkcost-run wrote")
    try:
        if content[:2] == b"\x1f\x8b":  # gzip, whatever its name is
            content = gzip.decompress(content)
        text = content.decode("utf-8")
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise InputError(f"{path}: is not whole ({error}): it was cut off or damaged; "
                         f"{REPEAT}") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: is not text: give a JSON file that forkcost-run "
                         "wrote") from error
    constants = []

    def number(said):
        value = float(said)
        if not isfinite(value):  # 1e999 is JSON
            constants.append(said)
        return value

    try:
        return json.loads(text, parse_float=number, parse_constant=number), constants
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path}: is not whole JSON ({error}): it was cut off or edited; "
                         f"{REPEAT}, or --resume it if its .journal is still there") from error


def _checked(path, document, force):
    """The schema that a document of ours names, whose form it has. Raises Broken, Newer."""
    if not isinstance(document, dict) or not isinstance(document.get("context"), dict):
        raise Broken("is JSON, but no benchmark result: give a file that forkcost-run wrote")
    ours = document["context"].get("forkcost")
    if not isinstance(ours, dict):
        raise Broken("is a Google Benchmark result without forkcost's keys: measure with "
                     "forkcost-run or one of forkcost's bench binaries")
    schema = ours.get("schema")
    if type(schema) is not int or schema < 1:  # true is an int, too
        raise Broken(f"context.forkcost has no proper 'schema': {DAMAGED}")
    if schema > NEWEST:
        if not force:
            raise Newer(f"{path}: has schema {schema}, this program reads up to {NEWEST}: use a newer "
                        "forkcost")
        ours["schema"] = NEWEST
    by_schema(document, f"result-{ours['schema']}")
    if not document["benchmarks"] and not document.get("unmeasured"):
        raise Broken("has no case at all: the run's filter matched nothing or it was stopped at "
                     f"once; {REPEAT} (forkcost-run --list shows the names)")
    return schema
