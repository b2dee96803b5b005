"""Verdicts where the truth is known and an earlier rule had it wrong: counts, values without
spread, few rounds, files in place of rounds."""

import numpy as np
import pytest

import synthetic
from forkcost.compare.formats.details import settles
from forkcost.compare.phrases import settle, statement
from forkcost.compare.result import FASTER, SAME, SLOWER, UNCLEAR
from test_compare import compared, files, interleaved, laboratory, maker

PAGE = 4096


def values(quantity, rounds, better="lower", estimator=None, cases=("x",), mode=None, **axes):
    """A document in which every case has these samples of one quantity, a list per round."""
    m = synthetic.Maker(rounds=len(rounds))
    for case in cases:
        m.case("cow", {"path": case, **axes}, [{quantity: np.array(r)} for r in rounds], quantity)
    for entry in m.benchmarks:
        entry["quantities"][quantity]["better"] = better
    document = m.document()
    if estimator:
        document["context"]["forkcost"]["estimators"] = {quantity: estimator}
    return laboratory(document, mode) if mode else document


@pytest.fixture
def change(tmp_path):
    """Function: two documents -> the Change of their only row."""
    def of(base, new, *arguments, **options):
        row, = compared(*files(tmp_path, base, new), *arguments, **options).rows
        return row.change
    return of


def alike(value, rounds=5):
    return [[value] * 5 for _ in range(rounds)]


# Counts


@pytest.mark.parametrize("mode", [None, "exact"])
def test_a_count_with_a_wobble_is_not_dropped(change, mode):
    wobble = alike(2048)
    wobble[0][0] = 2049
    base, new = (values("faults", r, "none", mode=mode) for r in (alike(1024), wobble))
    assert change(base, new).verdict == SLOWER and change(new, base).verdict == FASTER
    assert change(new, values("faults", alike(2048), "none", mode=mode)).verdict == SAME


def test_a_counts_own_threshold_is_kept_and_it_is_tested(change):
    base, more, twice = (values("child_minor_faults", alike(n, 3), "none") for n in (25, 28, 50))
    for everywhere in (None, 0.01):
        found = change(base, more, everywhere)
        assert found.verdict == SAME and found.threshold == 0.35 and not found.exact
        found = change(base, twice, everywhere)
        assert found.verdict == SLOWER and found.p is not None
    assert change(base, more, 0.5).threshold == 0.5


def test_few_rounds_of_counts_say_what_would_settle_it(change):
    found = change(values("faults", alike(10, 2)), values("faults", alike(11, 2)))
    assert found.verdict == UNCLEAR and found.more_rounds == 1
    assert "a test takes 1 more round per side" in settle(found)


# Values without spread


def test_two_pages_more_in_all_of_three_rounds_may_be_chance(change):
    """Half of all rounds have two pages more: in one of 32 comparisons of three and three all of
    one side do, and none of the other."""
    base, two = (values("page_table_bytes", alike(n * PAGE, 3)) for n in (12, 14))
    assert change(base, two).verdict == UNCLEAR
    # No difference, no noise: a step is none where nothing moved.
    assert change(base, base, 0.01).verdict == SAME
    long = [values("page_table_bytes", alike(n * PAGE, 12)) for n in (12, 14)]
    assert change(*long, 0.05).verdict == SLOWER


@pytest.mark.parametrize("rounds", [3, 5])
def test_twice_the_bytes_in_all_rounds_are_no_step(tmp_path, rounds):
    """Also where a hundred other cases take part in the correction."""
    cases = [str(n) for n in range(100)]
    base, new = (values("page_table_bytes", alike(n * PAGE, rounds), cases=cases) for n in (30, 60))
    found = compared(*files(tmp_path, base, new))
    assert {row.change.verdict for row in found.rows} == {SLOWER}


def test_a_step_of_bytes_is_a_page_at_least(change):
    def made(*odd):
        return values("private_dirty_bytes", [[n] * 5 for n in (3 * PAGE, 3 * PAGE, *odd)])
    base, new = made(3 * PAGE), made(3 * PAGE + 512)
    narrow = change(base, new, 0.1)
    assert narrow.verdict == UNCLEAR and narrow.interval[1] > 1.1


def test_a_slope_knows_its_values_steps_too(tmp_path):
    """Rounds that agree to the last digit in every size."""
    def made(factor, rounds):
        m = synthetic.Maker(rounds=rounds)
        for n in (16, 64, 256):
            m.case("fork", {"mappings": str(n)},
                   [{"total_ns": np.full(5, float(round(factor * n * 5) * 100))}] * rounds,
                   "total_ns")
        return m.document()
    found = compared(*files(tmp_path, made(1, 3), made(1.2, 3)), 0.12)
    assert [f.change.verdict for f in found.families] == [UNCLEAR]
    assert found.families[0].change.interval[0] < 1.1
    sure = compared(*files(tmp_path, made(1, 10), made(1.2, 10)), 0.12)
    assert [f.change.verdict for f in sure.families] == [SLOWER]


def test_a_line_that_one_step_would_turn_is_no_family(tmp_path):
    """Six pages more at both sizes, which themselves differ by one and a half."""
    def made(more):
        m = synthetic.Maker(rounds=5)
        for n, pages in ((1, 10), (8, 11.5)):
            m.case("fork", {"mappings": str(n)},
                   [{"page_table_bytes": np.full(5, (pages + more) * PAGE)}] * 5,
                   "page_table_bytes")
        return m.document()
    assert compared(*files(tmp_path, made(0), made(6))).families == ()
    assert len(compared(*files(tmp_path, made(0), made(0))).families) == 1


def test_rounds_that_differ_by_all_numbers_have_an_interval_that_is_one(change):
    wild = [[1e-140] * 5, [1.0] * 5, [1e140] * 5]
    found = change(values("total_ns", wild), values("total_ns", wild[::-1]))
    assert found.verdict == UNCLEAR and np.isfinite(found.interval).all()


@pytest.mark.parametrize("mode", [None, "exact"])
def test_two_estimates_of_0_are_no_proof_of_the_same(change, mode):
    quantity = "debt_cpu_ns" if mode else "debt_ns"

    def made(big):
        return values(quantity, [[0, 0, 0, big, big, big, big]] * 5, estimator="p25", mode=mode)
    assert change(made(100), made(100_000)).verdict == UNCLEAR
    nothing = values(quantity, alike(0), estimator="p25", mode=mode)
    assert change(nothing, nothing).verdict == SAME
    said = change(made(100), made(100_000))
    assert "settle" not in settle(said) and settles(said) == "–"


# Rounds that contradict each other


def test_rounds_of_two_kinds_are_no_verdict(change):
    """The quarter of all samples says slower, because half of the rounds were fast; the rounds'
    mean says faster, but does not know it."""
    rng = np.random.default_rng(1)

    def rounds(*costs):
        return [c * rng.normal(1, 0.002, 8) for c in costs]
    base = values("total_ns", rounds(*[1e6] * 20, *[1e7] * 20), estimator="p25")
    new = values("total_ns", rounds(*[2e6] * 40), estimator="p25")
    for pair in ((base, new), (new, base)):
        found = change(*pair, 0.05)
        assert found.verdict == UNCLEAR and found.interval[0] < 1 < found.interval[1]


# Executed instructions


@pytest.mark.parametrize("rounds", [1, 2])
def test_few_rounds_of_instructions_decide_what_is_far_beyond_only(change, rounds):
    def made(cost):
        return values("blocked_cpu_ns", alike(cost, rounds), mode="exact")
    for factor, verdict in ((1.004, SAME), (1.014, UNCLEAR), (1.016, SLOWER), (1 / 1.014, UNCLEAR),
                            (1 / 1.016, FASTER), (1.0, SAME)):
        found = change(made(1e6), made(1e6 * factor))
        assert found.verdict == verdict, factor
        assert (found.more_rounds == 3 - rounds) == (verdict == UNCLEAR)
        assert ("noise" in found.reason) == (verdict == UNCLEAR)


@pytest.mark.parametrize("rounds", [1, 3])
def test_instructions_where_there_were_none_are_slower(change, rounds):
    nothing, some = (values("debt_cpu_ns", alike(n, rounds), mode="exact") for n in (0, 5000))
    assert change(nothing, some).verdict == SLOWER and change(some, nothing).verdict == FASTER
    assert change(nothing, nothing).verdict == SAME


# Standard deviations of rounds of executed instructions, in percent: 12 boots of Debian's 6.1, mode exact.
DEVIATIONS = {"blocked_cpu_ns": (0.181, 0.218, 0.361, 0.106, 0.084, 0.036, 0.020, 0.306, 0.152, 0.026),
              "child_cpu_ns": (0.074, 0.072, 0.558, 0.240, 0.099, 0.049)}


def boots(rng, planted=None):
    """Two documents of one kernel, three rounds each, all but 1% of a figure: its name."""
    made = [synthetic.Maker(rounds=3), synthetic.Maker(rounds=3)]
    for quantity, deviations in DEVIATIONS.items():
        for i, deviation in enumerate(deviations):
            for m, factor in zip(made, (1, 1.01 if planted == (quantity, i) else 1)):
                values = [{quantity: np.full(2, 1e6 * factor * np.exp(rng.normal(0, deviation / 100)))}
                          for _ in range(3)]
                m.case("fork", {"path": f"{quantity}-{i}"}, values, quantity)
    return [laboratory(m.document()) for m in made]


def test_one_percent_more_instructions_is_found_mostly_and_nothing_where_nothing_changed(tmp_path):
    """At 1% and without what variances say of each other it was found in 4 of 10."""
    rng = np.random.default_rng(1)
    figures = [("blocked_cpu_ns", i) for i in range(10)] * 6
    found = false = 0
    for quantity, i in figures:
        rows = compared(*files(tmp_path, *boots(rng, (quantity, i)))).rows
        found += sum(r.change.verdict == SLOWER for r in rows if r.case.endswith(f":{quantity}-{i}"))
        false += bool(compared(*files(tmp_path, *boots(rng))).exit_status())
    assert found >= 0.65 * len(figures) and false <= 3


def test_instructions_have_an_error_of_their_own_and_alpha_is_the_callers(tmp_path):
    paths = files(tmp_path, *boots(np.random.default_rng(1)))
    assert compared(*paths).alpha == 0.05 and compared(*paths, alpha=0.02).alpha == 0.02
    assert compared(*files(tmp_path, maker(1), maker(2))).alpha == 0.01


# Files and rounds


def test_a_case_that_one_of_three_files_lacks_is_no_case_of_rounds(tmp_path):
    boots = [maker(i, shift, rounds=6, noise=0.002).document()
             for i, shift in enumerate((1.0, 1.0, 1.0, 1.1, 1.1, 1.1))]
    name = boots[0]["benchmarks"][0]["name"]
    for lacking in (boots[2], boots[5]):
        lacking["benchmarks"] = [e for e in lacking["benchmarks"] if e["name"] != name]
    paths = files(tmp_path, *boots)
    rows = {r.case: r.change for r in compared(paths[:3], paths[3:], 0.02).rows}
    assert {c.replicated for c in rows.values()} == {"file"}
    lost = rows.pop(name)
    assert lost.verdict == UNCLEAR and "2 files" in lost.reason and lost.more_rounds == 1
    assert {c.verdict for c in rows.values()} == {SLOWER}


def test_the_statement_says_what_the_rows_say(tmp_path):
    paths = files(tmp_path, *(maker(i, rounds=4, heaps={"0": 0}) for i in range(6)))
    for two, said in ((paths[3:], "The unit of replication is the file."),
                      (paths[3:4], "The unit of replication is the file in base, the round in new.")):
        found = compared(paths[:3], two, 0.5)
        assert said in statement(found)
        assert {r.change.replicated for r in found.rows} == {"file"}
    found = compared(paths[0], paths[1], 0.5)
    assert "The unit of replication is the round." in statement(found)


def test_rounds_of_pairs_are_those_that_both_have(tmp_path):
    base, new = (interleaved(maker(i, rounds=6, heaps={"0": 0}).document(), side)
                 for i, side in enumerate("ab"))
    for document, lost in ((base, {0}), (new, {5, 3})):
        document["benchmarks"] = [e for e in document["benchmarks"]
                                  if e["repetition_index"] not in lost]
    row, = compared(*files(tmp_path, base, new), 0.5).rows
    assert row.rounds == (3, 3) and row.change.paired
