"""forkcost bisect-step around a stand-in for forkcost-boot (kernel_room)."""

import subprocess

import pytest
from click.testing import CliRunner

from forkcost.cli import main
from forkcost_lab import exact
from conftest import write
from kernel_room import (  # noqa: F401: a fixture
    FORK, as_module, calls, document, kernels, room)
from test_cli import ROOM, as_shell


def step(room, kernel, *words, good=2.19e6, bad=2.79e6, case=FORK):
    return CliRunner(mix_stderr=False).invoke(
        main, ["bisect-step", "--kernel-image", str(room / kernel), "--case", case,
               "--good", str(good), "--bad", str(bad), *words])


@pytest.mark.parametrize("kernel, status, verdict", [("good", 0, "good"), ("slow", 1, "bad")])
def test_a_step_says_which_side_it_is_on(room, kernel, status, verdict):
    result = step(room, kernel)
    assert result.exit_code == status, result.stderr
    assert result.stdout.startswith(f"{FORK} blocked_cpu_ns: 2,") and verdict in result.stdout
    [words] = calls(room)
    assert words[words.index("--heap") + 1] == "64MiB"
    assert words[words.index("--filter") + 1] == f"^{FORK}$"


def test_a_name_with_all_axes_is_the_same_case(room):
    """As files of schema 1, and notes made of them, have it."""
    long = f"{FORK}/backing:4k/placement:same-cpu"
    assert step(room, "good", case=long).exit_code == 0
    result = step(room, "slow", case=long)
    assert result.exit_code == 1 and result.stdout.startswith(f"{long} blocked_cpu_ns: 2,")
    words = calls(room)[-1]
    assert words[words.index("--heap") + 1] == "64MiB"
    assert words[words.index("--filter") + 1] == f"^{long}$"
    assert step(room, "good", case=f"{FORK}/backing:thp").exit_code == 125


@pytest.mark.parametrize("more", ["", "/backing:4k/placement:same-cpu"])
def test_a_skipped_case_is_told_with_its_reason(room, more):
    made = document()
    skipped = [e for e in made["benchmarks"] if e["name"].startswith(FORK)]
    made["benchmarks"] = [e for e in made["benchmarks"] if e not in skipped]
    made["unmeasured"] += [{k: skipped[0][k] for k in ("name", "benchmark", "axes")} | {
        "repetition_index": 0, "outcome": {"status": "skipped", "reason": "too small"}}]
    write(made, room / "good")
    result = step(room, "good", case=FORK + more)
    assert result.exit_code == 125 and "no figure on this kernel: too small" in result.stderr


def test_the_middle_is_by_ratio(room):
    # 2.19e6 lies above the arithmetic middle of 1e6 and 3e6, and above the geometric one, 1.73e6
    assert step(room, "good", good=1e6, bad=3e6).exit_code == 1
    # below 5.5e6, the arithmetic middle of 1e6 and 1e7; below the geometric one, 3.16e6
    assert step(room, "good", good=1e6, bad=1e7).exit_code == 0
    # below the arithmetic middle of 1e6 and 4e6, 2.5e6, above the geometric one, 2e6
    assert step(room, "good", good=1e6, bad=4e6).exit_code == 1
    # an improvement is looked for: the figures fall
    assert step(room, "slow", good=2.79e6, bad=2.19e6).exit_code == 0


def test_a_step_takes_another_quantity(room):
    result = step(room, "good", "--quantity", "child_minor_faults", good=12, bad=24)
    assert result.exit_code == 0 and "child_minor_faults: 12" in result.stdout
    assert step(room, "good", "--quantity", "blocked_ns").exit_code == 128


@pytest.mark.parametrize("kernel, case, said", [
    ("panics", FORK, "Kernel panic"), ("torn", FORK, "left no result"),
    ("good", "fork/heap:9MiB", "no figure")])
def test_what_this_kernel_cannot_do_is_skipped(room, kernel, case, said):
    result = step(room, kernel, case=case)
    assert result.exit_code == 125 and said in result.stderr


@pytest.mark.parametrize("kernel, words", [
    ("nowhere", []), ("good", ["--good", "0"]), ("good", ["--bad", "2.19e6"]),
    ("good", ["--bad", "x"]), ("good", ["--good", "nan"]), ("good", ["--nonsense"]),
    ("good", ["--suite", "/nowhere"]), ("misunderstood", []), ("good", ["--time-limit-s", "0"])])
def test_a_wrong_call_is_never_taken_for_a_bad_kernel(room, kernel, words):
    assert step(room, kernel, *words).exit_code == 128


@pytest.mark.parametrize("kernel", ["host", "out/base/boot-1.json", "out/base"])
def test_what_is_measured_already_is_no_step(room, kernel, monkeypatch):
    kernels(room, "--mode", "exact", base="good")
    monkeypatch.chdir(room)
    result = CliRunner(mix_stderr=False).invoke(main, [
        "bisect-step", "--kernel-image", kernel, "--case", FORK, "--good", "1", "--bad", "2"])
    assert result.exit_code == 128 and "no kernel image" in result.stderr


def test_nor_is_a_fault_of_ours(room, monkeypatch):
    monkeypatch.setattr(exact, "only_figures", lambda document: 1 / 0)
    assert step(room, "good").exit_code == 128


@pytest.mark.parametrize("redirected", ["2>/dev/full", "2>&-", "2>&- >&-"])
@pytest.mark.parametrize("words", [
    "--case x", "--kernel-image none --suite /nowhere --case x --good 1 --bad 2"])
def test_nor_is_an_error_that_cannot_be_said(words, redirected):
    assert as_shell(f"bisect-step {words} {redirected}", as_module()["PYTHONPATH"]) == 128


def test_nor_is_a_missing_option():
    assert CliRunner().invoke(main, ["bisect-step"]).exit_code == 128
    assert CliRunner().invoke(main, ["bisect-step", "--help"]).exit_code == 0


@pytest.mark.parametrize("command, status", [("bisect-step", 128), ("kernels", 3)])
def test_nor_is_a_missing_python(tmp_path, command, status):
    script = (ROOM / "forkcost.sh.in").read_text()
    for name, value in {"@packages@": "x", "@python@": "none",
                        "@FORKCOST_PYTHON_PROBE@": "raise SystemExit(1)"}.items():
        script = script.replace(name, value)
    (tmp_path / "forkcost").write_text(script)
    done = subprocess.run(["sh", str(tmp_path / "forkcost"), command], capture_output=True,
                          check=False)
    assert done.returncode == status
