"""The worked examples of CONTRIBUTING.md: a heading `## …`, under it steps, each a sentence that names a file
and a block of code. Tests apply them to a copy of the tree and run what comes of it."""

import re
from dataclasses import dataclass
from pathlib import Path

SUITE = Path(__file__).parents[2]
GUIDE = SUITE / "CONTRIBUTING.md"

# Files of code that one takes, thresholds included, READMEs and FORMAT.md not.
MOST_FILES = {
    "A new benchmark": 1, "A new axis": 1, "A new quantity": 2, "A new flag": 1,
    "A new figure": 1, "A new claim": 1, "A new output format of compare": 1}

_STEP = re.compile(
    r"^(?:Create `(?P<created>[^`]+)`|In `(?P<added>[^`]+)`, (?:at the end|after the line `(?P<after>[^`]+)`), add"
    r"|In `(?P<changed>[^`]+)`, change):\n\n```\w+\n(?P<code>.*?)^```$", re.M | re.S)


@dataclass(frozen=True)
class Create:
    file: str
    code: str

    def apply(self, root):
        path = root / self.file
        assert not path.exists(), f"{self.file} is there already"
        path.write_text(self.code, encoding="utf-8")


@dataclass(frozen=True)
class Add:
    """`after`: a whole line of the file; None: its end."""

    file: str
    after: str | None
    code: str

    def apply(self, root):
        path = root / self.file
        lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
        if self.after is None:
            place = len(lines)
        else:
            places = [i for i, line in enumerate(lines) if line.rstrip("\n") == self.after]
            assert len(places) == 1, f"{self.file} has {len(places)} lines '{self.after}'"
            place = places[0] + 1
        path.write_text("".join([*lines[:place], self.code, *lines[place:]]), encoding="utf-8")


@dataclass(frozen=True)
class Change:
    """`code`: hunks as in a unified diff, each behind a line `@@`; line numbers would go stale."""

    file: str
    code: str

    def apply(self, root):
        path = root / self.file
        text = path.read_text(encoding="utf-8")
        first, *hunks = re.split("^@@\n", self.code, flags=re.M)
        assert not first and hunks, f"{self.file}: hunks begin with a line @@"
        for hunk in hunks:
            lines = hunk.splitlines(keepends=True)
            assert all(line[0] in " +-\n" for line in lines), hunk
            before, after = ("".join(line[1:] or line for line in lines if line[0] != other) for other in "+-")
            places = [found.start() for found in re.finditer(f"^{re.escape(before)}", text, re.M)]
            assert len(places) == 1, f"{self.file} has {len(places)} places like\n{before}"
            text = text[:places[0]] + after + text[places[0] + len(before):]
        path.write_text(text, encoding="utf-8")


def _step(match):
    if match["created"]:
        return Create(match["created"], match["code"])
    if match["changed"]:
        return Change(match["changed"], match["code"])
    return Add(match["added"], match["after"], match["code"])


def examples(text):
    """{heading: [step]} of the sections that have any."""
    sections = {section.partition("\n")[0]: section for section in re.split("^## ", text, flags=re.M)}
    found = {heading: [_step(match) for match in _STEP.finditer(section)] for heading, section in sections.items()}
    return {heading: steps for heading, steps in found.items() if steps}


EXAMPLES = examples(GUIDE.read_text(encoding="utf-8")) if GUIDE.exists() else {}


def is_compiled(heading):
    """Whether an example is C++: ci/tests/test_contributing_cpp.py runs those, test_contributing.py the others."""
    return any(step.file.endswith((".cc", ".h")) for step in EXAMPLES[heading])
