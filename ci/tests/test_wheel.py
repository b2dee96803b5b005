"""The wheel of analysis/: built as a packager does, without a network, and used where the tree is not."""

import importlib.util
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ANALYSIS = Path(__file__).resolve().parents[2] / "analysis"
# What pip is told elsewhere (another index, directories with wheels) must not help, nor the tree itself.
CLEAN = {name: value for name, value in os.environ.items()
         if not name.startswith(("PIP_", "PYTHON", "FORKCOST_"))}
CLEAN |= {"PIP_CONFIG_FILE": os.devnull, "PIP_NO_INDEX": "1", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}

# Not imported: setuptools changes what others import.
MISSING = [module for module in ("pip", "setuptools", "wheel", "venv", "ensurepip")
           if importlib.util.find_spec(module) is None]
# In CI ci/setup.sh has installed them, and who lacks one fails.
pytestmark = pytest.mark.skipif(bool(MISSING) and os.environ.get("CI") != "true",
                                reason=f"this Python has no {', '.join(MISSING)}; ci/setup.sh --dev installs them")


def run(*words, cwd):
    done = subprocess.run([str(word) for word in words], cwd=cwd, env=CLEAN, capture_output=True, text=True)
    assert done.returncode == 0, f"{words}: status {done.returncode}\n{done.stdout}{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def outside(tmp_path_factory):
    return tmp_path_factory.mktemp("outside")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    # setuptools leaves its work beside the sources.
    work = tmp_path_factory.mktemp("wheel")
    source = work / "analysis"
    shutil.copytree(ANALYSIS, source, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info", "build"))
    run(sys.executable, "-m", "pip", "wheel", "--no-build-isolation", "--no-deps", "-w", work, source, cwd=work)
    return next(work.glob("forkcost-*.whl"))


@pytest.fixture(scope="module")
def venv(wheel, outside):
    """An environment that sees the distribution's numpy and so on. pip checks that they suffice."""
    run(sys.executable, "-m", "venv", "--system-site-packages", outside / "venv", cwd=outside)
    run(outside / "venv/bin/python", "-m", "pip", "install", wheel, cwd=outside)
    return outside / "venv/bin"


def test_every_file_of_the_package_is_in_the_wheel(wheel):
    room = ANALYSIS / "forkcost"
    ours = {f"forkcost/{path.relative_to(room)}" for path in room.rglob("*")
            if path.is_file() and "__pycache__" not in path.parts}
    theirs = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    assert theirs == ours


def test_every_command_tells_its_use(venv, outside):
    where = run(venv / "python", "-c", "import forkcost; print(forkcost.__file__)", cwd=outside)
    assert Path(where.strip()).is_relative_to(outside), "the tree's package was used, not the wheel's"
    commands = run(venv / "python", "-c", "from forkcost.cli import main; print(*main.commands)",
                   cwd=outside).split()
    assert {"report", "compare", "claims", "kernels"} <= set(commands)
    for command in commands:
        assert "Usage: " in run(venv / "forkcost", command, "--help", cwd=outside), command


def test_it_reports_and_compares(venv, outside):
    run(sys.executable, ANALYSIS / "tests/synthetic.py", outside / "1.json", cwd=outside)
    run(venv / "forkcost", "report", "1.json", "-o", "report", cwd=outside)
    assert (outside / "report/index.html").stat().st_size > 100_000
    # Its thresholds are a data file.
    run(venv / "forkcost", "compare", "one=1.json", "other=1.json", "-o", "compare.txt", cwd=outside)
    assert (outside / "compare.txt").read_text().strip()
