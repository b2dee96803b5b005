"""The commands of the README are run: those of its blocks, and those that its table and its sentences name. In the
README's order and one directory, so that what one writes the next one reads; with small cases in place of large ones.

Not run whole: ci/bench.sh and ci/test.sh, which build (here their --help, and ci.bench and ci.test run them around
stand-ins); `forkcost kernels`, which is given stored results in place of kernels (vm.kernels boots); `cpack`, which
ci.package runs. What a name without arguments or a single flag says is left to the programs' own tests."""

import gzip
import os
import pathlib
import re
import shlex
import shutil
import signal
import subprocess
import time

import pytest

SUITE = pathlib.Path(__file__).resolve().parents[2]
README = (SUITE / "README.md").read_text(encoding="utf-8")
BIN = pathlib.Path(os.environ["FORKCOST_BIN"])

OURS = {path.name for path in BIN.iterdir() if not path.name.endswith("_tests")}
SCRIPTS = {f"ci/{path.name}" for path in (SUITE / "ci").glob("*.sh")}

# Bad news is an answer; and where a user may sample no kernel functions there are none to print. A fault in a program
# of Python ends with 3, too: it is told by its traceback.
STATUSES = {"forkcost compare": (0, 1), "forkcost kernels": (0, 1), "forkcost functions": (0, 3)}

# Less of the same: (what it is replaced in, what, by what).
SMALLER = (
    ("", r"\b(37GiB|8GiB|256MiB)\b", "4MiB"),
    ("", "--preset standard", "--preset smoke"),
    ("forkcost-run .*--out", "^forkcost-run(?!.*--(preset|until))", "forkcost-run --preset smoke"),
    ("forkcost-run .*--out", "^forkcost-run(?!.*--until)", "forkcost-run --rounds 2"),
    ("forkcost-run .*--until", "--until 2%", "--until 90% --filter ^exec/image:nolibc/heap:0$"),
    ("bench_", "^bench_cow", "bench_cow --heap 4MiB"),
    ("bench_", r"^(bench_\w+)", r"\1 --budget-ms 1"),
    ("claims --run", "--run", "--run --preset smoke"),
)


def commands_of(text):
    """Of blocks of sh and console, and code in sentences that is a program of ours with arguments, or a script."""
    blocks = re.compile(r"^```(\w+)\n(.*?)^```$", re.M | re.S)
    found = []
    for kind, block in blocks.findall(text):
        if kind == "sh":
            found += [line.partition("#")[0].strip() for line in block.splitlines()]
        elif kind == "console":
            joined = block.replace("\\\n", " ")
            found += [line[2:] for line in joined.splitlines() if line.startswith("$ ")]
    for code in re.findall("`([^`]+)`", blocks.sub("", text)):
        code = " ".join(code.replace(r"\|", "|").split())
        first, *arguments = code.split(" ")
        # A program, or `forkcost` and its command, is a name and no call.
        if first in SCRIPTS or (first in OURS and len(arguments) > (first == "forkcost")):
            found.append(code)
    return [part for command in found for part in re.split(r" && ", " ".join(command.split()))]


def blocks_of_console():
    """Per block: its command, and the lines that are shown below it."""
    blocks = re.findall(r"^```console\n(.*?)^```$", README, re.M | re.S)
    return [(first.removeprefix("$ "), shown) for first, *shown in (block.splitlines() for block in blocks)]


def smaller(command):
    for place, what, by in SMALLER:
        if re.search(place, command):
            command = re.sub(what, by, command)
    return command


COMMANDS = commands_of(README)


@pytest.fixture(scope="module")
def room(tmp_path_factory):
    """A directory with what the commands read and no command before them writes."""
    room = tmp_path_factory.mktemp("readme")
    (room / "run.json").write_bytes(gzip.decompress((SUITE / "results/reference/run.json.gz").read_bytes()))
    for name in ("old.json", "new.json"):  # ten cases of that run
        shutil.copy(SUITE / "analysis/tests/data/schema-2.json", room / name)
    # In place of a kernel may stand what was measured on it: nothing is booted. test_vm_kernels.py boots.
    for name, version in (("vmlinuz-A", "6.1"), ("vmlinuz-B", "6.12")):
        (room / name).mkdir()
        shutil.copy(SUITE / f"results/kernels/{version}.json.gz", room / name)
    (room / "results").symlink_to(SUITE / "results")
    (room / "build").mkdir()
    for name in ("old", "new"):
        (room / "build" / name).symlink_to(BIN.parent)
    return room


def out_of(words):
    """What the command is told to write."""
    places = [i + 1 for i, word in enumerate(words) if word in ("--out", "-o")]
    return [words[place] for place in places]


def environment():
    return os.environ | {"PATH": f"{BIN}:{os.environ['PATH']}", "FORKCOST_BIN": str(BIN)}


def interrupt(words, room):
    """The run that a command resumes: it ends when its journal has a round, and leaves that."""
    (out,) = out_of(words)
    journal = room / f"{out}.journal"
    with subprocess.Popen([word for word in words if word != "--resume"], cwd=room, env=environment(),
                          stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as run:
        while run.poll() is None and not (journal.exists() and len(journal.read_bytes().splitlines()) > 2):
            time.sleep(0.005)
        run.send_signal(signal.SIGINT)
    assert run.returncode == -signal.SIGINT and journal.exists() and not (room / out).exists()


def test_the_commands_are_found():
    assert len(COMMANDS) >= 20
    assert any("--table" in command for command in COMMANDS) and any("--resume" in command for command in COMMANDS)
    programs = {shlex.split(command)[0] for command in COMMANDS}
    assert {"ci/bench.sh", "ci/test.sh", "forkcost", "forkcost-run", "bench_fork", "bench_share"} <= programs
    assert commands_of("`bench_cow --heap 1MiB`, `forkcost`, `forkcost kernels`, `a \\| b`\n```sh\nci/x.sh  # why\n```\n"
                       "```console\n$ forkcost \\\n  report a\nsaid\n```\n") == \
        ["ci/x.sh", "forkcost report a", "bench_cow --heap 1MiB"]


@pytest.mark.parametrize("command", [c for c in COMMANDS if shlex.split(c)[0] not in SCRIPTS])
def test_a_command_does_what_it_is_there_for(command, room):
    small = smaller(command)
    for out in out_of(shlex.split(small)):
        for path in room.glob(f"{out}*"):  # a run refuses to replace one
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    if "--resume" in shlex.split(small):
        interrupt(shlex.split(small), room)
    done = subprocess.run(["sh", "-euc", small], cwd=room, capture_output=True, text=True, timeout=120, check=False,
                          env=environment())
    statuses = STATUSES.get(" ".join(shlex.split(small)[:2]), (0,))
    assert done.returncode in statuses, f"{small}: status {done.returncode}\n{done.stdout}{done.stderr}"
    assert "Traceback" not in done.stderr, f"{small}: {done.stderr}"
    assert done.stdout.strip() or done.stderr.strip(), f"{small} says nothing"


@pytest.mark.parametrize("script", sorted({shlex.split(c)[0] for c in COMMANDS} & SCRIPTS))
def test_a_script_has_a_help_and_runs_in_ci(script):
    """bench.sh and test.sh build: their tests run them around stand-ins, and CI runs test.sh itself."""
    done = subprocess.run([SUITE / script, "--help"], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"usage: {script}")
    test = f"tests/test_{pathlib.Path(script).stem}.sh"
    assert test in (SUITE / "ci" / "CMakeLists.txt").read_text(encoding="utf-8") and (SUITE / "ci" / test).exists()
    assert "ci/test.sh" in (SUITE / ".ci" / "run").read_text(encoding="utf-8")


@pytest.mark.parametrize("command, shown", blocks_of_console(), ids=lambda value: str(value)[:20])
def test_what_is_shown_is_what_comes_out(command, shown):
    """In that order. `…` stands for lines, or the end of one, that were left out. The ends of intervals are a
    bootstrap's, which another numpy may give another digit."""
    program, *arguments = shlex.split(command)
    done = subprocess.run([BIN / program, *arguments], cwd=SUITE, capture_output=True, text=True, timeout=60,
                          check=False)
    assert done.returncode == (1 if arguments[0] == "compare" else 0), done.stderr  # that comparison finds a regression

    def plain(line):
        return re.sub(r"[+−][\d.]+…[+−][\d.]+% *", "", line)
    shown = [plain(line).removesuffix("…") for line in shown if line not in ("…", "")]
    assert len(shown) > 8
    rest = iter([plain(line) for line in done.stdout.splitlines()])
    missing = [line for line in shown if not any(other.startswith(line) for other in rest)]
    assert not missing, f"renew the block in README.md by the output of {command}"


def test_both_answers_are_shown():
    """The comparison, and the end of a run."""
    assert [shlex.split(command)[0] for command, _ in blocks_of_console()] == ["forkcost", "forkcost-run"]


def test_figures_of_the_readme_are_there():
    figures = re.findall(r"!\[[^\]]*\]\(([^)]+)\)", README)
    assert figures and all((SUITE / figure).is_file() for figure in figures)
