"""The sections on exec, libraries and shared files, from runs of which the truth is known."""

import re

import numpy as np
import pytest

import synthetic
import synthetic_exec as truth
from forkcost import library_answers, model, one_more, report, units
from forkcost.plots import FIGURES, SECTIONS, common, first_touch, handover, images
from forkcost.plots import libraries, memory, relocations, zygote
from forkcost.units import NBSP
from test_report import Page, made_page

NEW = {"images": images, "libraries": libraries, "relocations": relocations, "zygote": zygote,
       "first-touch": first_touch, "memory": memory, "handover": handover}
NEEDS = {"images": {"exec"}, "libraries": {"libraries"}, "relocations": {"relocations"},
         "zygote": {"zygote"}, "first-touch": {"text-touch", "call"}, "memory": {"share"},
         "handover": {"switch"}}


def maker(seed=1, rounds=5):
    return synthetic.Maker(seed, rounds=rounds, samples=10, noise=0.02)


@pytest.fixture(scope="module")
def run(whole):
    return whole


def drawn(draw, run):
    """The Drawing's texts; its figure is closed."""
    drawing = draw(run)
    assert not isinstance(drawing, str), drawing
    common.plt.close(drawing.figure)
    return drawing


def slopes(found):
    return {m.key[1:]: m for m in found}


def check(found, expected):
    low, high = found.line.slope_interval
    assert low <= expected <= high, (found.what, low, expected, high)
    assert found.line.slope == pytest.approx(expected, rel=0.05, abs=0.5)


# Slopes


def test_the_cost_of_a_library_is_found(run):
    found = slopes(one_more.libraries(run))
    assert set(found) == set(truth.TRUTH["library"])
    for key in (("flat", "warm"), ("chain", "warm"), ("flat", "cold")):
        assert found[key].line.slope == pytest.approx(truth.TRUTH["library"][key], rel=0.03)
        assert found[key].line.intercept == pytest.approx(truth.TRUTH["start"], rel=0.05)
        assert found[key].over == "0–256 libraries without relocations" and not found[key].remark


def test_failed_opens_bend_the_line_of_directories_which_is_said(run):
    found = slopes(one_more.libraries(run))["directories", "warm"]
    assert found.line.breaks_at is not None
    each = truth.TRUTH["library"]["directories", "warm"] + truth.TRUTH["failed_open"] * (
        truth.opens_of(256) - truth.opens_of(64)) / 192
    said = re.search(rf"from 64 to 256 each costs (\d+){NBSP}µs", found.remark)
    assert float(said[1]) * 1e3 == pytest.approx(each, rel=0.05)
    assert "no straight line" in found.summary


def test_the_cost_of_a_failed_open(run):
    found, = one_more.failed_opens(run)
    assert found.line.slope == pytest.approx(truth.TRUTH["failed_open"], rel=0.03)
    low, high = found.line.slope_interval
    assert low < truth.TRUTH["failed_open"] < high
    assert not found.remark and found.over == "0–32,640 opens that fail, above flat"


def test_failed_opens_are_those_that_were_counted(made):
    assert one_more.failed_opens(made(truth.load_libraries(maker(), counted=False))) == []
    m = truth.load_libraries(maker())
    for entry in m.benchmarks:
        q = entry["quantities"]["failed_opens"]
        q["samples"] = [v / 2 for v in q["samples"]]
    found, = one_more.failed_opens(made(m))
    assert found.line.slope == pytest.approx(2 * truth.TRUTH["failed_open"], rel=0.03)


def test_the_intervals_of_slopes_cover_the_truth(made):
    hits, all_of = 0, 0
    for seed in range(8):
        m = truth.load_libraries(maker(seed), [("flat", "warm"), ("directories", "warm")])
        run = made(truth.load_relocations(m, zero=False))
        for found, expected in (
                (slopes(one_more.libraries(run))["flat", "warm"], 31e3),
                (one_more.failed_opens(run)[0], truth.TRUTH["failed_open"]),
                *((m, truth.TRUTH["relocation"][tuple((m.key[1] + " lazy").split()[:2])])
                  for m in one_more.relocations(run))):
            low, high = found.line.slope_interval
            hits += low <= expected <= high
            all_of += 1
    assert hits >= 0.85 * all_of


def bent():
    """Libraries of 31 µs each up to 64, of 41 µs after that."""
    m = truth.load_libraries(maker(), [("flat", "warm"), ("chain", "warm")])
    for entry in m.benchmarks:
        if entry["axes"]["libraries"] == "256" and entry["axes"]["shape"] == "flat":
            q = entry["quantities"]["main_start_ns"]
            q["samples"] = [v + 192 * 10e3 for v in q["samples"]]
    return m


def test_a_bend_at_the_end_is_said_beside_the_slope(made):
    run = made(bent())
    found = slopes(one_more.libraries(run))
    line = found["flat", "warm"].line
    assert line.bends and line.breaks_at is None  # no point is far from the line
    assert not found["chain", "warm"].line.bends
    said = rf"from 64 to 256 each costs [34]\d\.\d{NBSP}µs"
    assert re.fullmatch(said, found["flat", "warm"].remark)
    assert re.search(f"costs 3.* at start .{said}.;", drawn(libraries.draw, run).message)
    answer = library_answers.loading(run)
    assert "µs per library" in answer.short and re.search(said, answer.more)


def test_a_bend_of_the_loaders_account_is_said_too(made):
    m = bent()
    for entry in m.benchmarks:
        if entry["axes"]["libraries"] == "256" and entry["axes"]["shape"] == "flat":
            q = entry["quantities"]["loader_ns"]
            q["samples"] = [v * 1.35 for v in q["samples"]]
    found = slopes(one_more.libraries(made(m)))
    assert "; from 64 to 256 each costs" in found["flat", "warm"].account_cost
    assert "from" not in found["chain", "warm"].account_cost


def test_slopes_of_two_ranges_are_not_compared_without_saying_so(made):
    m = truth.load_libraries(maker(), [("flat", "warm")])
    truth.load_libraries(m, [("chain", "warm")], counts=(4, 16))
    said = drawn(libraries.draw, made(m)).message
    assert re.search(r"in a chain [^;]* \(0–16 libraries\)", said), said


def test_the_cost_of_a_relocation_by_kind(run):
    found = {m.key[1]: m for m in one_more.relocations(run)}
    assert list(found) == ["relr", "rela", "symbolic", "plt lazy", "plt now", "plt now-relro"]
    for (kind, binding), expected in truth.TRUTH["relocation"].items():
        key = f"{kind} {binding}" if kind == "plt" else kind
        check(found[key], expected)
        assert found[key].over == "0–160,000 relocations"


def test_the_first_point_is_shared_by_all_kinds(run):
    for along in one_more.relocation_kinds(run).values():
        assert list(along.rows.x) == [0, 1000, 10000]
    assert [row.x for _, row in one_more.processes(run)[0].rows.iterrows()] == [1, 4, 16]


def test_one_process_is_the_first_point_of_all_kinds_of_files(made):
    m = truth.share(maker(), ("text",), (1,), ("one-inode",))
    run = made(truth.share(m, ("text",), (16,)))
    found = {p.files: p for p in one_more.processes(run)}
    assert set(found) == set(truth.TRUTH["process"])
    assert found["copies"].parts["file in the page cache"] == pytest.approx(1077248)


def test_the_memory_of_one_more_process(run):
    found = {(p.what, p.files): p for p in one_more.processes(run)}
    assert len(found) == 9
    for kind, expected in truth.TRUTH["process"].items():
        process = found["text", kind]
        assert list(process.parts.values()) == pytest.approx(list(expected), abs=1)
        assert process.total.line.slope == pytest.approx(sum(expected))
        assert process.frames == pytest.approx(263 if kind == "copies" else 0, abs=1e-6)
        assert process.counted == pytest.approx(sum(expected[:3]))
    assert found["file", "copies"].frames == pytest.approx(16384)


def test_no_memory_is_added_where_a_quantity_is_missing(made):
    m = truth.share(maker(rounds=3), ("text",))
    for entry in m.benchmarks:
        entry["quantities"].pop("page_cache_bytes")
    run = made(m)
    assert one_more.processes(run) == []
    assert "page_cache_bytes" in memory.draw(run)


class Fixed:
    def __init__(self, *rounds):
        self.by_round = [np.array([r]) for r in rounds]
        self.median = float(np.median(rounds))
        self.median_replicates = np.resize(np.array(rounds, dtype=float), 1000)

    def quantile(self, q):
        return self.median


def test_nothing_is_a_point_where_it_is_asked_for():
    points = [(0, Fixed(10.0)), (1, Fixed(30.0)), (2, Fixed(30.0))]
    assert model.fit(points).slope == pytest.approx(0)
    assert model.fit(points, from_zero=True).slope > 5


def test_a_line_of_differences():
    points = [(x, model.Combined(((1, Fixed(100.0 + 3 * x)), (-1, Fixed(100.0)))))
              for x in (0, 10, 1000)]
    line = model.fit(points, from_zero=True)
    assert line.slope == pytest.approx(3) and line.breaks_at is None
    assert line.intercept == pytest.approx(0, abs=1e-6) and line.slope_interval is None


def test_bytes_that_are_all_zero_are_a_line():
    line = model.fit([(n, Fixed(0.0, 0.0, 0.0)) for n in (1, 4, 16)])
    assert line.slope == 0 and line.breaks_at is None and line.slope_interval == (0, 0)


# Figures


def test_the_phases_of_an_image(run):
    for image in ("nolibc", "static", "dynamic"):
        name = f"exec/image:{image}/heap:0"
        cut = images.cut(run.cases[name])
        kernel, loader, libc, rest = truth.TRUTH["image"][image]
        parts = {event: ns for event, (ns, _) in cut.parts.items()}
        assert parts["image"] == pytest.approx(kernel, rel=0.1)
        assert parts["entry"] == pytest.approx(loader, rel=0.1, abs=1)
        assert parts["main"] == pytest.approx(libc, rel=0.1, abs=1)
        assert sum(parts.values()) == pytest.approx(cut.total)
        assert not any(joined for _, joined in cut.parts.values())


def test_without_the_loaders_account_its_time_is_not_told_apart(made):
    run = made(truth.exec_images(maker(), ("nolibc", "dynamic"), loader=False))
    drawing = drawn(images.draw, run)
    assert "hatched" in drawing.basis and "LD_DEBUG" not in drawing.basis
    name = "exec/image:dynamic/heap:0"
    assert images.cut(run.cases[name]).parts["entry"][1]


def test_what_the_figures_say(run):
    said = {stem: drawn(module.draw, run) for stem, module in NEW.items()}
    assert re.match(rf"dynamic takes longest, 5[45]\d{NBSP}µs, .* the time of memfd", said["images"].message)
    assert "slows static most" in said["images"].message or "slows static-pie most" in said["images"].message
    assert re.match(rf"A library costs 3[01]\.\d{NBSP}µs \(95% ", said["libraries"].message)
    assert re.match(r"The most expensive kind of relocation is plt now", said["relocations"].message)
    assert "10,000 relocations in each of 16" in said["relocations"].basis
    assert re.match(r"With 256 libraries a fork server's child .* \(1[12]\.\d×\); private dirty",
                    said["zygote"].message)
    assert "one fault for 16 pages; a single touch makes 16 pages resident" in said[
        "first-touch"].message
    assert "0 against 263 further page frames" in said["memory"].message
    assert re.match(r"A hand-over by futex takes, with nothing touched, 1\.[45]\d", said[
        "handover"].message)
    assert all("n: 5 rounds" in drawing.basis for drawing in said.values())


def test_a_shape_at_one_number_is_drawn_beside_a_line_of_another(made):
    m = truth.load_libraries(maker(rounds=3), [("flat", "warm")])
    run = made(truth.load_libraries(m, [("chain", "warm")], (16,)))
    assert [label for label, _, _ in libraries.series(run)] == ["flat, warm", "chain, warm"]
    chain = next(row for row in library_answers.slopes(run).rows if row[0] == "library: chain, warm")
    assert chain[4:] == ["0–16 libraries without relocations", "only two points"]


def test_private_dirty_memory_by_kind(run):
    dirty, at, n = relocations.dirtied(run)
    assert (at, n) == (10000, 16)
    assert dirty["rela"][0] == 8192 + 80000 and dirty["plt lazy"][0] == 8192


@pytest.mark.parametrize("family", truth.FAMILIES)
def test_a_run_without_one_family_of_cases(family, made):
    run = made(truth.everything(maker(rounds=3), without=(family,)))
    for stem, module in NEW.items():
        drawing = module.draw(run)
        if NEEDS[stem] <= {family}:
            assert drawing.startswith("this run has ") and not drawing.endswith(".")
        else:
            assert not isinstance(drawing, str), (stem, drawing)
            common.plt.close(drawing.figure)
            assert not re.search(r"\bnan\b|None|\binf\b", drawing.message + drawing.basis)
    tables, missing = library_answers.tables(run)
    assert len(tables) + len(missing) == 2
    assert len(missing) == (family == "dlopen")


@pytest.mark.parametrize("family", truth.FAMILIES)
def test_a_run_with_only_one_family_of_cases(family, made, tmp_path):
    only = truth.everything(maker(rounds=3), without=set(truth.FAMILIES) - {family})
    text = made_page(made(only), tmp_path / "report")
    expected = {stem for stem, needs in NEEDS.items() if family in needs}
    if family in ("libraries", "relocations"):
        expected &= {family}
    assert {p.stem for p in (tmp_path / "report" / "figures").glob("*.svg")} == expected
    words = re.sub(r"<svg.*?</svg>", "", text, flags=re.S)
    assert not re.search(r"\bnan\b|\bNone\b|\binf\b", words)


@pytest.mark.parametrize("build, said", [
    (lambda m: truth.load_libraries(m, [("flat", "warm")], (0, 16)), "at two numbers of libraries"),
    (lambda m: truth.zygote(m, ("exec",)), "of path fork-server"),
    (lambda m: truth.share(m, counts=(4,)), "at two numbers of processes"),
    (lambda m: truth.exec_images(m, caches=("cold",)), "at a warm page cache"),
])
def test_a_figure_says_what_is_missing(build, said, made):
    run = made(build(maker(rounds=3)))
    assert any(isinstance(text := module.draw(run), str) and said in text
               for module in NEW.values())
    common.plt.close("all")


@pytest.mark.parametrize("build, stem", [
    (lambda m: truth.exec_images(m, ("nolibc",), ("warm",)), "images"),
    (lambda m: truth.zygote(m, memory=False), "zygote"),
    (lambda m: truth.share(m, ("text",), (1, 16), frames=False), "memory"),
    (lambda m: truth.share(m, ("text",), (1, 16), ("copies",)), "memory"),
    (lambda m: truth.switch(m, ("0",), ("exec",), ("pipe",)), "handover"),
    (lambda m: truth.load_relocations(m, [("relr", "lazy")]), "relocations"),
    (lambda m: truth.load_relocations(m, zero=False), "relocations"),
    (lambda m: truth.load_libraries(m, [("chain", "warm")]), "libraries"),
    (truth.calls, "first-touch"), (truth.text_touches, "first-touch"),
])
def test_a_figure_of_part_of_its_cases(build, stem, made):
    drawing = drawn(NEW[stem].draw, made(build(maker(rounds=3))))
    assert not re.search(r"\bnan\b|None|\binf\b", drawing.message + drawing.basis)


def test_one_round_has_figures_without_intervals(made):
    run = made(truth.everything(maker(rounds=1)))
    for module in NEW.values():
        assert "nan" not in drawn(module.draw, run).message
    table, _ = library_answers.tables(run)[0]
    assert {row[2] for row in table.rows} == {"too few rounds"}
    assert "95%" not in library_answers.loading(run).more


# Answers and tables


def test_the_answer_about_loading(run):
    answer = library_answers.loading(run)
    assert re.fullmatch(rf"3[01]\.\d{NBSP}µs per library, 1[12]\.\d{NBSP}ns per relocation\.",
                        answer.short)
    assert re.search(r"0–256 libraries without relocations, warm page cache: 95% .*symbolic 1[78]\d",
                     answer.more)
    assert re.search(rf"cold page cache a library costs 2[01]\d{NBSP}µs", answer.more)
    assert "A fork server that has 256 libraries loaded" in answer.more


def test_where_libraries_are_on_no_line_the_headline_is_what_was_measured(made):
    m = truth.load_libraries(maker(), [("flat", "warm")])
    for entry in m.benchmarks:
        if entry["axes"]["libraries"] == "256":
            q = entry["quantities"]["main_start_ns"]
            q["samples"] = [3 * v for v in q["samples"]]
    answer = library_answers.loading(made(m))
    assert re.fullmatch(rf"2\d\.\d{NBSP}ms with 256 libraries\.", answer.short)
    assert "not one straight line" in answer.more


def test_the_answer_about_processes(run):
    answer = library_answers.more_processes(run)
    assert answer.short == (f"136{NBSP}KiB for one more of the same file, "
                            f"1.16{NBSP}MiB of a copy.")
    assert f"Of the same file private dirty 92.0{NBSP}KiB, page tables 40.0{NBSP}KiB" in answer.more
    assert f"A fork of the first process: 70.0{NBSP}KiB." in answer.more


def test_the_table_of_slopes(run):
    table = library_answers.slopes(run)
    costs = {row[0]: row for row in table.rows}
    assert len(costs) == 4 + 6 + 1 + 9
    assert all(len(row) == len(table.columns) for row in table.rows)
    assert costs["relocation: rela"][5] == "yes"
    assert costs["library: directories, warm"][5].startswith("not one straight line")
    assert "Not measured" not in table.note


def test_the_table_names_what_was_not_measured(made):
    table = library_answers.slopes(made(truth.load_relocations(maker(rounds=3))))
    assert table.note.endswith("Not measured at two counts: libraries, directories in RUNPATH, "
                               "processes.")


def test_the_table_of_dlopen(run):
    table = library_answers.dlopen(run)
    assert [row[0] for row in table.rows] == [
        f"16 libraries, {mode}, {scope}" for mode in ("lazy", "now")
        for scope in ("local", "global")]
    assert table.rows[1][4] == "–" and ", 12 faults" in table.rows[0][4]


def test_the_page_has_the_answers_tables_and_numbers(run, tmp_path):
    text = made_page(run, tmp_path / "report")
    assert text.count('<div class="answer">') == 6
    assert text.index("What memory do more processes cost?") < text.index("Can I trust this run?")
    numbers = [int(n) for n in re.findall(r"<h3>(\d+)\. ", text)]
    assert numbers == list(range(1, len(FIGURES) + 1))
    assert Page(text).figures == [s for figures in SECTIONS.values() for s in figures]
    assert "<h3>What one more costs</h3>" in text and "<h3>dlopen</h3>" in text


def test_a_run_without_these_cases_keeps_four_answers(full, tmp_path):
    text = made_page(full, tmp_path / "report")
    assert text.count('<div class="answer">') == 4
    assert "5 figures that this run has no cases for" in text
    assert "2 figures that this run has no cases for" in text
    assert "No table: this run has neither" in text
    assert "<dt>13. Handing over between threads and processes</dt>" in text


def test_amounts():
    assert units.amount(0) == f"0{NBSP}bytes"
    assert units.amount(-2048) == f"-2.00{NBSP}KiB"
    assert units.amount_range(61.2 * 1024, 62 * 1024) == f"61.2–62.0{NBSP}KiB"
    assert units.time_range(-1.5, 3) == f"-1.50 to 3.00{NBSP}ns"
    assert units.value(0, "bytes") == f"0{NBSP}bytes"
    assert units.many([1], "library", "libraries") == "1 library"
    assert units.many([2], "library", "libraries") == "2 libraries"


@pytest.mark.filterwarnings("ignore:constrained_layout not applied")
def test_hostile_names_in_these_cases(made, tmp_path):
    m = truth.everything(maker(rounds=3))
    for entry in m.benchmarks:
        for axis in ("image", "kind", "files", "between", "path", "mode", "shape", "pattern"):
            if axis in entry["axes"] and entry["repetition_index"] >= 0:
                entry["axes"][axis] = entry["axes"][axis] + "<script>$x^"
        entry["name"] = entry["run_name"] = "/".join(
            [entry["benchmark"], *(f"{k}:{v}" for k, v in entry["axes"].items())])
    page = Page(made_page(made(m), tmp_path / "report"))
    assert page.scripts == []
    report.common.plt.close("all")
