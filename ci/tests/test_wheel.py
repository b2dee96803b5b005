"""The wheels of analysis/ and ci/lab: built as a packager does, without a network, and used where the
tree is not."""

import importlib.util
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

CI = Path(__file__).resolve().parents[1]
ANALYSIS, LAB = CI.parent / "analysis", CI / "lab"
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


def built(project, work):
    """The project's wheel. setuptools leaves its work beside the sources, so those are copied."""
    source = work / project.name
    shutil.copytree(project, source, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info", "build"))
    run(sys.executable, "-m", "pip", "wheel", "--no-build-isolation", "--no-deps", "-w", work / "wheels", source,
        cwd=work)
    [wheel] = (work / "wheels").glob("*.whl")
    return wheel


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    return built(ANALYSIS, tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def lab_wheel(tmp_path_factory):
    return built(LAB, tmp_path_factory.mktemp("lab"))


@pytest.fixture(scope="module")
def venv(wheel, lab_wheel, outside):
    """An environment that sees the distribution's numpy and so on. pip checks that they suffice."""
    run(sys.executable, "-m", "venv", "--system-site-packages", outside / "venv", cwd=outside)
    run(outside / "venv/bin/python", "-m", "pip", "install", wheel, lab_wheel, cwd=outside)
    return outside / "venv/bin"


def packages(project, *names):
    """Every file of these packages, as a wheel has it."""
    return {str(path.relative_to(project)) for name in names for path in (project / name).rglob("*")
            if path.is_file() and "__pycache__" not in path.parts}


def contents(wheel):
    return {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}


def test_every_file_of_the_packages_is_in_a_wheel(wheel, lab_wheel):
    assert contents(wheel) == packages(ANALYSIS, "forkcost")
    assert contents(lab_wheel) == packages(LAB, "forkcost_lab", "forkcost_plugins")


def test_both_have_the_suites_version(wheel, lab_wheel, venv, outside):
    version = (ANALYSIS / "forkcost/VERSION").read_text().strip()
    assert [name.name.split("-")[1] for name in (wheel, lab_wheel)] == [version, version]
    assert run(venv / "forkcost", "--version", cwd=outside).strip() == f"forkcost, version {version}"


def test_every_command_tells_its_use(venv, outside):
    where = run(venv / "python", "-c", "import forkcost, forkcost_lab; print(forkcost.__file__, forkcost_lab.__file__)",
                cwd=outside).split()
    assert all(Path(file).is_relative_to(outside) for file in where), f"the tree's packages were used: {where}"
    commands = run(venv / "python", "-c", "from forkcost.cli import main; print(*main.list_commands(None))",
                   cwd=outside).split()
    assert {"report", "compare", "claims", "aa", "kernels", "bisect-step", "resolution"} <= set(commands)
    for command in commands:
        assert "Usage: " in run(venv / "forkcost", command, "--help", cwd=outside), command


def test_alone_it_reads_files_and_says_where_the_rest_is(wheel, outside):
    place = outside / "alone"
    run(sys.executable, "-m", "pip", "install", "--no-deps", "--target", place, wheel, cwd=outside)
    for words, status, said in ((["--help"], 0, "More commands"), (["kernels"], 3, "ci/lab"), (["claims", "--run"], 3, "ci/lab")):
        done = subprocess.run([sys.executable, "-m", "forkcost", *words], cwd=outside, capture_output=True, text=True,
                              env=CLEAN | {"PYTHONPATH": str(place)})
        assert done.returncode == status and said in done.stdout + done.stderr, words


def test_it_reports_and_compares(venv, outside):
    run(sys.executable, ANALYSIS / "tests/synthetic.py", outside / "1.json", cwd=outside)
    run(venv / "forkcost", "report", "1.json", "-o", "report", cwd=outside)
    assert (outside / "report/index.html").stat().st_size > 100_000
    # Its thresholds are a data file.
    run(venv / "forkcost", "compare", "one=1.json", "other=1.json", "-o", "compare.txt", cwd=outside)
    assert (outside / "compare.txt").read_text().strip()
