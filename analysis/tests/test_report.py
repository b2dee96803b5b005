import json
import re
from html.parser import HTMLParser

import pandas as pd
import pytest

import synthetic
from conftest import SCHEMA_1, SCHEMA_2, write
from forkcost import answers, choose, processes, report, titles
from forkcost.errors import NoAnswer
from forkcost.load import load
from forkcost.plots import FIGURES, bill, common, phases, touches
from forkcost.units import NBSP


class Page(HTMLParser):
    """What a browser would load, and the page's structure."""

    def __init__(self, text):
        super().__init__()
        self.loads, self.scripts, self.ids, self.drawings, self.captions = [], [], [], 0, []
        self.figures, self._caption = [], None
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        self.loads += [v for k, v in attributes.items()
                       if k in ("src", "srcset", "data", "poster", "action", "xlink:href")
                       or (k == "href" and tag != "a")]
        if tag == "script" or any(k.startswith("on") for k in attributes):
            self.scripts.append(tag)
        if "id" in attributes:
            self.ids.append(attributes["id"])
        if tag == "figure":
            self.figures.append(attributes["id"])
        if tag == "svg" and attributes.get("class") != "picture":
            self.drawings += 1
        if tag == "figcaption":
            self._caption = ""

    def handle_data(self, data):
        if self._caption is not None:
            self._caption += data

    def handle_endtag(self, tag):
        if tag == "figcaption":
            self.captions.append(self._caption)
            self._caption = None


def made_page(run, directory):
    index = report.write(run, directory)
    return index.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def directory(whole, tmp_path_factory):
    directory = tmp_path_factory.mktemp("report")
    report.write(whole, directory)
    return directory


@pytest.fixture(scope="module")
def text(directory):
    return (directory / "index.html").read_text(encoding="utf-8")


def test_the_page_loads_nothing(text):
    page = Page(text)
    assert [load for load in page.loads if not load.startswith("#")] == []
    assert page.scripts == []
    assert re.findall(r"@import|url\((?!#)", text) == []


def test_every_figure_is_there_with_its_caption_and_files(text, directory):
    page = Page(text)
    assert page.figures == list(FIGURES)
    assert page.drawings == len(FIGURES)
    assert len(page.captions) == len(FIGURES)
    for caption in page.captions:
        assert "n: " in caption and "Synthetic CPU" in caption and "forkcost-run" in caption
    for stem in FIGURES:
        assert (directory / "figures" / f"{stem}.svg").stat().st_size > 5000
        picture = (directory / "figures" / f"{stem}.png").read_bytes()
        assert picture[:4] == b"\x89PNG" and picture[25] == 3  # of a palette


def test_ids_are_unique(text):
    ids = Page(text).ids
    assert len(ids) == len(set(ids))


def test_nothing_is_left_beside_the_report(directory):
    assert sorted(p.name for p in directory.iterdir()) == ["figures", "index.html"]


def test_the_answers_are_computed_from_the_run(full):
    which, blocked, afterwards, trust = answers.answers(full)
    assert which.short == "Use posix_spawn."
    assert re.search(rf"At 1{NBSP}GiB .* with fork 1[34]\.\d{NBSP}ms \(1\d\.\d×\)", which.more)
    assert re.match(r"1[23]\.\d ms per resident GiB \(95% 1\d\.\d–1\d\.\d\)", blocked.short)
    assert f"passes 1{NBSP}ms at 7" in blocked.more
    assert afterwards.short.startswith(f"2.1{NBSP}µs for the first write")
    assert trust.short == "Nothing failed; 1 warning."
    assert "144 of 144 cases verified, 0 failed, 1 skipped. 5 rounds per case" in trust.more


@pytest.mark.parametrize("medians, expected", [
    ({"fork": 8580, "vfork": 60, "posix_spawn": 97}, "posix_spawn"),
    ({"fork": 190, "vfork": 60, "posix_spawn": 97}, "vfork"),
    ({"fork": 190, "vfork": 180, "posix_spawn": 185}, "fork"),
    ({"fork": 190, "system": 600}, "fork"),
    ({"fork": 8580, "vfork": 60}, "vfork"),
])
def test_the_recommended_call(medians, expected):
    assert answers._recommended(pd.Series(medians)) == expected


def test_the_image_is_named_and_dynamic_where_it_is_measured_as_widely(full, made):
    assert "(image dynamic)" in answers.which_call(full).more
    assert choose.spawns(full).fixed["image"] == "dynamic"
    maker = synthetic.Maker(rounds=3, samples=5)
    maker.spawn(images=("nolibc",)).spawn(paths=("fork", "vfork"), images=("dynamic",))
    assert "(image nolibc)" in answers.which_call(made(maker)).more


def test_the_phases_keep_the_image_that_stamps_its_start(full):
    drawing = phases.draw(full)
    assert "image nolibc" in drawing.basis
    common.plt.close(drawing.figure)


def test_from_which_size_on_the_recommended_call_is_better(made):
    def more(heaps, slow=()):
        maker = synthetic.Maker(rounds=3, samples=5, noise=0.003)
        maker.spawn(("fork", "vfork"), {k: synthetic.HEAPS[k] for k in heaps}, ("nolibc",))
        for entry in maker.benchmarks:
            if entry["axes"]["path"] == "vfork" and entry["axes"]["heap"] in slow:
                q = entry["quantities"]["main_start_ns"]
                q["samples"] = [3e6 for _ in q["samples"]]
        return answers.which_call(made(maker)).more
    assert more(["256MiB", "1GiB"]).startswith("At every size measured. ")
    assert more(["0", "16MiB", "1GiB"], ["0"]).startswith(
        f"From 16{NBSP}MiB on; below that, fork is as fast. ")
    assert more(["0", "16MiB", "64MiB", "1GiB"], ["0", "64MiB"]).startswith(
        f"From 1{NBSP}GiB on; below that, fork is as fast at some sizes. ")
    assert more(["1GiB"]).startswith("No other size was measured with both. ")


def test_a_call_that_is_only_just_recommended(made):
    """posix_spawn, nine tenths of what vfork saves, need not itself be 10% faster than fork."""
    maker = synthetic.Maker(rounds=3, samples=5)
    maker.spawn(("fork", "vfork", "posix_spawn"), {"0": 0, "16MiB": 2**24}, ("nolibc",))
    for entry in maker.benchmarks:
        q = entry["quantities"]["main_start_ns"]
        q["samples"] = [{"fork": 111e3, "vfork": 100e3, "posix_spawn": 101e3}[
            entry["axes"]["path"]]] * 5
    answer = answers.which_call(made(maker))
    assert answer.short == "Use posix_spawn."
    assert answer.more.startswith(f"From 16{NBSP}MiB on; below that, fork is as fast.")


def test_where_the_line_breaks_the_headline_is_what_was_measured(made):
    maker = synthetic.Maker(rounds=3, noise=0.003).fork(paths=("fork",), backings=("4k",))
    for entry in maker.benchmarks:
        if entry["axes"]["heap"] == "1GiB":
            q = entry["quantities"]["blocked_ns"]
            q["samples"] = [2 * v for v in q["samples"]]
    answer = answers.how_long(made(maker))
    assert re.fullmatch(rf"2[56]\.\d{NBSP}ms at 1{NBSP}GiB\.", answer.short)
    assert f"median {answer.short.split(' at ')[0]}," in answer.more
    assert re.search(r"\d ms per resident GiB \(95% .*\), but .*not one straight line", answer.more)
    assert "It passes" not in answer.more


def test_p99_of_few_samples_is_called_the_maximum(full, made):
    note = "Of fewer than 100 samples p99 is the maximum."
    few = made(synthetic.Maker(rounds=3, samples=33).fork())
    assert ", max " in answers.how_long(few).more and "p99" not in answers.how_long(few).more
    assert all(note in s.note for s in answers.summaries(few))
    assert ", p99 " in answers.how_long(full).more  # of 100
    assert not any(note in s.note for s in answers.summaries(full))


def test_base_pages_of_another_size(tmp_path):
    text = json.dumps(synthetic.Maker(rounds=3, samples=5).fork().cow().document())
    text = text.replace("backing:4k", "backing:16k").replace('"4k"', '"16k"')
    document = json.loads(text)
    document["context"]["forkcost"]["environment"]["machine"]["page_size"] = 16384
    run = load([write(document, tmp_path / "run.json")])
    _, blocked, afterwards, _ = answers.answers(run)
    assert re.match(r"1[23]\.\d ms per resident GiB", blocked.short)
    assert afterwards.short.startswith(f"2.1{NBSP}µs for the first write")
    assert bill.bill(run).base == "16k"


def test_vfork_is_not_praised_for_blocked_time_alone(made):
    run = made(synthetic.Maker().fork())
    assert answers.which_call(run).short == "This run cannot say."


def test_fork_is_recommended_where_nothing_beats_it(made):
    run = made(synthetic.Maker(rounds=3).spawn(paths=("fork", "system"), heaps={"0": 0}))
    assert answers.which_call(run).short.startswith("No call is faster than fork in an empty parent")


ONLY = {
    "fork": (lambda m: m.fork(), {"blocked", "tails"}),
    "one size": (lambda m: m.fork(heaps={"256MiB": 256 * synthetic.MIB}), {"blocked", "tails"}),
    "empty only": (lambda m: m.fork(heaps={"0": 0}), {"blocked", "tails"}),
    "without fork": (lambda m: m.fork(paths=("vfork",)), {"blocked", "tails"}),
    "spawn": (lambda m: m.spawn(paths=("fork", "vfork")), {"spawn", "phases", "tails"}),
    "cow": (lambda m: m.cow(), {"touches"}),
    "reference cases": (lambda m: m.reference_cases(), {"touches"}),
    "fork, cow": (lambda m: m.fork(paths=("fork",)).cow(), {"blocked", "tails", "touches", "bill"}),
    "huge pages only": (lambda m: m.huge("cow", {
        "writer": "parent", "state": "first", "access": "write", "heap": "64MiB",
        "backing": "thp"}, 210e3, 2**26), set()),
    "harness": (lambda m: m.harness(), set()),
}


@pytest.mark.parametrize("what", ONLY)
def test_a_run_with_only_some_benchmarks(what, made, tmp_path):
    build, expected = ONLY[what]
    maker = synthetic.Maker(rounds=3, samples=5)
    build(maker)
    text = made_page(made(maker), tmp_path / "report")
    page = Page(text)
    assert {p.stem for p in (tmp_path / "report" / "figures").glob("*.svg")} == expected
    absent = text.count('<dd>this run has') + sum("No figure:" in c for c in page.captions)
    assert absent == len(FIGURES) - len(expected)
    words = re.sub(r"<svg.*?</svg>", "", text, flags=re.S)
    assert not re.search(r"\bnan\b|\bNone\b|\binf\b", words)


def test_a_single_round_has_no_intervals_but_a_report(made, tmp_path):
    run = made(synthetic.Maker(rounds=1, samples=3).fork().spawn(paths=("fork", "vfork")))
    text = made_page(run, tmp_path / "report")
    assert "too few rounds for intervals" in text
    assert "(95% " not in answers.how_long(run).short


def test_figures_of_an_older_report_do_not_stay(made, tmp_path):
    maker = synthetic.Maker(rounds=1, samples=3)
    report.write(made(maker.spawn(paths=("fork", "vfork"))), tmp_path / "report")
    report.write(made(synthetic.Maker(rounds=1, samples=3).fork()), tmp_path / "report")
    assert not (tmp_path / "report" / "figures" / "phases.svg").exists()


def test_cases_have_a_title_with_the_name_in_small(whole, text):
    name = next(name for name, case in whole.cases.items() if name.startswith("fork/") and case.counters)
    called = f"{titles.case(name)} <small><code>{name}</code></small>"
    assert titles.case(name) != name
    assert f'<th colspan="9" scope="rowgroup">{called}</th>' in text
    assert '<th scope="row">caller blocked <code>blocked_ns</code></th>' in text
    assert f"<summary>{called}</summary>" in text  # its counters and functions
    assert re.search(r"<dt>[^<]+ <small><code>[a-z-]+/[^<]+</code></small></dt><dd>", text)  # skipped


def test_the_interval_of_bytes_has_their_unit(text):
    row = re.search(r"<code>private_dirty_bytes</code></th>(.*?)</tr>", text)
    assert re.search(rf"<td>[\d.]+–[\d.]+{NBSP}(KiB|MiB)</td>$", row[1])


def test_hostile_names_are_text(made, tmp_path):
    document = synthetic.Maker(rounds=3, samples=5).fork(paths=("fork",)).document()
    for entry in document["benchmarks"]:
        entry["axes"]["path"] = "<script>alert('$x^')</script>"
        entry["name"] = entry["name"].replace("path:fork", "path:<script>alert(1)</script>")
    document["context"]["forkcost"]["warnings"][0]["message"] = "<img src=x onerror=alert(1)>"
    document["context"]["forkcost"]["run"]["command"] = ["<iframe src='http://example.org'>"]
    page = Page(made_page(load([write(document, tmp_path / "run.json")]), tmp_path / "report"))
    assert page.scripts == []
    assert [load for load in page.loads if not load.startswith("#")] == []


def test_failed_cases_are_shown_with_their_reason(made, tmp_path):
    run = made(synthetic.Maker(rounds=3, samples=5).fork(paths=("fork",)).failed())
    assert "Failed: 1 case" in made_page(run, tmp_path / "report")
    assert answers.trust(run).short == "With care: 1 failed."


def test_a_case_that_failed_in_one_round_only(made, tmp_path):
    maker = synthetic.Maker(rounds=3, samples=5)
    maker.fork(paths=("fork",), heaps={"0": 0, "1GiB": 2**30})
    failed = maker.benchmarks.pop()
    maker.unmeasured.append({k: failed[k] for k in ("name", "benchmark", "axes")} | {
        "repetition_index": 2, "outcome": {"status": "failed", "reason": "it was gone"}})
    text = made_page(made(maker), tmp_path / "report")
    assert "it was gone (1 round)" in text
    assert "In 2 other rounds it was measured" in text
    assert "too few rounds for intervals (1 case)" in text


@pytest.mark.parametrize("file", [SCHEMA_1, SCHEMA_2])
def test_the_settings_name_the_estimator_of_each_quantity(file):
    run = load([file])
    shown = dict(dict(report._settings(run))["estimators"])
    assert shown["total_ns"] == "p25" and shown["blocked_ns"] == "p50"
    assert set(shown) == {q for case in run.cases.values() for q in case.quantities}


def test_a_run_without_figures_has_no_report(made, tmp_path):
    with pytest.raises(NoAnswer, match="1 skipped"):
        report.write(made(synthetic.Maker().skipped()), tmp_path / "report")
    assert not (tmp_path / "report").exists()


def test_the_phases_add_up_to_the_total(full):
    for path in ("fork", "posix_spawn"):
        (case,) = (c for name, c in full.cases.items() if name.startswith(
            f"spawn/path:{path}/image:nolibc/heap:256MiB"))
        cut = phases.cut(case)
        assert sum(ns for ns, _ in cut.parts.values()) + cut.rest == pytest.approx(cut.total)
        assert cut.total == pytest.approx(case.quantities["total_ns"].quantile(0.5), rel=0.02)
    assert cut.parts["image"][1], "posix_spawn's image phase holds its unstamped exec"


def test_phases_where_cpu_time_and_stamps_take_turns(made):
    maker = synthetic.Maker(rounds=3).spawn(paths=("vfork",), heaps={"0": 0}, images=("nolibc",))
    for entry in maker.benchmarks:
        for name, q in entry["quantities"].items():
            turn = 0 if name == "blocked_cpu_ns" else 1
            q["samples"] = [v if i % 2 == turn else None for i, v in enumerate(q["samples"])]
            q["n"] = 10
    run = made(maker)
    cut = phases.cut(next(iter(run.cases.values())))
    assert len(cut.parts) == 5 and cut.rest == pytest.approx(0, abs=1)
    assert 200e3 < cut.blocked < 350e3
    assert set(run.table.n) == {30}


def test_what_no_stamp_explains_is_shown(made):
    maker = synthetic.Maker(rounds=3).spawn(paths=("fork",), heaps={"0": 0}, images=("nolibc",))
    for entry in maker.benchmarks:
        for gone in ("teardown_ns", "main_start_ns"):
            del entry["quantities"][gone]
    case = next(iter(made(maker).cases.values()))
    cut = phases.cut(case)
    assert cut.rest > 70e3
    assert sum(ns for ns, _ in cut.parts.values()) + cut.rest == pytest.approx(cut.total)


def test_the_bill(full):
    found = bill.bill(full)
    pages = 256 * synthetic.MIB / 4096
    assert found.fork[1] == pytest.approx(47e3 + 13e6 / 4, rel=0.03)
    assert found.debt[1] == pytest.approx(pages * 2100 * 1.6, rel=0.05)
    assert found.copy == pytest.approx(pages * 260, rel=0.05)
    share = found.crossing(found.fresh)
    assert found.fork[1] + share * found.debt[1] == pytest.approx(found.fresh)
    assert found.crossing(found.debt[1] * 9) is None


def test_the_bill_says_what_is_added_and_scaled(full, made):
    def basis(run):
        drawing = bill.draw(run)
        common.plt.close(drawing.figure)
        return drawing.basis
    assert "band: p10s and p90s added" in basis(full)
    assert "at once, into fresh memory: first touch and copy, added" in basis(full)
    assert "scaled" not in basis(full)
    maker = synthetic.Maker(rounds=3, samples=5).fork(paths=("fork",)).cow()
    assert "at once" not in basis(made(maker))
    assert f"; at once: scaled from 64{NBSP}MiB" in basis(made(maker.reference_cases("64MiB")))


def test_a_fault_for_many_touches_is_said_and_not_drawn(full, made, text):
    said = rf"one fault for many touches costs 9\d\.\d{NBSP}µs \(fresh memory, thp\)"
    drawing = touches.draw(full)
    common.plt.close(drawing.figure)
    assert re.search(said, drawing.basis)
    assert re.search(f"With huge pages {said}", answers.afterwards(full).more)
    assert "<code>fault_ns</code>" in text
    maker = synthetic.Maker(rounds=3, samples=5)
    maker.huge("first-touch", {"heap": "64MiB", "backing": "thp"}, 95e3, 2**26)
    run = made(maker)
    assert re.search(said, touches.draw(run)) and re.search(said, answers.afterwards(run).more)


def test_not_all_checks_are_said_to_be_made_before_timing(text):
    assert "before timing held" not in text
    assert "copy-on-write in the first sample, which is not reported" in text


def test_the_report_of_the_reference_run(reference, tmp_path):
    text = made_page(load([reference]), tmp_path / "report")
    assert "This run cannot say" not in text
    assert "No figure:" not in text


def test_a_path_with_a_placement_of_its_own_is_shown_and_said(tmp_path):
    """Else the fork server, which is measured beside its client, would vanish from every figure."""
    run = load([write(synthetic.Maker().spawn().document(), tmp_path / "run.json")])
    spawns = choose.spawns(run)
    assert "fork-server" in spawns.paths and "fork" in spawns.paths
    assert "placement same-cpu (fork-server: other-cpu)" in spawns.says()


def test_several_processes_make_the_same_report(whole, tmp_path, monkeypatch):
    found = []
    for cpus in (1, 3):
        monkeypatch.setattr(processes, "cpus", lambda: cpus)
        directory = tmp_path / str(cpus)
        report.write(whole, directory)
        found.append({path.relative_to(directory): path.read_bytes()
                      for path in directory.rglob("*") if path.is_file()})
    assert len(found[0]) == 1 + 2 * len(FIGURES) and found[0] == found[1]


def test_a_fault_in_a_figure_names_its_module_whichever_process_draws_it(whole, tmp_path,
                                                                         monkeypatch):
    def draw(run):
        raise ZeroDivisionError

    monkeypatch.setattr(processes, "cpus", lambda: 3)
    for stem in FIGURES:
        monkeypatch.setitem(FIGURES, stem, (stem, draw))
    with pytest.raises(ZeroDivisionError) as caught:
        report.write(whole, tmp_path / "report")
    assert caught.traceback[-1].name == "draw"
    assert list((tmp_path / "report").iterdir()) == []
