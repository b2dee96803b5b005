"""The worked examples in C++ of CONTRIBUTING.md: all of them applied to one copy of the tree, which is built
and asked. They touch different files, so together they say what each says alone."""

import gzip
import json
import os
import pathlib
import resource
import shutil
import subprocess
import sys

import pytest

SUITE = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(SUITE / "analysis" / "tests"))
from worked_examples import EXAMPLES, is_compiled  # noqa: E402

OURS = pathlib.Path(os.environ["FORKCOST_BIN"])  # the programs of this tree, without the examples
HEADINGS = [heading for heading in EXAMPLES if is_compiled(heading)]
MOST_DESCRIPTORS = 10000


def call(*words, **options):
    done = subprocess.run([str(word) for word in words], capture_output=True, text=True, check=False, **options)
    assert done.returncode == 0, f"{words}: status {done.returncode}\n{done.stdout}{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def copy(tmp_path_factory):
    """The tree with the examples."""
    copy = tmp_path_factory.mktemp("suite") / "forkcost"
    shutil.copytree(SUITE, copy, symlinks=True, ignore=shutil.ignore_patterns("build", ".git", "__pycache__"))
    for heading in HEADINGS:
        for step in EXAMPLES[heading]:
            step.apply(copy)
    return copy


@pytest.fixture(scope="module")
def programs(copy):
    """Where they are built. Not optimised: that takes half as long, and what is compared here are counts, and
    times of the kernel. What is not built is not told apart, so neither tests nor images."""
    build = copy / "build"
    call("cmake", "-S", copy, "-B", build, "-DCMAKE_BUILD_TYPE=Release", "-DCMAKE_CXX_FLAGS_RELEASE=-O0",
         "-DFORKCOST_WARNINGS_AS_ERRORS=ON", "-DFORKCOST_TESTS=OFF", f"-DFORKCOST_PYTHON={sys.executable}")
    jobs = os.environ.get("CMAKE_BUILD_PARALLEL_LEVEL", str(os.cpu_count()))
    call("cmake", "--build", build, "--parallel", jobs, "--target", "bench_fork", "bench_descriptors", "forkcost-run")
    return build / "bin"


@pytest.fixture(scope="module")
def run(programs, tmp_path_factory):
    """The result file of a run of all that is new: the document, and what the runner said."""
    out = tmp_path_factory.mktemp("run") / "run.json.gz"
    said = call(programs / "forkcost-run", "--preset", "standard", "--heap", "64MiB", "--rounds", "2", "--filter",
                "^(descriptors/|fork/path:fork/heap:64MiB(/advice:.*)?$)", "--note", "as we like it", "--out", out)
    return json.loads(gzip.decompress(out.read_bytes())), said


def listed(bin_dir, program):
    return json.loads(call(bin_dir / program, "--list-cases", "--preset=full", "--heap=0,64MiB"))


def least(document, name, quantity):
    """Of all rounds of a case: what others do meanwhile only adds."""
    entries = [entry for entry in document["benchmarks"] if entry["name"] == name]
    assert len(entries) == 2, [entry["name"] for entry in document["benchmarks"]] + document["unmeasured"]
    return min(entry["quantities"][quantity]["min"] for entry in entries)


def test_the_examples_are_formatted_as_all_code_is(copy):
    if shutil.which("clang-format") is None:
        pytest.skip("clang-format is not installed; ci/setup.sh --dev installs it")
    files = [step.file for heading in HEADINGS for step in EXAMPLES[heading] if step.file.endswith((".cc", ".h"))]
    call("clang-format", "--dry-run", "-Werror", *files, cwd=copy)


def test_a_new_benchmark(programs, run):
    document, said = run
    here = listed(programs, "bench_descriptors")
    assert [case["name"] for case in here["cases"]] == [f"descriptors/open:{n}" for n in (0, 1000, 10000)]
    assert "per open one and fork" in said
    if resource.getrlimit(resource.RLIMIT_NOFILE)[1] < MOST_DESCRIPTORS + 64:
        reasons = {entry["outcome"]["reason"] for entry in document["unmeasured"]}
        assert any("raise ulimit -Hn" in reason for reason in reasons), reasons
        pytest.skip("fewer descriptors than the largest case may be open here")
    checks = document["context"]["forkcost"]["cases"][f"descriptors/open:{MOST_DESCRIPTORS}"]["verification"]
    assert {"check": "descriptors opened", "expected": "10000", "observed": "10000", "ok": True} in checks
    empty, many = (least(document, f"descriptors/open:{n}", "total_ns") for n in (0, MOST_DESCRIPTORS))
    assert many > 1.5 * empty, "10,000 references were taken and given back"


def test_a_new_axis(programs, run):
    document, _ = run
    before, after = listed(OURS, "bench_fork"), listed(programs, "bench_fork")
    names = [case["name"] for case in after["cases"]]
    assert [name for name in names if "advice" not in name] == [case["name"] for case in before["cases"]]
    assert [name for name in names if "advice" in name] == ["fork/path:fork/heap:64MiB/advice:dontfork"]
    assert after["axes"]["advice"]["default"] == "none" and "advice" not in before["axes"]
    rows = {case["name"]: case["axes"] for case in after["cases"]}
    assert rows["fork/path:fork/heap:64MiB"]["advice"] == "none"
    copied, left_out = (least(document, f"fork/path:fork/heap:64MiB{axis}", "total_ns")
                        for axis in ("", "/advice:dontfork"))
    assert left_out < 0.7 * copied, "16,384 entries of page tables are not copied"


def test_a_new_quantity(run):
    document, _ = run
    row = document["context"]["forkcost"]["quantities"]["child_life_ns"]
    assert row["title"] == "child's life" and row["unit"] == "ns" and row["better"] == "lower"
    for entry in document["benchmarks"]:
        lives, totals = (entry["quantities"][name]["p50"] for name in ("child_life_ns", "total_ns"))
        assert 0 < lives < totals


def test_a_new_flag(programs, run):
    document, _ = run
    (step,) = EXAMPLES["A new flag"]
    assert step.code.count("+    {.name") == 1 and "-" not in {line[:1] for line in step.code.splitlines()}
    assert document["context"]["forkcost"]["run"]["note"] == "as we like it"
    assert "--note" in call(programs / "forkcost-run", "--help")
    assert "--note" not in call(programs / "bench_fork", "--help")


def test_the_tables_of_the_copy_are_whole(copy, programs):
    """Thresholds, FORMAT.md, titles, answers and names, by the tests that ask all programs: of these two here."""
    said = call(sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "benchmarks/tests/test_tables.py",
                "benchmarks/tests/test_answer_rows.py", "harness/tests/test_names.py", "-k",
                "threshold or description or every_row or titles or figure or names_of_their_own or names_what",
                cwd=copy, env=os.environ | {"FORKCOST_BIN": str(programs), "PYTHONDONTWRITEBYTECODE": "1"})
    assert "10 passed" in said, said
