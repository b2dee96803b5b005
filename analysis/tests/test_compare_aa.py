import tomllib

import numpy as np
import pytest
from click.testing import CliRunner

import synthetic
from conftest import write
from forkcost.cli import main
from forkcost.compare import thresholds

CASES = 40


def call(*words):
    return CliRunner(mix_stderr=False).invoke(main, [str(w) for w in words])


def run(tmp_path, name, seed, noise=0.05, rounds=4, session=None, drift=0.0):
    """A run whose cases are all off by their own noise."""
    rng = np.random.default_rng(seed)
    maker = synthetic.Maker(seed, rounds=rounds, samples=5, noise=0.0)
    maker.noisy = np.ones
    shared = np.random.default_rng(session or seed).normal(0, drift)
    for i in range(CASES):
        value = 1e6 * np.exp(rng.normal(0, noise) + shared)
        maker.case("fork", {"path": str(i)}, [{"total_ns": np.full(5, value)}] * rounds, "total_ns")
    document = maker.document()
    if session:
        document["context"]["forkcost"]["run"]["interleaved"] = {
            "session": f"s{session}", "side": "a" if name.endswith("a") else "b"}
    return write(document, tmp_path / f"{name}.json")


def test_it_finds_the_noise_that_was_planted(tmp_path):
    paths = [run(tmp_path, f"r{i}", i) for i in range(6)]
    result = call("aa", *paths)
    assert result.exit_code == 0
    table = tomllib.loads(result.stdout)
    # 95% of |differences| of two: 1.96 standard deviations of a difference.
    assert table["time"]["total_ns"] == pytest.approx(np.expm1(1.96 * 0.05 * 2**0.5), abs=0.02)
    assert set(table) == {"time", "exact"} and table["exact"]["child_cpu_ns"] == 0.02
    assert "15 pair(s) of 6 runs" in result.stdout and "6.18.0-synthetic" in result.stdout
    assert "2024-05-01" in result.stdout and "4 rounds" in result.stdout


def test_runs_in_turns_are_compared_with_each_other_only(tmp_path):
    paths = [run(tmp_path, f"{n}{side}", 10 * n + i, noise=0.01, session=n, drift=0.5)
             for n in (1, 2, 3) for i, side in enumerate("ab")]
    table = tomllib.loads(call("aa", *paths).stdout)
    assert table["time"]["total_ns"] <= 0.04
    assert "3 pair(s) of runs measured in turns" in call("aa", *paths).stdout


def test_one_file_is_halved_and_says_so(tmp_path):
    result = call("aa", run(tmp_path, "r", 1))
    assert "even against odd rounds" in result.stdout
    assert tomllib.loads(result.stdout)["time"]["total_ns"] == 0.01  # its rounds are alike


def test_compare_reads_what_aa_writes(tmp_path):
    paths = [run(tmp_path, f"r{i}", i) for i in range(3)]
    out = tmp_path / "t.toml"
    assert call("aa", *paths, "-o", out).stdout.strip() == str(out)
    limit = thresholds.read(out).of("time", "total_ns")
    assert 0.1 < limit < 0.2
    assert call("compare", paths[0], paths[1], "--thresholds", out).exit_code in (0, 1)


@pytest.mark.parametrize("words", [["--preset", "quick"], ["--runs", "2"]])
def test_measuring_and_files_do_not_mix(tmp_path, words):
    assert call("aa", run(tmp_path, "r", 1), *words).exit_code == 2


def test_other_machines_are_refused(tmp_path):
    other = synthetic.Maker(machine="elsewhere").fork(paths=("fork",))
    path = write(other.document(), tmp_path / "other.json")
    result = call("aa", run(tmp_path, "r", 1), path)
    assert result.exit_code == 2 and "other.json" in result.stderr


def test_a_single_round_is_status_3(tmp_path):
    assert call("aa", run(tmp_path, "r", 1, rounds=1)).exit_code == 3


def noisy(tmp_path, name, seed, quantities, cases=CASES, noise=0.05, **context):
    """A run in which every case has these quantities."""
    rng = np.random.default_rng(seed)
    maker = synthetic.Maker(seed, rounds=2)
    for i in range(cases):
        maker.case("fork", {"path": str(i)}, [
            {q: np.full(5, 100.0 if q.endswith("faults") else 1e6 * np.exp(rng.normal(0, noise)))
             for q in quantities}] * 2, quantities[0])
    document = maker.document()
    document["context"]["forkcost"]["environment"]["machine"] |= context
    return write(document, tmp_path / f"{name}.json")


def test_what_was_not_measured_or_seldom_keeps_our_threshold(tmp_path):
    ours = thresholds.read()
    paths = [noisy(tmp_path, f"r{i}", i, ["total_ns", "debt_ns", "odd_ns", "faults"], cases=5,
                   noise=1e-4) for i in range(2)]
    text = call("aa", *paths).stdout
    table = tomllib.loads(text)["time"]
    assert table["child_minor_faults"] == 0.35 and table["page_table_bytes"] == 0.12
    assert table["sample_ns"] is False
    assert table["debt_ns"] == ours.of("time", "debt_ns")  # five ratios
    assert "odd_ns" not in table and "faults" not in table  # no line: the default, and exact
    assert "page_table_bytes = 0.12  # ours, not measured here" in text
    few = [noisy(tmp_path, f"f{i}", i, ["odd_ns"], cases=1, noise=1e-4) for i in range(2)]
    assert tomllib.loads(call("aa", *few).stdout)["time"]["default"] == 0.10
    many = [noisy(tmp_path, f"m{i}", i, ["debt_ns"], noise=1e-4) for i in range(2)]
    assert tomllib.loads(call("aa", *many).stdout)["time"]["debt_ns"] == 0.01


def test_what_differs_by_more_than_itself_is_warned_about(tmp_path):
    paths = [noisy(tmp_path, f"r{i}", i, ["total_ns"], noise=3) for i in range(2)]
    out = tmp_path / "t.toml"
    result = call("aa", *paths, "-o", out)
    assert result.exit_code == 0 and "total_ns differs from itself by more than" in result.stderr
    assert 1 < thresholds.read(out).of("time", "total_ns") < 10  # a table that compare takes
    quiet = [noisy(tmp_path, f"q{i}", i, ["total_ns"]) for i in range(2)]
    assert call("aa", *quiet).stderr == ""


def test_the_table_is_one_whatever_the_names(tmp_path):
    odd = 'x"\\\n\x7f_ns'
    paths = [noisy(tmp_path, f"r{i}", i, [odd], cpu_model="CPU\n[time]\ndefault = 7\n")
             for i in range(2)]
    table = tomllib.loads(call("aa", *paths).stdout)
    assert table["time"]["default"] < 1 and odd in table["time"]
