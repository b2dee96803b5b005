"""What the campaign's files show: changes are planted exactly, and what is counted is true."""

import dataclasses
import json

import numpy as np
import pytest

import resolution_truth
import synthetic
from conftest import write
from forkcost.compare.result import FASTER, SLOWER
from forkcost.errors import InputError, NoAnswer
from forkcost_lab import resolution
from forkcost_lab.resolution import campaign, compared, document, evaluate, plant, rules, spread, variance
from resolution_truth import GROUPS, HEAPS, OF_GROUP, OWN, MACHINE, SHARED, measured


def quiet(_):
    pass


# Planting


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """Samples, histograms and counts."""
    maker = synthetic.Maker(rounds=8, noise=0.01).fork(paths=("fork", "vfork")).cow(heaps=("64MiB",))
    return compared.read("a", [write(maker.document(), tmp_path_factory.mktemp("planted") / "run.json")])


def values(files, case, quantity):
    found = files.observed(case)[quantity]
    return found.quantile([0.01, 0.25, 0.5, 0.9]), [r[k] for r in found.recorded.values() for k in ("min", "max", "mean")]


@pytest.mark.parametrize("quantity", ["touch_ns", "debt_ns", "faults"])
@pytest.mark.parametrize("factor", [1.013, 3.0])
def test_what_is_planted_is_multiplied_and_nothing_else(run, quantity, factor):
    case = next(name for name in run.cases if name.startswith("cow/"))
    before = values(run, case, quantity)
    made = plant.planted(run, {(case, quantity): factor})
    for was, now in zip(before, values(made, case, quantity)):
        np.testing.assert_allclose(now, factor * np.array(was), rtol=1e-12)
    for was, now in zip(before, values(run, case, quantity)):
        np.testing.assert_array_equal(now, was)  # of the original
    for name, of in run.cases.items():
        for other in of[0].quantities:
            if (name, other) != (case, quantity):
                assert made.cases[name][0].quantities[other] is of[0].quantities[other]
    entry, now = (files.cases[case][0].entries[0] for files in (run, made))
    assert now["real_time"] == entry["real_time"] * (factor if quantity == "debt_ns" else 1)


def test_a_comparison_finds_just_what_was_planted(run):
    case = "fork/path:vfork/heap:0/placement:other-cpu"
    found = compared.compare(run, plant.planted(run, plant.times(run, [case], 1.25)))
    for row in found.rows:
        if row.case == case:
            assert row.change.ratio == pytest.approx(1.25) and row.change.verdict == SLOWER
        elif row.change.ratio is not None:
            assert row.change.ratio == pytest.approx(1) and row.change.verdict not in (SLOWER, FASTER)


def test_runs_beside_the_peers_have_two_seconds():
    def seconds_of(rounds):  # by chance the fewest took longer, and each one more looks cheaper than it is
        return 0.1 + 0.01 * rounds + (0.02 if rounds == 2 else 0)
    assert 1.8 < seconds_of(spread._fitting(seconds_of)) <= spread.SECONDS
    assert spread._fitting(lambda rounds: 0.3 + 0.5 * rounds) == 3, "no fewer can be judged"


def test_what_is_not_there_cannot_be_planted(run):
    with pytest.raises(LookupError, match="nonsense"):
        plant.planted(run, {(next(iter(run.cases)), "nonsense"): 1.1})


# The rules of others


def entries(levels, spread_of=0.0):
    return [{"real_time": level, "primary": "blocked_ns",
             "quantities": {"blocked_ns": {"samples": level * np.array([1 - spread_of, 1, 1 + spread_of])}}}
            for level in levels]


LEVELS = np.linspace(100, 102, 10)


@pytest.mark.parametrize("factor, said", [(1.0, [0, 0, 0, 0, 0]), (1.05, [1, 1, 1, 0, 0]), (0.95, [-1, -1, -1, 0, 0]),
                                          (1.15, [1, 1, 1, 1, 0]), (0.4, [-1, -1, -1, -1, -1]), (2.1, [1] * 5)])
def test_rules_say_which_way(factor, said):
    base, new = entries(LEVELS, 0.001), entries(LEVELS * factor, 0.001)
    assert [rule(base, new) for rule in rules.RULES.values()] == said


def test_rules_say_nothing_of_values_that_are_all_alike():
    assert not any(rule(entries([5] * 9), entries([5] * 9)) for rule in rules.RULES.values())


def test_samples_of_one_process_are_not_as_many_witnesses():
    """Why pyperf's rule cries wolf here: one process of ten was slower, in all of its samples."""
    levels = 100 + np.arange(10) / 100
    base, new = entries(levels), entries([*levels[:9], 103.0])
    for found in (base, new):
        for entry in found:
            entry["quantities"]["blocked_ns"]["samples"] = np.repeat(entry["real_time"], 100)
    assert rules.pyperf(base, new) == 1 and rules.google(base, new) != 1


# What a campaign shows


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    place = measured(tmp_path_factory.mktemp("campaign"), pairs=6, runs=12, aa=6, quick=2)
    rng = np.random.default_rng(1)
    of_all = {who: s for who, s in ((spread.OURS, 0.01), ("loop, mean", 0.12), ("loop, median", 0.03))}
    for number in range(30):
        write(resolution_truth.turn(rng, {row.name: of_all | ({"stress-ng": 0.08} if row.stress else {})
                                          for row in spread.ROWS}), place.run("spread", number))
    facts = variance.facts([path for pair in place.pairs() for path in pair])
    return place, evaluate.evaluate(place, facts, quiet)


def test_every_figure_of_the_core_is_in_every_comparison(results):
    found = results[1]
    assert (len(found.pairs), len(found.runs), len(found.blocks)) == (6, 6, 2)
    for seen in (*found.pairs, *found.runs, *found.blocks):
        assert sum(not f.slope for f in seen.detectable) == len(GROUPS) * len(HEAPS)
        assert sum(f.slope for f in seen.detectable) == len(GROUPS)
    assert all(seen.common is None for seen in found.pairs)
    assert all(seen.common > 0 for seen in (*found.runs, *found.blocks))


def test_where_nothing_changed_nothing_is_found(results):
    assert not [seen.news for seen in (*results[1].pairs, *results[1].runs, *results[1].blocks) if seen.status]


def test_a_change_in_all_pairs_is_in_all_of_them(tmp_path):
    place = measured(tmp_path / "c", pairs=2, b_slower={"spawn": 1.1})
    found = evaluate.evaluate(place, None, quiet)
    for seen in found.pairs:
        assert seen.status == 1
        assert {f.title.partition("/")[0] for f, slower in seen.found.items() if slower} == {"spawn"}
        assert all(seen.alarms[rule] == (rule != "ratio beyond 100%" and rule != "ratio beyond 10%") or "10%" in rule
                   for rule in seen.alarms)
    assert document.GOALS[6].reached(found) is None  # without separate runs


def test_what_is_declared_is_found_as_often_as_declared(results):
    """Eight of ten, of 18 figures in six pairs each: three deviations."""
    planted = results[1].planted
    assert len(planted) == len(GROUPS) * (len(HEAPS) + 1) and {p.tried for p in planted} == {6}
    share = sum(p.found for p in planted) / sum(p.tried for p in planted)
    assert 0.65 <= share <= 0.95
    assert all(set(p.called) == ({*rules.RULES, compared.OURS} if not p.figure.slope else set()) for p in planted)
    assert all(p.called[compared.OURS] == p.found for p in planted if p.called)


def test_one_half_of_the_pairs_declares_for_the_other(tmp_path):
    """The second half is four times as noisy: what it declares is found in the first, not the other way."""
    place = measured(tmp_path / "c", pairs=4)
    for number in (2, 3):
        for side, path in enumerate(place.pair(number)):
            made = json.loads(path.read_text())
            rng = np.random.default_rng((number, side))
            for entry in made["benchmarks"]:
                q, factor = entry["quantities"]["blocked_ns"], float(np.exp(rng.normal(0, 0.1)))
                q |= {k: q[k] * factor for k in ("min", "p50", "p90", "p99", "max", "mean")}
                q["samples"] = [v * factor for v in q["samples"]]
            write(made, path)
    for planted in evaluate.evaluate(place, None, quiet).planted:
        if not planted.figure.slope:
            assert planted.sizes[0] < planted.sizes[1] / 2 and 1 <= planted.found <= 3


def test_pairs_that_yardsticks_adjust_are_counted(tmp_path):
    """One sees all that a case varies by, and nothing of the others."""
    place = measured(tmp_path / "c", pairs=2)
    seen = "fork/path:fork/heap:64MiB"
    for number, path in enumerate(path for pair in place.pairs() for path in pair):
        made, rng = json.loads(path.read_text()), np.random.default_rng(number)
        made["context"]["forkcost"]["yardsticks"] = {"loads_ns": {"unit": "ns", "title": "loads", "meaning": "loads"}}
        for entry in made["benchmarks"]:
            value = entry["quantities"]["blocked_ns"]["p50"] if entry["name"] == seen else np.exp(rng.normal(10, 0.01))
            entry["yardsticks"] = {"loads_ns": {"unit": "ns", "min": value, "p50": value, "p90": value, "n": 1,
                                                "samples": [value]}}
        write(made, path)
    found = evaluate.evaluate(place, None, quiet)
    for pair in found.pairs:
        assert {f.title for f, share in pair.explained.items() if share > 0.5} == {seen}
    [row] = [line for line in document._resolution(found) if line.startswith(f"| {seen} |")]
    assert row.endswith("| 100% |")


def test_one_slow_case_between_two_quick_runs_is_found(results):
    quick = results[1].quick
    assert quick.status == 0
    core = [one for one in quick.ones if one.stage == "core"]
    assert len(core) == 2 * len(GROUPS) * len(HEAPS) and len(quick.ones) - len(core) == 2 * OTHERS_CASES
    assert all(one.by_name and one.status == 1 for one in quick.ones)
    status, slower, of, slopes = quick.together
    assert status == 1 and slower == of == 4 and len(slopes) == 2


OTHERS_CASES = resolution_truth.OTHERS * len(HEAPS)


def test_the_variance_is_taken_apart_as_it_was_put_together(tmp_path):
    place = measured(tmp_path / "c", pairs=4, runs=40, rounds=60)
    parts = evaluate.evaluate(place, None, quiet).variance
    assert len(parts) == len(GROUPS) * len(HEAPS)

    def middle(name):
        return np.median([getattr(p, name) for p in parts])
    assert middle("rounds") == pytest.approx(np.hypot(SHARED, OWN), rel=0.15)
    assert middle("pairs") == pytest.approx(2**0.5 * OWN, rel=0.15)
    assert middle("correlation") == pytest.approx(SHARED**2 / (SHARED**2 + OWN**2), abs=0.1)
    assert middle("common") == pytest.approx(MACHINE, rel=0.3)
    assert middle("runs") == pytest.approx(np.hypot(MACHINE, OF_GROUP), rel=0.3)
    # Own: and what the median of the other groups is not sure of.
    assert OF_GROUP * 0.8 < middle("own") < OF_GROUP * 2
    assert middle("expected") == pytest.approx(OWN / 60**0.5, rel=0.3)


def test_runs_are_compared_far_apart_and_in_turns():
    runs = list(range(13))
    assert evaluate.apart(runs) == [(i, i + 6) for i in range(6)]
    assert evaluate.in_blocks(runs) == [list(range(6)), list(range(6, 12))]


def test_what_no_comparison_could_find_is_not_left_out(results):
    first, *others = results[1].pairs
    lost = next(f for f in first.detectable if not f.slope)
    blind = [dataclasses.replace(seen, detectable=seen.detectable | {lost: None}) for seen in (first, *others)]
    said, reached = document.GOALS[0].reached(dataclasses.replace(results[1], pairs=blind))
    assert "beyond all bounds worst" in said and lost.title in said and not reached


def test_the_ratio_to_the_best_peer(results):
    found = results[1].spread
    assert [r.row for r in found] == [row.name for row in spread.ROWS]
    for r in found:
        assert r.turns == 30 and r.best == "loop, median" and r.seconds == (1.9, 1.9) and r.interval[0] < r.ratio < r.interval[1]
        assert r.interval[0] < 1 / 3 < r.interval[1] and r.ratio < 1
    assert spread.repeats([]) == []


def test_every_table_has_its_rows(results):
    place, found = results
    text = document.markdown(found, "forkcost resolution -o DIR")
    for goal in document.GOALS:
        assert f"| {goal.what} | {goal.goal} |" in text
    assert "| not measured |" not in text
    sections = {part.partition("\n")[0]: part for part in text.split("\n## ")[1:]}
    rows = {name: part.count("\n| ") - 1 for name, part in sections.items()}
    figures = len(GROUPS) * (len(HEAPS) + 1)
    assert rows == {
        "What was to be reached": len(document.GOALS), "The smallest change that is found": figures,
        "Nothing changed": 3, "Planted changes": figures, "Other tools' rules on the same data": len(rules.RULES) + 1,
        "One case slower, between two quick runs": len(found.quick.ones) / 2, "Runs of two seconds": len(spread.ROWS),
        "Where the variance is": len(GROUPS) * len(HEAPS)}
    assert f"| {compared.OURS} | 0 of 6 | 0 of 6 |" in text and "6.18.0-synthetic" in text
    assert str(place.directory) not in text


def test_a_campaign_that_has_just_begun_has_a_document_too(tmp_path):
    place = measured(tmp_path / "c", pairs=1)
    path = resolution.report(place.directory, "forkcost resolution -o DIR", quiet)
    text = path.read_text()
    assert text.count("| not measured |") == 7 and all(goal.what in text for goal in document.GOALS)
    with pytest.raises(NoAnswer, match="neither pairs nor runs"):
        resolution.report(tmp_path, "", quiet)


def test_a_damaged_turn_is_named(tmp_path):
    (tmp_path / "00.json").write_text("{}")
    with pytest.raises(InputError, match="00.json"):
        spread.read([tmp_path / "00.json"])


def test_each_kind_is_spread_over_the_campaign(tmp_path):
    every = campaign.steps(campaign.Place(tmp_path), campaign.Counts())
    assert len(every) == 40 + 80 + 10 + 2 + 30
    assert len({path for step in every for path in step.files}) == len(every) + 40
    half = [step.kind for step in every[:len(every) // 2]]
    for kind, count in (("interleaved", 40), ("separate", 80), ("aa", 10), ("quick", 2), ("spread", 30)):
        assert abs(half.count(kind) - count / 2) <= 1
