"""The tables of axes and quantities: what the programs say, the description of the file and the
thresholds of compare have the same names in them."""

import fnmatch
import json
import pathlib
import re
import sys
import tomllib

import pytest

from programs import BIN, run

SOURCE = pathlib.Path(__file__).resolve().parents[2]
PROGRAMS = sorted(path.name for path in BIN.glob("bench_*"))
THRESHOLDS = SOURCE / "analysis" / "forkcost" / "data" / "thresholds.toml"


def listed(program, preset="full"):
    return json.loads(run(program, "--list-cases", f"--preset={preset}").stdout)


@pytest.fixture(scope="module")
def tables():
    return listed("bench_fork")


@pytest.mark.parametrize("program", PROGRAMS)
def test_all_programs_have_the_same_quantities_and_names_of_their_own(program, tables):
    here = listed(program)
    assert here["schema"] == tables["schema"] == 2
    assert here["quantities"].keys() == tables["quantities"].keys()
    names = [case["name"] for case in here["cases"]]
    assert names and len(names) == len(set(names))
    benchmarks = {}
    for case in here["cases"]:
        assert case["axes"].keys() <= here["axes"].keys()
        benchmarks.setdefault(case["benchmark"], set()).add(frozenset(case["axes"]))
    # all axes of a benchmark, whatever the case; a claim has those of its id
    assert all(len(axes) == 1 for name, axes in benchmarks.items() if name != "claim"), benchmarks


def test_every_row_says_what_it_is(tables):
    for name, row in tables["quantities"].items():
        assert row["unit"] in ("ns", "1", "ratio", "bytes") and row["meaning"], name
        assert row["better"] in ("lower", "higher", "none"), name
        assert row["estimator"] in ("min", "p10", "p25", "p50"), name
        assert 0 < len(row["title"]) <= 40 and "_" not in row["title"], name
        unit = "ns" if name.endswith("_ns") else "bytes" if "bytes" in name else None
        assert unit in (None, row["unit"]), name
    for program in PROGRAMS:
        assert all(row["meaning"] for row in listed(program)["axes"].values())


CORE = {"cow/heap:4MiB": ["debt_ns"],
        "cow/state:alone/heap:4MiB": ["debt_ns"],
        "exec/image:nolibc/heap:0": ["main_start_ns"],
        "exec/image:static/heap:0": ["main_start_ns"],
        "exec/image:dynamic/heap:0": ["main_start_ns"],
        "fork/path:fork/heap:0": ["blocked_ns", "blocked_cpu_ns"],
        "fork/path:fork/heap:64MiB": ["blocked_ns", "blocked_cpu_ns"],
        "fork/path:fork/heap:256MiB": ["blocked_ns", "blocked_cpu_ns", "teardown_ns"],
        "fork/path:fork/heap:256MiB/backing:thp": ["blocked_ns", "blocked_cpu_ns"],
        "fork/path:vfork/heap:0": ["blocked_ns", "blocked_cpu_ns"],
        "fork/path:clone3/heap:0": ["blocked_ns", "blocked_cpu_ns"],
        "load/libraries:64": ["main_start_ns"],
        "spawn/path:fork/image:nolibc/heap:0": ["main_start_ns"],
        "spawn/path:vfork/image:nolibc/heap:0": ["main_start_ns"],
        "spawn/path:posix_spawn/image:nolibc/heap:0": ["main_start_ns"],
        "spawn/path:posix_spawn/image:nolibc/heap:64MiB": ["main_start_ns"],
        "spawn/path:posix_spawn/image:dynamic/heap:0": ["main_start_ns"]}


def test_the_core_is_fixed_by_name():
    gate = {case["name"]: case["core"] for program in PROGRAMS
            for case in listed(program, "gate")["cases"]}
    assert gate == CORE
    everywhere = {case["name"]: case["core"] for program in PROGRAMS
                  for case in listed(program)["cases"] if "core" in case}
    assert everywhere == CORE


@pytest.mark.parametrize("name", [name for name in CORE if "MiB" not in name or "cow" in name])
def test_a_core_case_records_what_it_is_judged_by(name, tmp_path):
    out = tmp_path / "core.json"
    run(f"bench_{name.split('/')[0]}", "--case", name, "--samples", "4", f"--benchmark_out={out}")
    document = json.loads(out.read_text())
    assert document["context"]["forkcost"]["cases"][name]["core"] == CORE[name]
    assert set(CORE[name]) <= document["benchmarks"][0]["quantities"].keys()


def test_titles_are_those_that_analysis_has_for_older_files(tables):
    sys.path.insert(0, str(SOURCE / "analysis"))
    from forkcost import titles
    for name, row in tables["quantities"].items():
        assert titles.quantity(name, {}) in (name, row["title"]), name
    found = [row["title"] for row in tables["quantities"].values()]
    assert len(set(found)) == len(found)


def test_an_axis_is_declared_by_its_benchmark_or_shared_and_has_cases():
    listings = [listed(program) for program in PROGRAMS]
    declared = [here["axes"] for here in listings]
    used = [{axis for case in here["cases"] for axis in case["axes"]} for here in listings]
    shared = set.intersection(*map(set, declared))
    own = [axis for axes in declared for axis in axes.keys() - shared]
    assert len(own) == len(set(own)), "an axis of two programs belongs into benchmarks/axes.cc"
    for axes, with_cases in zip(declared, used, strict=True):
        assert axes.keys() - shared <= with_cases
    for axis in shared:
        assert sum(axis in axes for axes in used) > 1, f"{axis} is of one program"
        assert all(axes[axis] == declared[0][axis] for axes in declared)


def test_every_quantity_that_the_sources_record_is_in_the_table(tables):
    """What is not would fail its case; here also that of cases which this machine cannot run."""
    recorded = set()
    for path in (*SOURCE.glob("benchmarks/**/*.cc"), SOURCE / "harness" / "recorder.cc"):
        text = path.read_text()
        recorded |= set(re.findall(r'record(?:_many|_count|_bytes)?\((?:\w+, )?"(\w+)"', text))
        recorded |= set(re.findall(r'out_of_band\.add\("(\w+)"', text))
    assert len(recorded) > 80
    assert recorded <= tables["quantities"].keys()


def test_every_quantity_stands_in_the_description_of_the_file(tables):
    text = (SOURCE / "results" / "FORMAT.md").read_text()
    named = set(re.findall(r"`(\w+)`", text))
    assert set(tables["quantities"]) - named == set()


def test_the_description_of_the_file_has_what_the_yardsticks_mean(tables):
    text = (SOURCE / "results" / "FORMAT.md").read_text()
    described = dict(re.findall(r"^\| `(\w+)` \| (.*) \|$", text.partition("| yardstick |")[2], re.M))
    assert {name: described.get(name) for name in tables["yardsticks"]} == {
        name: row["meaning"] for name, row in tables["yardsticks"].items()}


def test_thresholds_are_of_quantities_that_there_are(tables):
    """All others have the default; what is better neither way is not compared."""
    thresholds = tomllib.loads(THRESHOLDS.read_text())["time"]
    assert thresholds["default"] > 0
    for name in thresholds:
        assert name == "default" or name in tables["quantities"], f"{name}: of no quantity"
