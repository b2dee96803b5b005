"""What people read, whole, as it was when somebody last read it in review. After an intended change
GOLDEN=write makes golden/ anew (CONTRIBUTING.md), and its diff is what is to be reviewed. Figures are
drawn as paths, so of a page only its text is here."""

import os
import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

import synthetic
import synthetic_claims
import synthetic_counts
from conftest import write
from forkcost import __version__, claims, report
from forkcost.claims import formats as claim_formats
from forkcost.compare import engine, formats, sides, thresholds
from forkcost.compare.result import VERDICTS
from forkcost.load import load
from forkcost.units import NBSP

GOLDEN = Path(__file__).parent / "golden"
_BLOCKS = {"title", "h1", "h2", "h3", "p", "li", "dt", "dd", "tr", "figcaption", "summary", "header"}


class _Text(HTMLParser):
    """A line per block and row, the cells of a row between bars. Of what is folded only its summary: it
    is the data in full."""

    def __init__(self, page):
        super().__init__()
        self.parts, self._hidden, self._folded, self._summary = [], 0, 0, False
        self.feed(page)

    @property
    def _shown(self):
        return not self._hidden and (not self._folded or (self._folded == 1 and self._summary))

    def handle_starttag(self, tag, attributes):
        self._hidden += tag in ("style", "svg")
        self._folded += tag == "details"
        self._summary |= tag == "summary"
        if not self._shown:
            return
        if tag in _BLOCKS:
            self.parts.append("\n")
        elif tag in ("td", "th"):
            self.parts.append(" | ")

    def handle_endtag(self, tag):
        self._hidden -= tag in ("style", "svg")
        self._folded -= tag == "details"
        self._summary &= tag != "summary"

    def handle_data(self, data):
        if self._shown:
            self.parts.append(data.replace("\n", " "))


def text_of(page):
    lines = (re.sub(" +", " ", line).strip() for line in "".join(_Text(page).parts).split("\n"))
    text = "\n".join(line for line in lines if line) + "\n"
    return text.replace(f"forkcost {__version__}", "forkcost VERSION")


def _slow(entry, change):
    """Its times, its instructions, and the samples of the function that copies page tables."""
    events = entry["counters"]["events"]["instructions:k"]
    for found in (*entry["quantities"].values(), events["parent"], events["family"]):
        found["samples"] = [value * change for value in found["samples"]]
        found |= {key: found[key] * change for key in ("min", "p50", "p90", "p99", "max", "mean")}
    for function in entry["profile"]["functions"]:
        if function["name"] == "copy_page_range":
            added = int(function["samples"] * 3 * (change - 1))
            function["samples"] += added
            entry["profile"]["samples"] += added


@pytest.fixture(scope="module")
def comparison(tmp_path_factory):
    """Each verdict, slopes, counters and functions that moved, settings that differ."""
    def side(seed, change, faults):
        heaps = {"16MiB": 2**24, "64MiB": 2**26, "256MiB": 2**28}
        maker = synthetic.Maker(seed, rounds=6, noise=0.01).fork(("fork", "vfork"), heaps, ("4k",))
        maker.spawn(("fork", "posix_spawn"), heaps, ("nolibc",))
        maker.case("cow", {"writer": "parent", "state": "first", "heap": "16MiB"}, [
            {"debt_ns": maker.around(8e6), "faults": np.full(5, faults)}
            for _ in range(maker.rounds)], "debt_ns", heap_bytes=2**24)
        synthetic_counts.everything(maker)
        # Better by a third; and moved, by less than rounds differ among themselves.
        for image, ns, noise in (("nolibc", 2e5 / change**4, 0.002), ("memfd", 2e5 * change, 0.15)):
            maker.noise = noise
            maker.case("exec", {"image": image, "heap": "0"}, [
                {"total_ns": maker.around(ns)} for _ in range(maker.rounds)], "total_ns", heap_bytes=0)
        maker.noise = 0.01
        for entry in maker.benchmarks:
            if entry["benchmark"] == "fork" and entry["axes"]["path"] == "fork":
                _slow(entry, change)
        return maker

    base, new = side(1, 1.0, 4096), side(2, 1.12, 4097)
    base.case("exec", {"image": "static", "heap": "0"}, [{"total_ns": base.around(3e5)}] * 6,
              "total_ns", heap_bytes=0)
    new.case("exec", {"image": "dynamic", "heap": "0"}, [{"total_ns": new.around(6e5)}] * 6,
             "total_ns", heap_bytes=0)
    new.failed()
    documents = base.document(), new.document()
    documents[1]["context"]["forkcost"]["environment"]["memory"]["thp_enabled"] = "always"
    directory = tmp_path_factory.mktemp("golden")
    synthetic.noise(directory, 1e-4, 0.01)
    made = [sides.read(label, [write(document, directory / f"{label}.json")])
            for label, document in zip(("6.1", "6.12"), documents)]
    return engine.compare(*made, thresholds.read(None, 0.05), explained=True)


def is_golden(name, text):
    path = GOLDEN / name
    if os.environ.get("GOLDEN") == "write":
        path.write_text(text, encoding="utf-8")
    assert text.splitlines() == path.read_text(encoding="utf-8").splitlines()


COMPARISONS = {"text": "compare.txt", "details": "compare-details.txt", "markdown": "compare.md", "github": "compare.github",
               "ktap": "compare.ktap", "junit": "compare.junit.xml"}


@pytest.mark.parametrize("form", COMPARISONS)
def test_a_comparison(form, comparison):
    is_golden(COMPARISONS[form], formats.document(form, [comparison]))


def test_the_comparison_has_every_verdict(comparison):
    assert {row.change.verdict for row in comparison.rows} == set(VERDICTS)


def test_the_page_of_a_comparison(comparison):
    is_golden("compare-page.txt", text_of(formats.document("html", [comparison])))


def test_the_report(whole, tmp_path):
    page = report.write(whole, tmp_path / "report").read_text(encoding="utf-8")
    is_golden("report.txt", text_of(page).replace(NBSP, " "))


@pytest.mark.parametrize("form", ["text", "ktap"])
def test_the_claims(form, tmp_path):
    maker = synthetic_claims.world(synthetic.Maker(rounds=5, samples=5, noise=0.01))
    judged = claims.judge(load([write(maker.document(), tmp_path / "run.json")]))
    is_golden(f"claims.{'txt' if form == 'text' else form}", claim_formats.made(judged, form))


def test_no_golden_file_is_left_over():
    known = {*COMPARISONS.values(), "compare-page.txt", "report.txt", "claims.txt", "claims.ktap"}
    assert {path.name for path in GOLDEN.iterdir()} == known
