"""What runs of a machine differ by: measured, found again, and held against a comparison."""

import datetime
import json

import numpy as np
import pytest
from click.testing import CliRunner

import synthetic
from conftest import write
from forkcost.cli import main
from forkcost.compare import engine, noise, sides, thresholds
from forkcost.compare.result import FASTER, SAME, SLOWER, UNCLEAR

GROUPS = ("fork", "vfork", "clone3", "_Fork", "clone-vm", "posix_spawn", "system", "popen")
COMMON, OWN, ROUNDS = 0.02, 0.01, 0.02


def call(*words):
    return CliRunner(mix_stderr=False).invoke(main, [str(w) for w in words])


def run(tmp_path, name, seed, common=COMMON, own=OWN, rounds=20, slower=(), everything=1.0,
        session=None, **context):
    """A run of eight groups of two cases, which moves by `common` altogether and each group by
    `own`. `slower`: {group: factor}."""
    rng = np.random.default_rng(seed)
    maker = synthetic.Maker(seed, rounds=rounds, samples=5)
    maker.noisy = np.ones
    moved = rng.normal(0, common)
    for group in GROUPS:
        of_group = rng.normal(0, own)
        for heap in ("0", "64MiB"):
            cost = 1e6 * everything * dict(slower).get(group, 1.0) * np.exp(moved + of_group)
            maker.case("fork", {"path": group, "heap": heap}, [
                {"total_ns": np.full(5, cost * np.exp(rng.normal(0, ROUNDS)))} for _ in range(rounds)],
                "total_ns", heap_bytes=0)
    document = maker.document()
    document["context"]["forkcost"]["environment"]["machine"] |= context
    document["context"]["forkcost"]["run"]["started"] = datetime.datetime.now(
        datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    if session:
        document["context"]["forkcost"]["run"]["interleaved"] = {
            "session": f"s{session}", "side": name[-1]}
    return write(document, tmp_path / f"{name}.json")


def compared(base, new, **options):
    base, new = (p if isinstance(p, list) else [p] for p in (base, new))
    return engine.compare(sides.read("base", base), sides.read("new", new), thresholds.read(),
                          **options)


def measured(tmp_path, runs=10, **how):
    """The path of a noise file of so many runs, beside other runs of `tmp_path`."""
    place = tmp_path / "aa"
    place.mkdir()
    paths = [run(place, f"r{i}", 1000 + i, **how) for i in range(runs)]
    out = tmp_path / noise.NAME
    result = call("aa", *paths, "-o", out)
    assert (result.exit_code, result.stdout.strip()) == (0, str(out)), result.stderr
    return out


def test_it_finds_the_noise_that_was_planted(tmp_path):
    found = json.loads(measured(tmp_path, 30).read_text())
    assert found["common"]["sd"] == pytest.approx(COMMON, rel=0.35) and found["common"]["df"] == 29
    own = found["own"]["total_ns"]
    assert own["sd"] == pytest.approx(OWN, rel=0.35) and own["df"] == 100
    assert found["machine"][1:] == ["Synthetic CPU @ 2.1 GHz", "6.18.0-synthetic"]


def test_runs_that_do_not_say_when_they_began_are_of_now(tmp_path):
    paths = [run(tmp_path, f"r{i}", i) for i in range(3)]
    for path in paths:
        document = json.loads(path.read_text())
        del document["context"]["forkcost"]["run"]["started"]
        write(document, path)
    out = tmp_path / noise.NAME
    assert call("aa", *paths, "-o", out).exit_code == 0
    assert "3 runs of this machine" in compared(*paths[:2]).noise


def test_it_says_what_can_be_told(tmp_path):
    paths = [run(tmp_path, f"r{i}", i) for i in range(10)]
    result = call("aa", *paths)
    assert "10 runs: everything together moves by" in result.stderr
    assert json.loads(result.stdout)["runs"] == 10


def test_sides_measured_in_turns_are_one_run(tmp_path):
    paths = [run(tmp_path, f"{n}{side}", n, session=n + 1) for n in range(4) for side in "ab"]
    assert json.loads(call("aa", *paths).stdout)["runs"] == 4


@pytest.mark.parametrize("words", [["--preset", "quick"], ["--runs", "4"]])
def test_measuring_and_files_do_not_mix(tmp_path, words):
    assert call("aa", run(tmp_path, "r", 1), *words).exit_code == 2


def test_what_cannot_tell_is_refused(tmp_path):
    paths = [run(tmp_path, f"r{i}", i) for i in range(3)]
    assert call("aa", *paths[:2]).exit_code == 3
    assert call("aa", paths[0], *paths[:2]).exit_code == 2
    other = run(tmp_path, "other", 9, cpu_model="another")
    result = call("aa", *paths, other)
    assert result.exit_code == 2 and "other.json" in result.stderr


def seen(tmp_path, name, seed, drift=0.0, kernel=None, everything=1.0):
    """A run of which a yardstick sees all that moves it but its own noise."""
    path = run(tmp_path, name, seed, common=0.0, everything=everything * np.exp(drift))
    document = json.loads(path.read_text())
    rng = np.random.default_rng(seed)
    ours = document["context"]["forkcost"]
    ours["yardsticks"] = {"random_load_ns": {"unit": "ns", "title": "random loads", "meaning": "x"}}
    for entry in document["benchmarks"]:
        value = 8e5 * np.exp(2 * drift + rng.normal(0, 0.01))
        entry["yardsticks"] = {"random_load_ns": {"unit": "ns", "min": value, "p50": value,
                                                  "p90": value, "samples": [value]}}
    if kernel:
        ours["environment"]["kernel"]["release"] = kernel
    return write(document, path)


def test_what_yardsticks_explain_of_runs_sharpens_the_common_part(tmp_path):
    rng = np.random.default_rng(1)
    place = tmp_path / "aa"
    place.mkdir()
    paths = [seen(place, f"r{i}", 100 + i, rng.normal(0, 0.04)) for i in range(12)]
    out = tmp_path / noise.NAME
    assert call("aa", *paths, "-o", out).exit_code == 0
    found = json.loads(out.read_text())
    assert found["yardsticks"]["explained"] > 0.7
    assert found["yardsticks"]["slopes"]["random_load_ns"] == pytest.approx(0.5, rel=0.2)
    assert found["yardsticks"]["sd"] < 0.5 * found["common"]["sd"]
    base, new = seen(tmp_path, "base", 1), seen(tmp_path, "new", 2, 0.06)
    change = compared(base, new).common
    assert change.verdict != SLOWER and abs(np.log(change.ratio)) < 0.03 < np.log(change.raw)
    assert "without what the yardsticks explain" in call("compare", base, new).stdout
    # A change that the yardstick does not see stays, and is found where it was hidden.
    real = compared(base, seen(tmp_path, "real", 3, 0.06, everything=1.12))
    assert real.common.verdict == SLOWER and real.common.ratio == pytest.approx(1.12, abs=0.03)
    plain = json.loads(out.read_text())
    del plain["yardsticks"]
    (tmp_path / "plain.json").write_text(json.dumps(plain))
    blind = compared(base, tmp_path / "real.json", known_noise=tmp_path / "plain.json")
    assert blind.common.detectable > 1.5 * real.common.detectable
    # Another kernel may have moved the yardstick itself.
    assert compared(base, seen(tmp_path, "other", 2, 0.06, kernel="6.19")).common.raw is None


# In a comparison


def test_everything_slower_is_told_from_the_machine(tmp_path):
    """30% is more than the machine does by itself, 3% is not: it is taken out and said."""
    measured(tmp_path)
    base = run(tmp_path, "base", 1)
    much = compared(base, run(tmp_path, "much", 2, everything=1.3))
    assert much.common.verdict == SLOWER and much.exit_status() == 1
    assert much.common.interval[0] < 1.3 < much.common.interval[1]
    assert not {SLOWER, FASTER} & {r.change.verdict for r in much.rows}  # nothing of its own
    little = compared(base, run(tmp_path, "little", 3, everything=1.03))
    assert little.common.verdict == UNCLEAR and little.exit_status() == 0
    row = little.rows[0].change
    assert row.raw / row.ratio == pytest.approx(little.common.ratio, rel=0.02)
    said = call("compare", base, tmp_path / "little.json").stdout
    assert "the machine was" in said and "10 runs of this machine" in said
    said = call("compare", base, tmp_path / "much.json")
    assert said.exit_code == 1 and "everything is slower in new" in said.stdout


def test_a_familys_own_part_is_found_whatever_the_machine_does(tmp_path):
    measured(tmp_path)
    base = run(tmp_path, "base", 1)
    for everything in (0.95, 1.0, 1.05):
        found = compared(base, run(tmp_path, "new", 2, everything=everything,
                                   slower={"fork": 1.15}))
        slow = {r.axes["path"] for r in found.rows if r.change.verdict == SLOWER}
        assert slow == {"fork"} and found.exit_status() == 1
        row = next(r.change for r in found.rows if r.axes["path"] == "fork")
        assert row.interval[0] < 1.15 < row.interval[1]


def test_the_same_thing_is_no_news_however_many_rounds(tmp_path):
    """Rounds know nothing of what moves between runs: more of them must not make it news."""
    measured(tmp_path)
    none = synthetic.noise(tmp_path, 1e-6, name="none.json")
    bad, blind = [], []
    for i in range(50, 90):
        pair = [run(tmp_path, side, 2 * i + n, rounds=60) for n, side in enumerate("ab")]
        bad.append(compared(*pair).exit_status())
        if i < 60:
            blind.append(compared(*pair, known_noise=none).exit_status())
    assert sum(bad) <= 2  # of 40 at 1%: three have a chance of 0.7%
    assert sum(blind) >= 3  # of 10: half of them, when runs are taken for alike


def test_three_runs_a_side_find_less_than_one(tmp_path):
    measured(tmp_path)
    base, new = ([run(tmp_path, f"{side}{i}", 20 * n + i, slower={"fork": factor}, everything=drift)
                  for i in range(3)] for n, (side, factor, drift) in enumerate(
                      [("base", 1.0, 1.0), ("new", 1.06, 1.02)]))
    found = compared(base, new)
    rows = [r.change for r in found.rows if r.axes["path"] == "fork"]
    assert {c.replicated for c in rows} == {"file"}
    assert all(c.interval[0] < 1.06 < c.interval[1] for c in rows)
    assert max(c.detectable for c in rows) < max(
        r.change.detectable for r in compared(base[0], new[0]).rows)


def test_with_few_groups_the_machine_is_in_every_interval(tmp_path):
    """Of three groups one that changed would be a third of what is common."""
    measured(tmp_path)
    base, new = (json.loads(run(tmp_path, name, seed, everything=change).read_text())
                 for name, seed, change in (("base", 1, 1.0), ("new", 2, 1.03)))
    for document in (base, new):
        document["benchmarks"] = [e for e in document["benchmarks"] if e["axes"]["path"] in GROUPS[:2]]
    paths = [write(d, tmp_path / f"few{i}.json") for i, d in enumerate((base, new))]
    some = compared(*paths)
    assert some.common is None and {r.change.raw for r in some.rows} == {None}
    assert not {SLOWER, FASTER} & {r.change.verdict for r in some.rows}
    assert all(r.change.interval[1] > 1.05 for r in some.rows)
    assert "between runs: each interval holds what runs differ by (10 runs of" in call("compare", *paths).stdout


def test_who_selects_cases_gets_the_same_figures(tmp_path):
    """The others say what the machine did, whether they are shown or not."""
    measured(tmp_path)
    base, new = run(tmp_path, "base", 1), run(tmp_path, "new", 2, everything=1.08, slower={"fork": 1.12})
    every, some = compared(base, new), compared(base, new, case="path:fork/")
    ratios = {r.case: r.change.ratio for r in every.rows}
    assert len(some.rows) == 2
    assert all(r.change.ratio == pytest.approx(ratios[r.case]) for r in some.rows)


@pytest.mark.parametrize("changed, change", [(4, 1.3), (5, 1.1), (6, 1.1)])
def test_where_half_of_the_groups_changed_nobody_else_is_faster(tmp_path, changed, change):
    measured(tmp_path, common=0.02, own=0.005)
    base = run(tmp_path, "base", 1, own=0.005)
    found = compared(base, run(tmp_path, "new", 2, own=0.005,
                               slower={g: change for g in GROUPS[:changed]}))
    assert FASTER not in {c.verdict for c in found.changes}
    if changed < 6:
        assert any("do not agree" in w for w in found.warnings)
    # Measured in turns it is plain.


def test_a_bad_first_round_in_every_case_is_not_the_machine(tmp_path):
    measured(tmp_path, own=0.005)
    base = run(tmp_path, "base", 1, own=0.005, common=0.0, rounds=12)
    document = json.loads(run(tmp_path, "bad", 2, own=0.005, common=0.0, rounds=12).read_text())
    for entry in document["benchmarks"]:
        if entry["repetition_index"] == 0:
            for q in entry["quantities"].values():
                q["samples"] = [3 * v for v in q["samples"]]
                q |= {key: 3 * q[key] for key in ("min", "p50", "p90", "p99", "max", "mean") if key in q}
    found = compared(base, write(document, tmp_path / "bad.json"))
    assert abs(found.common.ratio - 1) < 0.02 and found.exit_status() == 0
    assert not {SLOWER, FASTER} & {r.change.verdict for r in found.rows}


def test_a_slope_that_rises_little_is_known_as_badly_as_it_is(tmp_path):
    """What a case moves from run to run moves it six times as much: in half of such comparisons it was
    news, though nothing had changed."""
    def line(name, seed):
        rng = np.random.default_rng(seed)
        maker = synthetic.Maker(seed, rounds=12, samples=5)
        maker.noisy = np.ones
        for n in (1, 8, 16):
            cost = (1e6 + 1e4 * n) * np.exp(rng.normal(0, 0.01))
            maker.case("load", {"libraries": str(n)}, [
                {"total_ns": np.full(5, cost * np.exp(rng.normal(0, 0.002)))} for _ in range(12)],
                "total_ns")
        return write(maker.document(), tmp_path / f"{name}.json")
    synthetic.noise(tmp_path, 0.01, 1e-4)
    slopes = [f for i in range(40) for f in compared(line("a", 2 * i), line("b", 2 * i + 1)).families]
    assert len(slopes) > 30
    assert sum(f.change.verdict in (SLOWER, FASTER) for f in slopes) <= 1
    assert np.mean([f.change.interval[0] <= 1 <= f.change.interval[1] for f in slopes]) > 0.85


@pytest.mark.parametrize("odd", [{"sd": 0, "df": 9}, {"sd": 1e-300, "df": 9}])
def test_noise_that_is_none_is_the_least_there_is(tmp_path, odd):
    path = measured(tmp_path)
    path.write_text(json.dumps(json.loads(path.read_text()) | {"common": odd, "own": {"default": odd}}))
    sides_ = [[run(tmp_path, f"{s}{i}", 10 * n + i) for i in range(3)] for n, s in enumerate("ab")]
    assert compared(*sides_).rows


@pytest.mark.parametrize("odd", ["Infinity", "1e308", "0.5", "NaN"])
def test_degrees_of_freedom_that_are_none_are_status_2(tmp_path, odd):
    path = measured(tmp_path)
    path.write_text(path.read_text().replace('"df": 9', f'"df": {odd}'))
    result = call("compare", run(tmp_path, "a", 1), run(tmp_path, "b", 2), "--noise", path)
    assert result.exit_code == 2 and "degrees of freedom" in result.stderr


def test_without_a_measured_machine_the_largest_known_noise_counts(tmp_path):
    base, new = run(tmp_path, "base", 1), run(tmp_path, "new", 2, everything=1.3)
    found = compared(base, new)
    assert found.common.verdict == SLOWER and "forkcost aa" in found.noise
    assert compared(base, run(tmp_path, "other", 3, everything=1.05)).exit_status() == 0


def test_bytes_do_not_move_with_the_hour(tmp_path):
    def made(name, pages):
        maker = synthetic.Maker(1, rounds=8)
        for path in GROUPS:
            maker.case("fork", {"path": path}, [{"page_table_bytes": np.full(5, pages * 4096)}] * 8,
                       "page_table_bytes")
        return write(maker.document(), tmp_path / f"{name}.json")
    found = compared(made("base", 100), made("new", 150))
    assert found.common is None and {r.change.verdict for r in found.rows} == {SLOWER}


@pytest.mark.parametrize("change, said", [
    ({"machine": ["synthetic", "Synthetic CPU @ 2.1 GHz", "5.10"]}, "was measured on kernel 5.10"),
    ({"made": "2020-01-01T00:00:00Z"}, "days old"), ({"suite": "0.0.9"}, "suite 0.0.9")])
def test_it_says_when_it_is_out_of_date(tmp_path, change, said):
    path = measured(tmp_path)
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    result = call("compare", run(tmp_path, "a", 1), run(tmp_path, "b", 2), "--format", "details")
    assert said in result.stdout and "forkcost aa" in result.stdout


def test_that_of_another_machine_is_not_taken(tmp_path):
    path = measured(tmp_path)
    found = json.loads(path.read_text()) | {"machine": ["other", "CPU", "1"]}
    path.write_text(json.dumps(found))
    base, new = run(tmp_path, "a", 1), run(tmp_path, "b", 2)
    assert "results differed" in compared(base, new).noise
    result = call("compare", base, new, "--noise", path)
    assert result.exit_code == 2 and "another machine" in result.stderr


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"machine": 1}', '"x"', "\xff"])
def test_a_file_that_is_none_is_status_2(tmp_path, text):
    (tmp_path / "x.json").write_text(text, encoding="latin-1")
    base, new = run(tmp_path, "a", 1), run(tmp_path, "b", 2)
    result = call("compare", base, new, "--noise", tmp_path / "x.json")
    assert result.exit_code == 2 and "forkcost aa" in result.stderr


def test_one_round_that_is_bad_and_one_that_is_alone(tmp_path):
    """One round against thirty has no verdict; a run with a bad round in every case neither."""
    measured(tmp_path)
    many = run(tmp_path, "many", 1, rounds=30)
    found = compared(run(tmp_path, "one", 2, rounds=1), many)
    assert {r.change.verdict for r in found.rows} == {UNCLEAR} and found.exit_status() == 0
    document = json.loads((tmp_path / "many.json").read_text())
    for entry in document["benchmarks"]:
        if entry["repetition_index"] == 7:
            for q in entry["quantities"].values():
                q["samples"] = [5 * v for v in q["samples"]]
                q |= {key: 5 * q[key] for key in ("min", "p50", "p90", "max", "mean") if key in q}
    bad = compared(many, write(document, tmp_path / "bad.json"))
    assert {r.change.verdict for r in bad.rows} <= {SAME, UNCLEAR} and bad.exit_status() == 0
