"""Comparisons of whole files with planted differences."""

import copy
import json

import numpy as np
import pytest
from click.testing import CliRunner

import synthetic
import synthetic_counts
from conftest import SCHEMA_2, write
from forkcost import processes
from forkcost.cli import main
from forkcost.compare import engine, phrases, sides, thresholds
from forkcost.compare.result import (
    FAILED, FASTER, GONE, MEANINGLESS, NEW, NOTE, SAME, SLOWER, UNCLEAR, WARNING)

MIB = 2**20
HEAPS = {"16MiB": 16 * MIB, "64MiB": 64 * MIB, "256MiB": 256 * MIB}


def call(*words):
    return CliRunner(mix_stderr=False).invoke(main, ["compare", *(str(w) for w in words)])


def maker(seed, change=1.0, rounds=10, quantity="blocked_ns", benchmark="fork", heaps=HEAPS,
          size=1.0, noise=0.01, axes=None, unit_better=None, count=None):
    """Cases that differ in size only: a floor, and as many ns per page as in synthetic; all
    changed by a factor, or made as of arenas `size` times as large."""
    made = synthetic.Maker(seed, rounds=rounds, noise=noise)
    for heap, n_bytes in heaps.items():
        cost = (47e3 + synthetic.PER_GIB * n_bytes * size / 2**30) * change
        values = [{quantity: made.around(cost)} | ({"faults": np.full(5, count)} if count else {})
                  for _ in range(rounds)]
        made.case(benchmark, {"path": "fork", "heap": heap, **(axes or {})}, values, quantity,
                  heap_bytes=n_bytes)
    for entry in made.benchmarks:
        for found in entry["quantities"].values():
            found |= unit_better or {}
    return made


def files(tmp_path, *documents, noise=1e-4):
    """Paths. `noise`: what runs of the synthetic machine differ by: a comparison finds it beside the
    files."""
    synthetic.noise(tmp_path, noise)
    return [write(d if isinstance(d, dict) else d.document(), tmp_path / f"{i}.json")
            for i, d in enumerate(documents)]


def compared(base, new, everywhere=None, **options):
    """Of lists of paths, or single ones."""
    base, new = (p if isinstance(p, list) else [p] for p in (base, new))
    return engine.compare(sides.read("base", base, options.get("force", False)),
                          sides.read("new", new, options.get("force", False)),
                          thresholds.read(None, everywhere), **options)


def verdicts(comparison):
    return {r.change.verdict for r in comparison.rows}


@pytest.fixture
def pair(tmp_path):
    """Function: two Makers -> their Comparison."""
    return lambda base, new, *arguments, **options: compared(
        *files(tmp_path, base, new), *arguments, **options)


def test_a_slowdown_is_found_and_told_once(pair):
    found = pair(maker(1), maker(2, 1.2), 0.05)
    assert verdicts(found) == {SLOWER} and found.exit_status() == 1
    assert [f.change.verdict for f in found.families] == [SLOWER]
    assert phrases.listed(found, SLOWER) == [found.families[0]]
    row = found.rows[0]
    assert row.change.interval[0] < 1.2 < row.change.interval[1] and row.change.p < 0.05
    assert row.rounds == (10, 10) and row.change.estimator == "min"  # as the files say
    assert row.family == found.families[0].key


def test_the_other_way_round_it_is_faster(pair):
    found = pair(maker(1, 1.2), maker(2), 0.05)
    assert verdicts(found) == {FASTER} and found.exit_status() == 0


def test_higher_is_better_turns_it_round(pair):
    higher = {"better": "higher", "unit": "ratio"}
    found = pair(maker(1, unit_better=higher), maker(2, 1.2, unit_better=higher), 0.05)
    assert verdicts(found) == {FASTER}
    found = pair(maker(1, 1.2, unit_better=higher), maker(2, unit_better=higher), 0.05)
    assert verdicts(found) == {SLOWER}


def test_no_change_is_same(pair):
    found = pair(maker(1), maker(2), 0.1)
    assert verdicts(found) == {SAME} and found.exit_status(strict=True) == 0


def test_66_of_64_mib_is_3_percent_more_of_the_slope(pair):
    found = pair(maker(1, noise=0.002), maker(2, size=66 / 64, noise=0.002), 0.005)
    family = found.families[0]
    assert family.change.verdict == SLOWER and family.change.unit == "ns per page"
    assert family.change.interval[0] < 66 / 64 < family.change.interval[1]
    assert abs(family.change.ratio - 66 / 64) < 0.004
    assert family.change.base == pytest.approx(synthetic.PER_GIB / 2**18, rel=0.01)
    assert family.points[0][0] == 16 * MIB and len(family.rows) == 3


def test_a_single_size_has_its_slope_from_the_empty_arena(pair):
    heaps = {"0": 0, "64MiB": 64 * MIB}
    found = pair(maker(1, heaps=heaps, noise=0.002),
                 maker(2, heaps=heaps, size=66 / 64, noise=0.002), 0.005)
    assert found.families[0].change.ratio == pytest.approx(66 / 64, abs=0.004)
    # The floor of 47 µs does not grow with the arena: the case itself says less than 3.1%.
    assert found.families[0].change.ratio > next(
        r for r in found.rows if r.heap_bytes).change.ratio


def test_what_does_not_rise_has_no_slope(pair):
    flat = {heap: 1 + i for i, heap in enumerate(HEAPS)}
    assert pair(maker(1, heaps=flat), maker(2, heaps=flat), 0.1).families == ()


def test_a_plan_of_sizes_between_libraries(pair):
    def made(seed, change):
        m = synthetic.Maker(seed, rounds=8, noise=0.01)
        for n in (0, 16, 64):
            cost = 500e3 + n * 30e3 * change
            m.case("load", {"libraries": str(n), "shape": "flat"},
                   [{"main_start_ns": m.around(cost)} for _ in range(8)], "main_start_ns")
        return m
    family = pair(made(1, 1), made(2, 1.3), 0.05).families[0]
    assert family.per == "library" and family.change.verdict == SLOWER
    assert family.change.unit == "ns per library"
    assert family.change.ratio == pytest.approx(1.3, abs=0.03)


@pytest.mark.parametrize("rounds", [1, 2])
def test_too_few_rounds_are_unclear(pair, rounds):
    found = pair(maker(1, rounds=rounds), maker(2, 2.0, rounds=rounds), 0.05)
    assert verdicts(found) == {UNCLEAR}
    change = found.rows[0].change
    assert change.interval is None and change.p is None and change.detectable is None
    assert change.more_rounds == 3 - rounds and f"{rounds} round" in change.reason
    assert change.ratio == pytest.approx(2, rel=0.1)
    assert found.exit_status() == 0 and found.exit_status(strict=True) == 1


def test_three_rounds_have_an_interval(pair):
    found = pair(maker(1, rounds=3), maker(2, rounds=3), 0.15)
    assert verdicts(found) == {SAME} and found.rows[0].change.interval is not None


def test_unclear_says_what_would_settle_it(pair):
    found = pair(maker(1, rounds=4, noise=0.1), maker(2, 1.15, rounds=4, noise=0.1), 0.05)
    change = next(r.change for r in found.rows if r.change.verdict == UNCLEAR)
    assert change.more_rounds > 0 and change.reason
    assert change.detectable > change.threshold


def interleaved(document, side, session="one"):
    document["context"]["forkcost"]["run"]["interleaved"] = {"session": session, "side": side}
    return document


def drifting(seed, rounds=8, change=1.0):
    """Rounds with a drift that is the same for every seed."""
    drift = np.exp(np.random.default_rng(99).normal(0, 0.3, rounds))
    m = synthetic.Maker(seed, rounds=rounds, noise=0.01)
    for heap in HEAPS:
        m.case("fork", {"path": heap}, [{"total_ns": m.around(1e6 * change * d)} for d in drift],
               "total_ns")
    return m.document()


def test_pairs_take_the_drift_out(pair):
    alike = pair(interleaved(drifting(1), "a"), interleaved(drifting(2, change=1.3), "b"), 0.05)
    assert verdicts(alike) == {SLOWER} and alike.rows[0].change.paired
    apart = pair(drifting(1), drifting(2, change=1.3), 0.05)
    assert verdicts(apart) == {UNCLEAR} and not apart.rows[0].change.paired
    other = pair(interleaved(drifting(1), "a"), interleaved(drifting(2), "b", "two"), 0.05)
    assert not other.rows[0].change.paired


def test_pairs_are_aligned_by_their_number(pair):
    """One side lost a round of a case: the others still belong together."""
    base, new = interleaved(drifting(1), "a"), interleaved(drifting(2, change=1.3), "b")
    del base["benchmarks"][3]  # round 3 of the first case
    found = pair(base, new, 0.05)
    assert verdicts(found) == {SLOWER}
    assert sorted(r.rounds for r in found.rows) == [(7, 7), (8, 8), (8, 8)]  # those that were used


def laboratory(document, mode="exact", kernel="6.1"):
    document["context"]["forkcost"]["laboratory"] = {"mode": mode, "kernel": kernel, "boot": 0}
    return document


def exact(seed, change=1.0, rounds=3, noise=1e-5):
    m = maker(seed, change, rounds=rounds, quantity="blocked_cpu_ns", noise=noise, count=4096)
    for entry in m.benchmarks:
        entry["quantities"]["blocked_ns"] = copy.deepcopy(entry["quantities"]["blocked_cpu_ns"])
    return laboratory(m.document())


def test_exact_mode_finds_1_percent_and_has_no_wall_time(pair):
    found = pair(exact(1), exact(2, 1.01))
    assert found.mode == "exact"
    assert {r.quantity for r in found.rows} == {"blocked_cpu_ns", "faults"}
    assert {r.change.verdict for r in found.rows if r.quantity == "blocked_cpu_ns"} == {SLOWER}
    assert found.rows[0].change.threshold == 0.005
    assert verdicts(pair(exact(1), exact(2))) == {SAME}


@pytest.mark.parametrize("rounds", [1, 3])
def test_exact_mode_needs_no_spread_and_few_rounds(pair, rounds):
    base = exact(1, rounds=rounds, noise=0)
    assert verdicts(pair(base, copy.deepcopy(base))) == {SAME}
    found = pair(base, exact(1, 1.27, rounds=rounds, noise=0))
    change = found.rows[0].change
    assert change.verdict == SLOWER and change.ratio == pytest.approx(1.27)
    assert found.families[0].change.ratio == pytest.approx(1.27)
    assert (change.interval is None) == (rounds == 1)


def test_exact_mode_compares_instructions(pair):
    def counted(change):
        m = synthetic_counts.counted(maker(1, rounds=5))
        for entry in m.benchmarks:
            event = entry["counters"]["events"]["instructions:k"]["parent"]
            event["samples"] = [1000 * change] * 4
            event |= {"n": 4}
        return laboratory(m.document())
    found = pair(counted(1), counted(1.02))
    of = {r.change.verdict for r in found.rows if r.quantity == "instructions:k parent"}
    assert of == {SLOWER}
    assert not any(r.quantity.startswith("instructions") for r in pair(
        synthetic_counts.counted(maker(1)), synthetic_counts.counted(maker(2)), 0.1).rows)


def test_exact_against_time_is_meaningless(tmp_path):
    timed = maker(1, quantity="blocked_cpu_ns").document()
    paths = files(tmp_path, exact(1), timed)
    result = call(*paths)
    assert result.exit_code == 3 and "exact and host" in result.stderr
    assert call(*paths, "--force").exit_code in (0, 1)


def test_counts_are_exact(pair):
    def change(before, after, **options):
        found = pair(maker(1, count=before, **options), maker(2, count=after, **options), 0.2, quantity="faults")
        return found.rows[0].change
    assert change(4096, 4097).verdict == SLOWER and change(4097, 4096).verdict == FASTER
    assert change(4096, 4097).exact and change(4096, 4097).p is None
    assert change(4096, 4097, rounds=2).verdict == UNCLEAR


def test_what_the_address_space_layout_moves_is_no_news(tmp_path):
    """A child's faults differ by one or two from process to process; with few rounds they can look
    like counts without spread."""
    def made(faults):
        m = synthetic.Maker(rounds=4)
        m.case("fork", {"path": "fork"},
               [{"child_minor_faults": np.full(5, faults)} for _ in range(4)],
               "child_minor_faults")
        return m
    for before, after, verdict in ((25, 26, SAME), (25, 40, SLOWER)):
        paths = files(tmp_path, made(before), made(after))
        assert verdicts(compared(*paths)) == {verdict}
    exact = files(tmp_path, laboratory(made(25).document()), laboratory(made(26).document()))
    assert verdicts(compared(*exact)) == {SLOWER}  # layout is fixed there


@pytest.mark.parametrize("values", [[0, 0, 0], [-5, 3, 8], [0, 1, 2]])
def test_values_of_0_and_below_make_no_nonsense(pair, values):
    def made(values):
        m = synthetic.Maker(rounds=5)
        m.case("cow", {"state": "none"}, [{"debt_ns": np.array(values)} for _ in range(5)],
               "debt_ns")
        return m
    for other in (values, [10, 11, 12]):
        change = pair(made(values), made(other)).rows[0].change
        if min(change.base, change.new) <= 0:  # of their medians: else there is a ratio
            same = SAME if not any(values) else UNCLEAR
            assert change.verdict == (same if other == values else SLOWER)
        assert change.ratio is None or np.isfinite(change.ratio)
        assert change.interval is None or np.isfinite(change.interval).all()
        assert call_json(change)


def call_json(change):
    return json.dumps(vars(change), default=str, allow_nan=False)


def test_new_gone_and_failed_cases(pair):
    base, new = maker(1).document(), maker(2).document()
    axes = {"path": "vfork", "heap": "0"}
    extra = synthetic.Maker(1, rounds=2)
    for path in ("vfork", "clone3", "_Fork"):
        extra.case("fork", axes | {"path": path}, [{"blocked_ns": np.arange(1, 5)}] * 2)
    by_path = {p: [e for e in extra.benchmarks if e["axes"]["path"] == p]
               for p in ("vfork", "clone3", "_Fork")}
    base["benchmarks"] += by_path["vfork"] + by_path["clone3"]
    new["benchmarks"] += by_path["_Fork"]
    broken = synthetic.Maker(1, rounds=2)
    broken.not_measured("fork", axes | {"path": "clone3"}, "failed", "AnonHugePages is 2048 kB")
    new["unmeasured"] = broken.unmeasured
    found = pair(base, new, 0.2)
    of = {r.axes["path"]: r.change for r in found.rows if not r.quantity}
    assert {path: change.verdict for path, change in of.items()} == {
        "vfork": GONE, "clone3": FAILED, "_Fork": NEW}
    assert "2 rounds failed: AnonHugePages" in of["clone3"].reason
    assert found.exit_status() == 1
    base["unmeasured"] = broken.unmeasured  # on both sides it is no news
    base["benchmarks"] = [e for e in base["benchmarks"] if e["axes"]["path"] != "clone3"]
    both = pair(base, new, 0.2)
    assert FAILED not in verdicts(both) and "failed on both sides" in both.warnings[0]


def test_several_files_add_up_and_from_three_on_are_what_is_replicated(tmp_path):
    """Boots that differ more than their rounds: within one there is no telling."""
    def boot(seed, shift):
        return maker(seed, shift, rounds=6, noise=0.005)
    shifts = np.exp(np.random.default_rng(5).normal(0, 0.05, 8))
    paths = files(tmp_path, *(boot(i, s) for i, s in enumerate(shifts)))
    two = compared(paths[:1], paths[1:2], 0.02)
    four = compared(paths[:4], paths[4:], 0.02)
    assert {r.rounds for r in four.rows} == {(24, 24)}
    widths = [np.ptp(np.log(c.rows[0].change.interval)) for c in (two, four)]
    assert widths[1] > 3 * widths[0]
    assert {SLOWER, FASTER}.isdisjoint(verdicts(four))
    mixed = compared(paths[:4], paths[4:5], 0.02)
    assert any("give 3 or more" in w for w in mixed.warnings)


def test_another_estimator_is_that_of_the_file(pair):
    base, new = maker(1).document(), maker(2).document()
    for document in (base, new):
        document["context"]["forkcost"]["estimators"] = {}
    assert pair(base, new, 0.1).rows[0].change.estimator == "p50"
    base["context"]["forkcost"]["estimators"] = {"blocked_ns": "mode"}
    odd = pair(base, new, 0.1)
    assert odd.rows[0].change.estimator == "p50" and "estimator mode" in odd.warnings[0]


def changed(document, path, value):
    *keys, last = path.split(".")
    holder = document["context"]["forkcost"]
    for key in keys:
        holder = holder[key]
    holder[last] = value
    return document


@pytest.mark.parametrize("path, value, severity", [
    ("environment.machine.architecture", "aarch64", MEANINGLESS),
    ("environment.machine.cpus_online", 64, WARNING),
    ("environment.memory.thp_enabled", "always", WARNING),
    ("environment.kernel.release", "6.19", NOTE), ("environment.software.libc", "musl", WARNING),
    ("suite.revision", "fff", WARNING), ("run.preset", "standard", WARNING)])
def test_what_is_different_is_said_first(tmp_path, path, value, severity):
    base, new = maker(1), changed(maker(2).document(), path, value)
    paths = files(tmp_path, base, new)
    found = compared(*paths, 0.1, force=True)
    assert found.differences[0].severity == severity
    assert str(value) in found.differences[0].new
    result = call(*paths, "--threshold", "10%")
    assert result.exit_code == (3 if severity == MEANINGLESS else 0)
    if severity != MEANINGLESS:
        assert result.stdout.index(str(value)) < result.stdout.index("same")


def test_what_one_kernel_alone_has_is_no_reason_to_differ(tmp_path):
    base = changed(maker(1).document(), "environment.memory.mthp", {"64kB": "never", "2048kB": "always"})
    new = changed(maker(2).document(), "environment.kernel.release", "6.19")
    new = changed(new, "environment.memory.mthp",
                  {"64kB": "always", "2048kB": "always", "16kB": "never"})
    new = changed(new, "environment.memory.page_reporting_order", "9")
    paths = files(tmp_path, base, new)
    found = {(d.what, d.only): d for d in compared(*paths).differences}
    assert {key for key in found if key[1]} == {("mTHP", "new"),
                                                ("order of free page reporting", "new")}
    assert found["mTHP", "new"].new == "16kB never" and found["mTHP", "new"].severity == NOTE
    really = found["mTHP", ""]
    assert (really.severity, really.base, really.new) == (WARNING, "64kB never", "64kB always")
    said = call(*paths).stdout
    assert "differs: mTHP: 64kB never → 64kB always" in said
    assert "only in new: mTHP, order of free page reporting" in said
    same = changed(base, "environment.kernel.release", maker(2).document()["context"]["forkcost"][
        "environment"]["kernel"]["release"])
    lacks = changed(maker(2).document(), "environment.memory.page_reporting_order", "9")
    assert not any(d.only for d in compared(*files(tmp_path, same, lacks)).differences)


def test_a_newer_schema_is_status_3_unless_forced(tmp_path):
    document = json.loads(SCHEMA_2.read_text(encoding="utf-8"))
    paths = files(tmp_path, document, changed(document, "schema", 3))
    result = call(*paths)
    assert result.exit_code == 3 and "schema 3" in result.stderr
    forced = call(*paths, "--force", "--threshold", "10%")
    assert forced.exit_code == 0 and "differs: schema, newer than" in forced.stdout


def test_explain_names_what_moved(tmp_path):
    def made(seed, change):
        m = synthetic_counts.counted(maker(seed, change, quantity="total_ns"))
        m = synthetic_counts.profiled(m, samples=20000)
        for entry in m.benchmarks:
            if change > 1:
                more = next(f for f in entry["profile"]["functions"]
                            if f["name"] == "copy_page_range")
                more["samples"] += 8000
                entry["profile"]["samples"] += 8000
                entry["profile"]["operations"] = round(entry["profile"]["operations"])
                parent = entry["counters"]["events"]["instructions:k"]["parent"]
                parent["samples"] = [2 * v for v in parent["samples"]]
        return m
    paths = files(tmp_path, made(1, 1), made(2, 1.4))
    assert compared(*paths, 0.05).causes == ()
    causes = compared(*paths, 0.05, explained=True).causes
    first = [c for c in causes if c.case == causes[0].case]
    assert (first[0].kind, first[0].name) == ("function", "copy_page_range")
    assert first[0].new > first[0].base and first[0].share > 0.8
    counters = {c.name for c in causes if c.kind == "counter"}
    assert "instructions:k parent" in counters and "minor-faults parent" not in counters
    result = call(*paths, "--explain", "--threshold", "5%")
    assert "copy_page_range" in result.stdout


def test_several_processes_compare_the_same(tmp_path, monkeypatch):
    new = maker(2, 1.2)
    new.benchmarks[0]["quantities"]["blocked_ns"]["unit"] = "s"
    new.benchmarks[1]["quantities"]["else_ns"] = new.benchmarks[1]["quantities"]["blocked_ns"]
    paths = files(tmp_path, maker(1), new)
    found = set()
    for cpus in (1, 3):
        monkeypatch.setattr(processes, "cpus", lambda: cpus)
        result = call(*paths, "--format", "json")
        assert json.loads(result.stdout)["comparisons"][0]["warnings"]
        found.add((result.exit_code, result.stdout))
    assert len(found) == 1
