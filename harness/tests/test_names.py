"""The harness knows nothing of what is measured: no axis, quantity, program or value of the benchmarks
stands in its code. The names are those of the benchmarks' own tables."""

import pathlib
import re

import pytest

SOURCE = pathlib.Path(__file__).resolve().parents[2]
BENCHMARKS = SOURCE / "benchmarks"

# What is the harness's own, although it is called as something of the benchmarks: (file, name).
OWN = {
    ("case_result.cc", "page_table_bytes"): "a key of the entry's `parent`",
    ("counters.cc", "fork"): "the harness's own fork",
    ("runner/bench.cc", "heap"): "the axis that --heap is about: the harness makes the arena",
    ("runner/options.cc", "heap"): "an example of --filter in the help",
}

COMMENT = re.compile(r'//[^\n]*|/\*.*?\*/|("(?:[^"\\\n]|\\.)*")', re.S)
LITERAL = re.compile(r'"((?:[^"\\\n]|\\.)*)"')


def code_of(path):
    """Without comments and #include lines."""
    text = COMMENT.sub(lambda match: match[1] or " ", path.read_text())
    return re.sub(r"^#include .*$", "", text, flags=re.M)


def table(name, pattern):
    found = set(re.findall(pattern, code_of(BENCHMARKS / name)))
    assert len(found) > 30, f"{name} reads otherwise than this test thinks"
    return found


def axes_of(path):
    """Those that a file declares, in shared_axes() or program_axes()."""
    declared = re.findall(r"_axes\(\) \{(.*?)^\}", code_of(path), re.S | re.M)
    return {name for rows in declared for name in re.findall(r'\{"([\w-]+)",', rows)}


AXES = set().union(*map(axes_of, BENCHMARKS.glob("*.cc")))
QUANTITIES = table("quantities.cc", r'\{\s*"([^"]+)", "[^"]+",\s*"(?:ns|1|bytes|ratio)"')
PROGRAMS = {path.stem for path in BENCHMARKS.glob("bench_*.cc")}
PATHS = {name for path in BENCHMARKS.glob("bench_*.cc")
         for name in re.findall(r'\{"([^"]+)", measure_\w+', code_of(path))}


def harness_files():
    for path in sorted((SOURCE / "harness").rglob("*")):
        if path.suffix in (".cc", ".h", ".c") and "tests" not in path.parts:
            yield path


def named_in(text):
    """Axes where the code is about axes; quantities, programs and values as whole words of a text."""
    lines = text.splitlines()
    for number, line in enumerate(lines):
        for literal in LITERAL.findall(line):
            near = " ".join(lines[max(0, number - 1):number + 1])
            if literal in AXES and re.search(r"\baxes\b|\baxis\b", near):
                yield literal
            yield from (axis for axis in re.findall(r"([\w-]+):\w", literal) if axis in AXES)
            if literal in QUANTITIES:
                # A quantity of one plain word is that only where quantities are spoken of.
                if "_" in literal or "quantit" in near:
                    yield literal
            if literal in PATHS:
                yield literal
            yield from PROGRAMS & set(re.findall(r"\w+", literal))


def test_the_tables_are_read():
    assert {"path", "heap", "backing", "args", "id", "figure"} <= AXES and len(AXES) > 30
    assert {"debt_ns", "error", "pages"} <= QUANTITIES
    assert {"bench_fork", "bench_spawn"} <= PROGRAMS
    assert {"fork", "vfork", "posix_spawn", "system"} <= PATHS


@pytest.mark.parametrize("line, name", [
    ('if (axis == "path") call = value;', "path"),
    ('const auto heap = entry["axes"].value("heap", "");', "heap"),
    ('for (const auto& [axis, value] : axes) {\n  if (axis == "writer") return;', "writer"),
    ('warn("cases with backing:hugetlb");', "backing"),
    ('m.record("debt_ns", 1);', "debt_ns"),
    ('if (entry["quantities"].contains("pages")) return;', "pages"),
    ('warn("the programs of bench_spawn");', "bench_spawn"),
    ('if (value == "posix_spawn") return;', "posix_spawn"),
])
def test_what_would_be_a_name_is_found(line, name):
    assert list(named_in(line)) == [name]


def test_no_file_of_the_harness_names_what_is_measured():
    found = {(str(path.relative_to(SOURCE / "harness")), name)
             for path in harness_files() for name in named_in(code_of(path))}
    assert found == OWN.keys()
