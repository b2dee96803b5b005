"""The outputs of a comparison, each read by a program that others use for that format where one is
to be had, else by its rules written down here."""

import json
import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pytest
from rich.cells import cell_len

from forkcost import units
from forkcost.compare import formats, phrases
from forkcost.compare.formats import markdown
from forkcost.compare.result import (
    FAILED, FASTER, GONE, MEANINGLESS, NEW, NOTE, SAME, SLOWER, UNCLEAR, VERDICTS, WARNING, Cause,
    Change, Comparison, Difference, Family, Row, Side)
from test_claims import ktap as read_ktap

ODD = 'odd/a|b:<b>&"\'`x`\n# SKIP %0A,::@you $x$ \x1b\ud800]]> end'


def change(verdict, base=100e3, ratio=1.0, width=0.02, unit="ns", **more):
    interval = None if width is None else (ratio - width, ratio + width)
    return Change(base, base * ratio, unit, "median", ratio, interval, 0.01, 0.05, verdict, **more)


def row(case, quantity, of, family=None, heap=None):
    return Row(case, quantity, {}, heap, of, (5, 6), (of.base, of.new), family)


def side(label):
    return Side(label, (Path(f"{label}.json"),), f"Linux of {label}, some CPU, forkcost 1.0")


NOTHING = Change(None, None, "ns", "median", None, None, None, 0.05, NEW)


def family(verdict, ratio, key="fork, 4k", quantity="blocked_ns"):
    sizes = [2**20, 2**24, 2**28, 2**30]
    rows = tuple(row(f"fork/path:{key}/heap:{units.size(s)}", quantity,
                     change(verdict, 40e3 + s / 200, ratio), key, s) for s in sizes)
    return Family(key, quantity, "page", change(verdict, 21.4, ratio, unit="ns per page"),
                  tuple((r.heap_bytes, r.change.base, r.change.new) for r in rows), rows)


@pytest.fixture
def whole():
    """Every verdict, odd texts, absent figures."""
    slope = family(SLOWER, 1.12)
    rows = (
        row("spawn/path:vfork", "main_start_ns", change(SLOWER, ratio=1.30)),
        row("spawn/path:fork", "main_start_ns", change(SLOWER, ratio=1.07)),
        row("exec/image:gone", "", replace(NOTHING, verdict=FAILED, reason="killed | <oom>")),
        row(ODD, "blocked_ns", change(SLOWER, ratio=1.20, reason=ODD)), *slope.rows,
        row("load/libraries:1", "loader_ns", change(FASTER, 2.5e6, 0.5, None)),
        row("cow/writer:child", "touch_ns", change(UNCLEAR, 700, 1.03, 0.06, more_rounds=7,
                                                   detectable=0.08)),
        row("cow/writer:parent", "touch_ns", change(UNCLEAR, 700, 1.03, 0.06, reason="3 rounds")),
        row("fork/heap:0", "blocked_ns", change(SAME, 47e3, 1.002)),
        row("fork/heap:0", "child_minor_faults", change(SAME, 0, 1.0, None, "1", exact=True)),
        row("exec/image:new", "total_ns", replace(NOTHING, new=12e3)),
        row("exec/image:old", "total_ns", replace(NOTHING, base=11e3, verdict=GONE)))
    differences = (Difference("huge pages", "madvise", "always", WARNING),
                   Difference("schema", "1", ODD, MEANINGLESS), Difference("date", "1", "2", NOTE))
    causes = (Cause("fork/heap:0", "counter", "instructions:k", "1", 1e6, 1.2e6, 0.8),
              Cause(ODD, "function", "copy_page_range", "ns", 0, 2e3))
    return Comparison(side("base"), side("new"), "time", differences, rows, (slope,), causes,
                      ("half of the rounds were disturbed",))


@pytest.fixture
def empty():
    return Comparison(side("base"), side("new"), "time", (), (), ())


@pytest.fixture
def exact():
    slope = family(SLOWER, 1.01)
    slope = replace(slope, change=replace(slope.change, exact=True, interval=None, p=None))
    return Comparison(side("6.1"), side("6.12"), "exact", (), (
        row("fork/heap:64MiB", "blocked_cpu_ns",
            change(SLOWER, 2296193, 1.0004, None, exact=True, reason="")),), (slope,))


def made(form, *comparisons, **more):
    text = formats.document(form, list(comparisons), **more)
    text.encode()  # what cannot be written to a file is no output
    return text


# What is said


def test_the_headline_says_the_worst(whole, empty):
    def said(*verdicts, strict=False):
        rows = tuple(row(f"c{n}", "q", change(v)) for n, v in enumerate(verdicts))
        return phrases.verdict(replace(empty, rows=rows), strict)
    assert said(SLOWER, FASTER, UNCLEAR, SAME) == said(FAILED, SAME) == "Regression"
    assert said(UNCLEAR, SAME, FASTER, strict=True).startswith("Unclear, which --strict")
    assert said(SAME, NEW) == "No change found"
    assert said(UNCLEAR, SAME) == "No change found; some cases are unclear"
    assert said(UNCLEAR).startswith("Unclear: no verdict")
    assert said(FASTER, SAME) == "No regression; some cases are faster"
    assert said(NEW, GONE) == said() == phrases.verdict(empty)
    assert said().startswith("Nothing compared")
    assert phrases.verdict(replace(whole, rows=whole.families[0].rows[:0])) == "Regression"
    assert phrases.counts(whole) == ("7 slower, 1 faster, 2 unclear, 2 same, 1 new, 1 gone, 1 failed "
                                   "of 15 quantities of cases; slopes: 1 slower")


def test_what_is_listed_is_the_news_of_the_comparison(whole):
    """The slope stands for its four slower cases; what failed, then the largest change first."""
    assert [phrases.name(item) for item in phrases.listed(whole, SLOWER, FAILED, FASTER)] == [
        "fork, 4k, blocked_ns", "exec/image:gone", "load/libraries:1 loader_ns",
        "spawn/path:vfork main_start_ns", phrases.plain(f"{ODD} blocked_ns"),
        "spawn/path:fork main_start_ns"]
    assert [item.change.verdict for item in phrases.listed(whole, SLOWER)] == [SLOWER] * 4


@pytest.mark.parametrize("ratio, counted, expected", [
    (1.12, False, "+12%"), (0.997, False, "−0.3%"), (1.0001, False, "0.0%"),
    (1.0001, True, "+0.0100%"), (1, True, "0%"), (1.0996, False, "+10%"),
    (27.3, False, "27.3×"), (0.05, False, "0.0500×"),
    (2.7, False, "+170%"), (-5, False, "−5.00×"), (None, False, "–"),
    (float("inf"), False, "–")])
def test_percent(ratio, counted, expected):
    assert phrases.percent(ratio, counted) == expected


def test_a_slope_is_said_by_its_unit(whole):
    assert phrases.said(whole.families[0], "time") == (
        "ns per page 21.4 → 24.0, +12% (95% +10…+14%)")


def test_exact_figures_are_instructions_and_show_small_differences(exact):
    assert phrases.said(exact.rows[0], "exact") == (
        "2,296,193 instructions → 2,297,111 instructions, +0.0400% (exact)")
    assert phrases.said(exact.families[0], "exact") == (
        "instructions per page 21.4 → 21.6, +1.00% (exact)")
    for form in ("markdown", "github", "html"):
        text = made(form, exact)
        assert "executed instructions" in text and "not time" in text
        assert not re.search(r"\d\s(ns|µs|ms)\b", re.sub(r"<svg.*?</svg>", "", text, flags=re.S))


@pytest.mark.parametrize("form", formats.NAMES)
def test_every_format_takes_everything(form, whole, empty, exact):
    for comparisons in ([], [empty], [whole], [whole, empty, exact], [exact]):
        for strict in (False, True):
            made(form, *comparisons, strict=strict)


# Markdown


def rendered(text):
    """As GitHub reads it: CommonMark with tables."""
    parser = pytest.importorskip("markdown_it").MarkdownIt("commonmark").enable("table")
    return parser.render(text)


def tables(html):
    """[[cells as text]] of each table."""
    root = ElementTree.fromstring(f"<x>{html.replace('<br>', '')}</x>")
    return [[["".join(cell.itertext()) for cell in line] for line in table.iter("tr")]
            for table in root.iter("table")]


def test_markdown_is_read_as_it_is_meant(whole):
    html = rendered(made("markdown", whole))
    assert "<h2>forkcost: Regression: base → new</h2>" in html
    differences, slower, faster, unclear, causes = tables(html)
    assert differences[2][2].startswith('odd/a|b:<b>&"')
    assert [line[0] for line in slower[1:4]] == [
        "fork, 4k, blocked_ns (slope over 4 sizes)", "exec/image:gone",
        "spawn/path:vfork main_start_ns"]
    assert slower[1][1:] == ["ns per page 21.4 → 24.0", "+12% (95% +10…+14%)"]
    assert slower[2][2] == "failed: killed | <oom>"
    assert {len(line) for line in slower} == {3}
    assert [line[0].startswith("odd/a|b:<b>&\"'`x` # SKIP") for line in slower].count(True) == 1
    assert faster[1][1:] == [f"2.50{units.NBSP}ms → 1.25{units.NBSP}ms", "−50% (no interval)"]
    assert {line[3] for line in unclear[1:]} == {
        "7 more rounds per side would settle it", "3 rounds; 1,000 more rounds would not settle it"}
    assert len(causes) == 3
    assert html.count("<details>") == html.count("</details>") == 4
    assert "<b>" not in html and "@you" not in re.sub("<code>.*?</code>", "", html, flags=re.S)
    assert "new: <code>exec/image:new total_ns</code>" in html


def test_markdown_is_cut_to_what_github_takes(whole):
    many = tuple(row(f"{ODD} {n}", "é" * 100, change(v, ratio=1.5 - n / 10000, reason="ü" * 5000))
                 for n in range(1000) for v in (SLOWER, UNCLEAR))
    large = replace(whole, rows=many)
    for comparisons in ([large], [large, whole, large]):
        text = made("markdown", *comparisons)
        assert 50_000 < len(text.encode()) < markdown.LIMIT
        html = rendered(text)
        assert html.count("<details>") == html.count("</details>") > 1
        for part in html.split("<h3>Slower or failed</h3>")[1:]:
            part = part.partition("<details>")[0]
            hidden = re.search(r"Not shown: ([\d,]+) of ([\d,]+) regressions", part)
            shown = sum(len(table) - 1 for table in tables(part))
            if hidden:
                said = [int(n.replace(",", "")) for n in hidden.groups()]
                assert said[1] in (1001, 5) and said == [said[1] - shown, said[1]]
            assert shown == 5 or hidden
    assert "Not shown" not in made("markdown", whole)


@pytest.mark.parametrize("word", ["long ", "長い"])
def test_text_is_a_screen_whatever_there_is_to_say(whole, word):
    lengthy = word * 60
    full = replace(
        whole, base=replace(whole.base, label=lengthy), new=replace(whole.new, label=lengthy),
        differences=tuple(replace(whole.differences[0], what=f"{n} {lengthy}") for n in range(9)),
        warnings=(lengthy,) * 9, meanwhile=tuple((f"{n} {lengthy}", 1.1) for n in range(9)),
        common=replace(whole.rows[0].change, verdict=SLOWER, raw=1.2), noise=lengthy)
    lines = made("text", full).splitlines()
    assert len(lines) <= 25 and max(map(cell_len, lines)) <= 100
    assert any(line.startswith("slower") for line in lines)


# JUnit


def test_junit(whole, empty):
    root = ElementTree.fromstring(made("junit", whole, empty).encode())
    assert root.tag == "testsuites" and [s.tag for s in root] == ["testsuite"] * 2
    assert root.get("tests") == "16" and root.get("failures") == "9" and root.get("errors") == "0"
    suite = root[0]
    assert {k: suite.get(k) for k in ("tests", "failures", "skipped", "errors", "time")} == {
        "tests": "16", "failures": "9", "skipped": "4", "errors": "0", "time": "0"}
    cases = list(suite.iter("testcase"))
    assert len({(c.get("classname"), c.get("name")) for c in cases}) == len(cases) == 16
    by_name = {c.get("name"): c for c in cases}
    slope = by_name["fork, 4k, blocked_ns"]
    assert slope.get("classname") == "fork" and slope.get("time") == "0"
    assert slope.find("failure").get("message") == (
        "slower: ns per page 21.4 → 24.0, +12% (95% +10…+14%)")
    assert by_name["exec/image:gone"].find("failure").get("type") == FAILED
    assert "7 more rounds" in by_name["cow/writer:child touch_ns"].find("skipped").get("message")
    assert "smallest slowdown that these rounds detect (power 80%): 8.0%" in by_name[
        "cow/writer:child touch_ns"].find("system-out").text
    assert by_name["exec/image:new total_ns"].find("skipped") is not None
    assert [e.tag for e in by_name["fork/heap:0 blocked_ns"]] == ["system-out"]
    strict = ElementTree.fromstring(made("junit", whole, strict=True).encode())[0]
    assert strict.get("failures") == "12" and strict.get("skipped") == "1"  # a case of the core is gone


def test_junit_is_read_by_junitparser(whole, exact, tmp_path):
    junitparser = pytest.importorskip("junitparser")
    path = tmp_path / "junit.xml"
    path.write_text(made("junit", whole, exact), encoding="utf-8")
    first, second = junitparser.JUnitXml.fromfile(str(path))
    assert (first.tests, first.failures, first.skipped, first.errors) == (16, 9, 4, 0)
    assert second.name == "forkcost compare 6.1 → 6.12"
    failed = [c.name for c in first if any(isinstance(r, junitparser.Failure) for r in c.result)]
    assert len(failed) == 9 and "spawn/path:vfork main_start_ns" in failed


# KTAP


def test_ktap(whole, exact):
    results = read_ktap(made("ktap", whole))
    assert [ok for ok, *_ in results].count(False) == 9
    assert len([r for r in results if r[3] == "SKIP"]) == 4
    assert results[0] == (False, 1, "fork, 4k, blocked_ns", None, None)
    assert [ok for ok, *_ in read_ktap(made("ktap", whole, strict=True))].count(False) == 12
    assert [name for _, _, name, *_ in read_ktap(made("ktap", whole, exact))][-1] == (
        "6.12: fork/heap:64MiB blocked_cpu_ns")
    assert ("# fork, 4k, blocked_ns: slower: ns per page 21.4 → 24.0, +12% (95% +10…+14%)"
            in made("ktap", whole).splitlines())


READER = """
use TAP::Parser;
my $parser = TAP::Parser->new({source => $ARGV[0]});
while (my $result = $parser->next) {}
print join(" ", scalar($parser->passed), scalar($parser->failed), scalar($parser->skipped),
           scalar($parser->parse_errors)), "\\n";
"""


def test_ktap_is_read_by_perl(whole, tmp_path):
    if not shutil.which("perl") or subprocess.run(["perl", "-MTAP::Parser", "-e1"], check=False,
                                                  capture_output=True).returncode:
        pytest.skip("no perl with TAP::Parser")
    path = tmp_path / "made.tap"
    path.write_text(made("ktap", whole), encoding="utf-8")
    read = subprocess.run(["perl", "-e", READER, path], check=True, capture_output=True, text=True)
    assert read.stdout == "7 9 4 0\n"  # a skipped one is a passed one there


# Bencher Metric Format


def test_bmf_is_of_its_schema(whole, exact):
    """bencher.dev/bmf.json: two levels of objects, a number `value`, two optional numbers."""
    found = json.loads(made("bmf", whole))
    for benchmark, measures in found.items():
        assert 0 < len(benchmark) <= 1024 and measures
        for measure, metric in measures.items():
            assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", measure) and len(measure) <= 64
            assert {"value"} <= set(metric) <= {"value", "lower_value", "upper_value"}
            assert all(type(x) in (int, float) for x in metric.values())
            assert len(metric) in (1, 3)
            assert len(metric) == 1 or (
                metric["lower_value"] <= metric["value"] <= metric["upper_value"])
    assert found["spawn/path:vfork"]["main-start-ns"]["value"] == pytest.approx(130e3)
    assert found["spawn/path:vfork"]["main-start-ns"]["upper_value"] == pytest.approx(132e3)
    assert found["load/libraries:1"] == {"loader-ns": {"value": 1.25e6}}
    assert set(found["fork/heap:0"]) == {"blocked-ns", "child-minor-faults"}
    assert found["exec/image:new"] == {"total-ns": {"value": 12e3}}
    assert found["fork, 4k"]["blocked-ns-per-page"]["value"] == pytest.approx(24, abs=0.1)
    assert "exec/image:old" not in found and "exec/image:gone" not in found
    both = json.loads(made("bmf", whole, exact))
    assert "blocked-cpu-instructions" in both["6.12: fork/heap:64MiB"]
    assert "new: spawn/path:vfork" in both


def test_bmf_takes_a_case_without_a_name(empty):
    found = json.loads(made("bmf", replace(empty, rows=(row("", "total_ns", change(SAME)),))))
    assert found == {"case": {"total-ns": {"value": pytest.approx(100e3), "lower_value": 98e3,
                                           "upper_value": 102e3}}}


# GitHub


def annotations(text):
    """[(level, properties, message)] as GitHub's runner decodes them."""
    def decoded(part, *codes):
        for code, char in (*codes, ("%0D", "\r"), ("%0A", "\n"), ("%25", "%")):
            part = part.replace(code, char)
        return part
    found = []
    for line in text.splitlines():
        match = re.fullmatch(r"::(error|warning|notice) ([^:]*)::(.*)", line)
        assert match, line
        assert all(re.match("%(25|0D|0A|3A|2C)", part) for part in re.findall("%.{0,2}", line))
        properties = dict(p.split("=", 1) for p in match[2].split(","))
        found.append((match[1], {k: decoded(v, ("%3A", ":"), ("%2C", ","))
                                 for k, v in properties.items()}, decoded(match[3])))
    return found


def test_github(whole):
    found = annotations(made("github", whole))
    assert [level for level, *_ in found] == ["notice"] + ["error"] * 5 + ["notice"]
    assert found[0][2].startswith("Regression: 7 slower, 1 faster, ")
    assert found[1][1:] == ({"title": "slower: fork, 4k, blocked_ns"},
                            "ns per page 21.4 → 24.0, +12% (95% +10…+14%)\nbase → new")
    assert {"title": f"slower: {phrases.plain(ODD)} blocked_ns"} in [p for _, p, _ in found]
    assert found[-1][1] == {"title": "faster: load/libraries:1 loader_ns"}
    assert "%25" in made("github", whole) and "%0A" in made("github", whole)
    strict = annotations(made("github", whole, strict=True))
    assert [level for level, *_ in strict].count("warning") == 2


def test_github_shows_ten_of_a_level_and_we_say_how_many_more(whole):
    rows = tuple(row(f"c{n}", "q", change(v, ratio=2 - n / 100)) for n in range(25)
                 for v in (SLOWER, FASTER))
    found = annotations(made("github", replace(whole, rows=rows, families=())))
    levels = [level for level, *_ in found]
    assert levels.count("error") == levels.count("notice") == 10
    assert found[1][1]["title"] == "slower: c0 q"
    assert found[10][2].startswith("16 more") and found[19][2].startswith("17 more")


def test_all_verdicts_are_in_the_test_data(whole):
    assert {r.change.verdict for r in whole.rows} == set(VERDICTS)
