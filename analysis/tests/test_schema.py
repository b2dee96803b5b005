"""The result file's JSON Schema: what it takes, and that it says no to what is damaged."""

import copy
import gzip
import json
import re

import fastjsonschema
import pytest

from conftest import SCHEMA_1, SCHEMA_2, write
from forkcost import checks, reader
from forkcost.errors import InputError


@pytest.fixture(scope="module")
def check():
    return fastjsonschema.compile(json.loads(checks.source("result-2").read_text("utf-8")))


@pytest.fixture(scope="module")
def stored():
    return json.loads(SCHEMA_2.read_text(encoding="utf-8"))


def test_the_stored_file_of_schema_2_has_its_form(check, stored):
    check(copy.deepcopy(stored))


def test_the_reference_has_its_form(check, reference):
    check(json.loads(gzip.decompress(reference.read_bytes())))


def test_a_file_of_schema_1_has_another_form(check):
    with pytest.raises(fastjsonschema.JsonSchemaException):
        check(json.loads(SCHEMA_1.read_text(encoding="utf-8")))


def some(document, key):
    """The first quantity that is stored in this way."""
    return next(q for entry in document["benchmarks"] for q in entry["quantities"].values()
                if key in q)


DAMAGES = {
    "no rounds": lambda d: d.pop("benchmarks"),
    "a name that is a number": lambda d: d["benchmarks"][0].update(name=7),
    "an axis that is a number": lambda d: d["benchmarks"][0]["axes"].update(heap=0),
    "a key that nobody describes": lambda d: d["benchmarks"][0].update(colour="red"),
    "a round before the first": lambda d: d["benchmarks"][0].update(repetition_index=-1),
    "samples and how many are equal": lambda d: some(d, "samples").update(n=3),
    "neither samples nor a number": lambda d: some(d, "samples").pop("samples"),
    "a sample that is a text": lambda d: some(d, "samples")["samples"].append("1"),
    "a histogram without its mean": lambda d: some(d, "histogram").pop("mean"),
    "another sense of better": lambda d: next(iter(
        d["context"]["forkcost"]["quantities"].values())).update(better="maybe"),
    "a default that is a number": lambda d: next(iter(
        d["context"]["forkcost"]["axes"].values())).update(default=4),
    "a yardstick that is a number": lambda d: d["benchmarks"][0].update(yardsticks={"walk_ns": 1}),
    "a yardstick without a title": lambda d: d["context"]["forkcost"].update(
        yardsticks={"walk_ns": {"unit": "ns", "meaning": "what it is"}}),
    "no table of cases": lambda d: d["context"]["forkcost"].pop("cases"),
    "a newer schema": lambda d: d["context"]["forkcost"].update(schema=3),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_the_schema_says_no_to(damage, check, stored):
    document = copy.deepcopy(stored)
    DAMAGES[damage](document)
    with pytest.raises(fastjsonschema.JsonSchemaException):
        check(document)


@pytest.mark.parametrize("damage", DAMAGES)
def test_the_reader_says_no_to_the_same_and_where(damage, stored, tmp_path):
    document = copy.deepcopy(stored)
    DAMAGES[damage](document)
    path = write(document, tmp_path / "run.json")
    if damage == "a key that nobody describes":
        reader.read(path)  # a later program's
        return
    with pytest.raises(InputError) as error:
        reader.read(path)
    assert re.match(r".*/run.json: (benchmarks\[\d+\]|context.forkcost|the file|has schema 3).*"
                    "forkcost", str(error.value))

