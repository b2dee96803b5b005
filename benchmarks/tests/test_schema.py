"""What the programs write has the form of the result file's JSON Schema."""

import json
import pathlib
import subprocess

import pytest

from programs import BIN

fastjsonschema = pytest.importorskip("fastjsonschema")  # ci/setup.sh installs it

SCHEMA = pathlib.Path(__file__).parents[2] / "analysis/forkcost/data/result-2.schema.json"
FEW = "^fork/path:(fork|vfork)/heap:0$"


@pytest.mark.parametrize("arguments, passes", [
    ((), set()), (("--filter", FEW, "--counters"), {"counters"}),
    (("--filter", FEW, "--profile"), {"profile"})])
def test_a_fresh_run_has_the_form_of_the_schema(arguments, passes, tmp_path):
    out = tmp_path / "run.json"
    subprocess.run([BIN / "forkcost-run", "--preset", "smoke", "--rounds", "1", *arguments,
                    "--out", out], check=True, timeout=120, capture_output=True)
    document = json.loads(out.read_text(encoding="utf-8"))
    fastjsonschema.compile(json.loads(SCHEMA.read_text(encoding="utf-8")))(document)
    assert document["benchmarks"]
    for entry in document["benchmarks"]:
        assert {"counters", "profile"} & set(entry) == passes
