"""What the README of each room lists: its files, and of harness/ the flags of the bench programs, in the words of
`--help`. So a reader finds a helper before writing another."""

import pathlib
import re

import pytest

SUITE = pathlib.Path(__file__).resolve().parents[2]

# A folder, what its files are called, and the README that lists them.
ROOMS = (
    ("harness", r"\.(cc|c|h|h\.in)", "harness"),
    ("harness/runner", r"\.(cc|h)", "harness"),
    ("benchmarks", r"\.(cc|h)", "benchmarks"),
    ("ci", r"(\.(sh|py))?", "ci"),
    ("analysis/forkcost", r"\.py", "analysis"),
)


def readme(room):
    return (SUITE / room / "README.md").read_text(encoding="utf-8")


def listed(text):
    """What stands as code in the first column of a table."""
    cells = re.findall(r"^\|((?:[^|\\\n]|\\.)*)\|", text, re.M)
    return {name for cell in cells for name in re.findall("`([^`]+)`", cell)}


def sources(folder, ends):
    """Without those that are no module to be read for itself: __init__.py, __main__.py."""
    files = [path.name for path in (SUITE / folder).iterdir() if path.is_file() and path.name[0] not in "._"]
    return [name for name in files if re.fullmatch(r"[\w-]+" + ends, name) and not name.startswith("__")]


@pytest.mark.parametrize("folder, ends, room", ROOMS)
def test_the_readme_of_a_room_lists_its_files(folder, ends, room):
    names = sources(folder, ends)
    assert len(names) > 5
    known = listed(readme(room))
    missing = sorted({name for name in names if not known & {name, name.split(".")[0]}})
    assert not missing, f"{room}/README.md has a row for each file, but none for these of {folder}/: {missing}"


@pytest.mark.parametrize("folder, ends, room", ROOMS)
def test_what_a_readme_lists_as_a_file_is_there(folder, ends, room):
    folders = [SUITE / where for where, _, readme_of in ROOMS if readme_of == room]
    gone = [name for name in listed(readme(room)) if re.fullmatch(r"[\w-]+\.(cc|c|h|sh|py)", name)
            if not any((where / name).exists() for where in folders)]
    assert not gone, f"{room}/README.md lists what is not there: {gone}"


def flags_of_bench_programs():
    """The rows of flag_table.h: a flag, and its text in the help of a bench program."""
    table = (SUITE / "harness/flag_table.h").read_text(encoding="utf-8")
    rows = re.findall(r"\{(\.name = .*?)\},\n", table, re.S)
    texts = r'\.{} = ((?:"(?:[^"\\]|\\.)*"\s*)+)'

    def text(row, member):
        found = re.search(texts.format(member), row)
        return "".join(re.findall(r'"([^"]*)"', found[1])) if found else ""
    return {text(row, "name"): text(row, "benchs_meaning") or text(row, "meaning")
            for row in rows if "TakenBy::kRunner" not in row}


def test_the_flags_of_a_bench_program_are_said_as_its_help_says_them():
    flags = flags_of_bench_programs()
    assert len(flags) >= 10
    rows = dict(re.findall(r"^\| `(--[a-z-]+)(?:[^`|\\]|\\.)*` \| (.*) \|$", readme("harness"), re.M))
    drifted = {flag: meaning for flag, meaning in flags.items() if not rows.get(flag, "").startswith(meaning)}
    assert not drifted, "harness/README.md has these words of flag_table.h at the start of a row"
