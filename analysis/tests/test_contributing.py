"""The worked examples of CONTRIBUTING.md, each applied to a copy of the package and run. What they say
of how little a further thing takes is counted: files of code per example."""

import csv
import json
import os
import re
import shutil
import subprocess
import sys

import pytest

import synthetic
from conftest import write
from worked_examples import EXAMPLES, GUIDE, MOST_FILES, SUITE, Add, Change, is_compiled

pytestmark = pytest.mark.skipif(not GUIDE.exists(), reason="not in the suite's source tree")


@pytest.fixture
def applied(tmp_path):
    """Function: heading -> a copy of analysis/ with that example."""
    def apply(heading):
        copy = tmp_path / "suite"
        shutil.copytree(SUITE / "analysis", copy / "analysis", ignore=shutil.ignore_patterns("__pycache__", ".*"))
        for step in EXAMPLES[heading]:
            step.apply(copy)
        return copy / "analysis"
    return apply


def run(analysis, *words, status=0):
    """Python with the copy's package and nothing of ours."""
    environment = os.environ | {"PYTHONPATH": f"{analysis}:{analysis / 'tests'}", "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run([sys.executable, "-P", *map(str, words)], cwd=analysis, env=environment, check=False,
                          capture_output=True, text=True)
    assert done.returncode == status, f"{words}: status {done.returncode}\n{done.stdout}{done.stderr}"
    return done.stdout


def test_every_block_of_code_is_a_step_of_an_example():
    """A block that is not understood would be tested by nobody."""
    blocks = re.findall(r"^```\w+$", GUIDE.read_text(encoding="utf-8"), re.M)
    assert sum(map(len, EXAMPLES.values())) == len(blocks)


@pytest.mark.parametrize("heading", MOST_FILES)
def test_a_further_thing_is_added_in_few_files(heading):
    code = {step.file for step in EXAMPLES[heading] if not step.file.endswith(".md")}
    assert 1 <= len(code) <= MOST_FILES[heading]


def test_no_example_is_left_out():
    assert EXAMPLES.keys() == MOST_FILES.keys()
    here = {heading for heading in EXAMPLES if not is_compiled(heading)}
    assert here == {"A new figure", "A new claim", "A new output format of compare"}


def test_a_step_that_finds_no_place_or_two_is_an_error(tmp_path):
    (tmp_path / "file").write_text("a\nb\nb\n")
    for line, count in (("c", 0), ("b", 2)):
        with pytest.raises(AssertionError, match=f"has {count} lines"):
            Add("file", line, "x\n").apply(tmp_path)
        with pytest.raises(AssertionError, match=f"has {count} places"):
            Change("file", f"@@\n-{line}\n+x\n").apply(tmp_path)
    Add("file", "a", "x\n").apply(tmp_path)
    Add("file", None, "y\n").apply(tmp_path)
    assert (tmp_path / "file").read_text() == "a\nx\nb\nb\ny\n"
    Change("file", "@@\n a\n-x\n+z\n+\n b\n@@\n-y\n").apply(tmp_path)
    assert (tmp_path / "file").read_text() == "a\nz\n\nb\nb\n"


def test_a_new_figure(applied, tmp_path):
    analysis = applied("A new figure")
    run_file = write(synthetic.Maker().fork().document(), tmp_path / "run.json")
    run(analysis, "-m", "forkcost", "report", run_file, "-o", tmp_path / "report")
    page = (tmp_path / "report/index.html").read_text()
    assert {"teardown.svg", "teardown.png"} <= {f.name for f in (tmp_path / "report/figures").iterdir()}
    assert "What it costs to take the child apart" in page
    assert re.search("Longest for a child by (fork|_Fork|clone3) of 1\N{NO-BREAK SPACE}GiB: ", page)
    where = [page.index(title) for title in ("Until a new program", "What it costs to take", "Where the time goes")]
    assert where == sorted(where)
    # A run without its cases has the reason in its place.
    write(synthetic.Maker().cow().document(), run_file)
    run(analysis, "-m", "forkcost", "report", run_file, "-o", tmp_path / "report")
    assert "no `fork` cases with teardown_ns" in (tmp_path / "report/index.html").read_text()


def test_a_new_claim(applied, tmp_path, monkeypatch):
    analysis = applied("A new claim")

    def judged(maker):
        run_file, out = write(maker.document(), tmp_path / "run.json"), tmp_path / "claims.json"
        run(analysis, "-m", "forkcost", "claims", run_file, "--format", "json", "-o", out)
        found = json.loads(out.read_text())
        return next(claim for claim in found if claim["id"] == "shell-free")

    dear = judged(synthetic.Maker().spawn())
    assert dear["verdict"] == "does not hold here" and "after posix_spawn, in an empty process" in dear["evidence"]
    monkeypatch.setitem(synthetic.TRUTH["spawn"], "system", synthetic.TRUTH["spawn"]["posix_spawn"])
    assert judged(synthetic.Maker().spawn())["verdict"] == "holds"
    without = judged(synthetic.Maker().spawn(paths=("fork", "vfork", "system")))
    assert without["verdict"] == "not testable here" and "not in this run" in without["reason"]


def test_a_new_output_format(applied, tmp_path):
    analysis = applied("A new output format of compare")
    assert re.search(r"\bcsv\b", run(analysis, "-m", "forkcost", "compare", "--help"))
    files = [write(synthetic.Maker(seed).fork(paths=("fork",), backings=("4k",)).document(), tmp_path / f"{seed}.json")
             for seed in (1, 2)]
    out = tmp_path / "out.csv"
    run(analysis, "-m", "forkcost", "compare", *files, "--format", "csv", "-o", out)
    rows = list(csv.DictReader(out.open(newline="")))
    titles = {row["title"].partition(":")[0] for row in rows}
    assert {"fork, 1 GiB, another CPU", "fork, another CPU, per 4 KiB page"} <= titles
    for row in rows:
        assert float(row["ratio"]) == pytest.approx(float(row["new"]) / float(row["base"]), rel=0.05), row["name"]
    # The test that every format has to pass, in the copy.
    said = run(analysis, "-m", "pytest", "-q", "tests/test_compare_outputs.py", "-k", "takes_everything and csv")
    assert "1 passed" in said
