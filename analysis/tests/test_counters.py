import re

import pytest

import synthetic
import synthetic_counts
from forkcost import answers, counters, report, units
from forkcost.plots import common, per_page
from forkcost.tables import Table

COW = "cow/heap:256MiB"


@pytest.fixture(scope="module")
def run(whole):
    return whole


def by_title(run, title):
    return next(t for t in counters.tables(run)[0] if t.title.startswith(title))


def row(table, label):
    return dict(zip(table.columns, next(r for r in table.rows if r[0] == label)))


def test_the_slope_per_page_is_the_planted_one(run):
    found = {(p.backing, p.who, p.event): p for p in counters.per_page(run)}
    p = found["4k", "parent", "instructions:k"]
    assert p.cost(4096) == pytest.approx(180, rel=0.03)
    low, high = (bound * 4096 for bound in p.line.slope_interval)
    assert low < 180 < high and high - low < 20
    assert found["thp", "parent", "instructions:k"].cost(4096) == pytest.approx(2, rel=0.05)
    assert found["4k", "child", "instructions:k"].text(4096) == "flat"
    assert found["4k", "cpu", "instructions:k"].cost(4096) == pytest.approx(360, rel=0.03)
    labels = [line[0] for line in by_title(run, "Counted per page").rows]
    assert "fork, 4k: the CPU, with the child's end" in labels
    assert re.fullmatch(r"0\.2\d+ \(95% 0\.2\d+–0\.2\d+\)",
                        found["4k", "parent", "dTLB-load-misses:k"].text(4096))


def test_touches_are_per_fault_and_calls_per_operation(run):
    table = by_title(run, "Counters beside times")
    first = row(table, "first write after fork, 4k (per fault)")
    assert int(first["instructions:k"].replace(",", "")) == pytest.approx(2400, rel=0.03)
    assert first["minor-faults"] == "1"
    assert float(first["instructions per cycle, kernel"]) == pytest.approx(0.6, rel=0.03)
    fork = row(table, f"fork: 1{units.NBSP}GiB")
    assert float(fork["instructions:k"].split(units.NBSP)[0]) == pytest.approx(
        1.3 * 0.3 + 180 * 262144 / 1e6, rel=0.03)
    assert fork["minor-faults"] == "28"  # parent 3, child 25
    copy = row(table, "memcpy of a page, 4k (per page)")
    assert copy["instructions:k"] == "0"  # counted, and none


def test_a_writer_that_is_not_the_parent_is_counted_with_its_family(run):
    case = run.cases[COW.replace("cow/", "cow/writer:child/")]
    assert counters.writer(case) == "family" and counters.writer(run.cases[COW]) == "parent"
    assert counters.cell(run, case, "minor-faults") == "1"


def test_times_of_calls_have_counts_beside_them(run, full):
    summary = answers.summaries(run)[0]
    assert summary.counted == ["instructions:k", "minor-faults", "instructions per cycle, kernel"]
    assert all(len(counts) == 3 and "–" not in counts for *_, counts in summary.rows)
    assert answers.summaries(full)[0].counted == []


def test_how_much_of_a_fault_is_copying(run):
    found = {c.way: c for c in counters.copying(run)}
    assert found["time"].share == pytest.approx(260 / (2100 * 1.6), rel=0.05)
    assert found["cycles"].share == pytest.approx(840 / 4200, rel=0.03)
    assert found["instructions"].share == pytest.approx(12 / 2412, rel=0.03)
    assert found["profile"].share == pytest.approx(0.31)


def without_pmu(made, change=lambda entry: None):
    maker = synthetic.Maker(rounds=3, samples=5)
    maker.fork(paths=("fork",)).cow().reference_cases()
    synthetic_counts.everything(maker, pmu=False)
    for entry in maker.benchmarks:
        change(entry)
    return made(maker)


def test_what_was_not_counted_is_absent_and_said_once(made, tmp_path):
    run = without_pmu(made)
    table = by_title(run, "Counters beside times")
    assert table.columns == ["operation", "time", "minor-faults"]
    assert table.note.count(synthetic_counts.NO_PMU) == 1
    assert all(e in table.note for e in synthetic_counts.HARDWARE)
    found = {c.way: c for c in counters.copying(run)}
    assert found["cycles"].share is None and found["cycles"].reason == synthetic_counts.NO_PMU
    assert [r[0] for r in by_title(run, "How much").rows] == ["time", "profile"]
    assert f"Not by cycles, instructions: {synthetic_counts.NO_PMU}." in by_title(
        run, "How much").note
    drawing = per_page.draw(run)
    common.plt.close(drawing.figure)
    assert "from 0 (fork, 4k) to 1 (first write after fork, 4k)" in drawing.message
    assert f"instructions:k is missing: {synthetic_counts.NO_PMU}" in drawing.basis
    page = report.write(run, tmp_path / "report").read_text(encoding="utf-8")
    assert "instructions:k</th>" not in page


def test_a_part_of_the_page_that_was_not_measured_is_absent(made):
    def change(entry):
        if entry["benchmark"] == "cow":
            entry["counters"] = {"reason": "too short"}
    run = without_pmu(made, change)
    labels = [r[0] for r in by_title(run, "Counters beside times").rows]
    assert any(label.startswith("fork") for label in labels)
    assert not any("first write after fork" in label for label in labels)
    assert "cases (too short)" in by_title(run, "Counters beside times").note


def test_events_that_took_turns_are_said_to_be_estimates(made):
    maker = synthetic.Maker(rounds=3, samples=5).fork(paths=("fork",))
    synthetic_counts.counted(maker, running_share=0.43, child_end=True)
    note = by_title(made(maker), "Counters beside times").note
    assert "instructions:k ran 43% of the time" in note
    assert "minor-faults ran" not in note and "child's end" not in note


def test_a_childs_end_that_is_not_counted_is_said(run):
    assert "frees its page tables" in by_title(run, "Counters beside times").note


def test_a_run_without_counters_says_how_to_get_them_once(full):
    tables, missing = counters.tables(full)
    assert [t.title for t in tables] == ["How much of a copy-on-write fault is copying"]
    assert missing == [counters.NONE] == [per_page.draw(full)]
    assert tables[0].rows[0][0] == "time" and len(tables[0].rows) == 1


def test_one_size_has_no_slope(made):
    maker = synthetic.Maker(rounds=3, samples=5)
    maker.fork(paths=("fork",), heaps={"256MiB": synthetic.HEAPS["256MiB"]})
    run = made(synthetic_counts.counted(maker))
    assert counters.per_page(run) == []
    assert counters.slopes(run).startswith("this run has no counters of `fork` cases at two sizes")
    assert per_page.draw(run).startswith("this run has counters of neither")
    assert isinstance(counters.beside(run), Table)


def test_the_figure_sets_fork_against_the_first_write(run):
    drawing = per_page.draw(run)
    common.plt.close(drawing.figure)
    assert re.search(r"fork runs 1[78]\d instructions .* afterwards 2,[34]\d\d\.", drawing.message)
    of = {label: of for label, _, of, _ in per_page.rows(run)}
    assert of["first write to fresh memory, thp"]["minor-faults"] == pytest.approx(1 / 512)
    assert of["fork, 4k"]["instructions:k"] == pytest.approx(180, rel=0.03)
