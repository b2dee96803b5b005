"""What other packages add to `forkcost`, and what it says where they are not there."""

import ast
import importlib
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

import forkcost
from forkcost import plugins
from forkcost.cli import main
from test_cli import ROOM, as_program

PACKAGE = Path(forkcost.__file__).parent
# They start programs; and the laboratory, which does.
FORBIDDEN = {"subprocess", "multiprocessing", "pty", "asyncio", "concurrent", "ctypes",
             "forkcost_lab", "forkcost_plugins.lab"}
STARTS = ("exec", "spawn", "posix_spawn", "system", "popen")
PLUGIN = """
import contextlib
import click

@click.command("extra", short_help="added by a test")
def extra():
    click.echo("from elsewhere")

@contextlib.contextmanager
def measured(preset, save):
    yield click.echo(f"measures {preset}") or "nowhere.json"

COMMANDS = (extra,)
MEASUREMENTS = {"claims --run": measured}
"""


@pytest.fixture
def alone(monkeypatch):
    """No plugin is to be had, whatever lies on the path of these tests."""
    monkeypatch.setattr(plugins, "_modules", lambda: [])


@pytest.fixture
def elsewhere(tmp_path, monkeypatch):
    """Function: text -> a plugin of that text, in a directory of its own."""
    def make(text):
        (tmp_path / "forkcost_plugins").mkdir()
        (tmp_path / "forkcost_plugins" / "test.py").write_text(text)
        monkeypatch.syspath_prepend(tmp_path)
        for name in [n for n in sys.modules if n.startswith("forkcost_plugins")]:
            monkeypatch.delitem(sys.modules, name)
        importlib.invalidate_caches()
    yield make
    for name in [n for n in sys.modules if n.startswith("forkcost_plugins")]:
        del sys.modules[name]


def call(*words):
    return CliRunner(mix_stderr=False).invoke(main, words)


def test_a_plugin_adds_its_commands(elsewhere):
    elsewhere(PLUGIN)
    assert call("extra").stdout == "from elsewhere\n"
    listed = call("--help").stdout
    assert "added by a test" in listed and "report" in listed
    result = call("claims", "--run", "--preset", "smoke")
    assert result.stdout == "measures smoke\n" and "nowhere.json" in result.stderr


def test_a_broken_plugin_keeps_nothing_of_ours_from_working(elsewhere, full_file):
    elsewhere("raise RuntimeError('broken')")
    assert call("claims", str(full_file)).exit_code in (0, 3)
    for name, status in (("kernels", 3), ("bisect-step", 128), ("resolution", 3), ("nonsense", 3)):
        result = call(name)
        assert result.exit_code == status and "RuntimeError: broken" in result.stderr


@pytest.mark.parametrize("words, status", [
    (["kernels", "--kernel", "a=b", "-o", "x"], 3), (["kernels", "--help"], 3), (["resolution", "-o", "x"], 3),
    (["bisect-step", "--case", "x"], 128), (["claims", "--run"], 3), (["aa"], 3)])
def test_without_the_laboratory_it_says_where_that_is(alone, words, status):
    result = call(*words)
    assert result.exit_code == status
    assert result.stderr.count("\n") == 1 and "ci/lab" in result.stderr
    assert result.stderr.startswith(f"forkcost: {words[0]}")


def test_the_help_says_where_more_commands_are(alone):
    result = call("--help")
    assert result.exit_code == 0 and "kernels, bisect-step, resolution: the laboratory" in result.stdout
    assert call("nonsense").exit_code == 2


def test_files_are_read_without_it(full_file, tmp_path):
    """As a program, whose path has this package and no other of ours."""
    out = tmp_path / "claims.json"
    done = as_program(["claims", full_file, "--format", "json", "-o", out])
    assert done.returncode == 0 and out.exists(), done.stderr
    assert as_program(["kernels"]).returncode == 3


def imported(tree):
    """Names of the modules that a module imports anywhere in it."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module
            yield from (f"{node.module}.{name.name}" for name in node.names)


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=lambda p: p.stem)
def test_this_package_reads_files_and_starts_nothing(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    names = {name.split(".")[0] for name in imported(tree)} | set(imported(tree))
    assert not names & FORBIDDEN
    starts = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)
              and isinstance(node.value, ast.Name) and node.value.id == "os"
              and node.attr.startswith(STARTS)}
    assert not starts


def test_nothing_that_starts_programs_is_even_loaded():
    """A report's modules, in a process of their own; a library's own use is not ours."""
    code = ("import sys, forkcost.cli, forkcost.plugins\n"
            "print(*(m for m in sys.modules if m.startswith('forkcost_')))")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True,
                          env={"PYTHONPATH": str(ROOM)})
    assert done.stdout.strip() == ""
