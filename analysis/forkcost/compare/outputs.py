"""What a comparison is written as. Every format is a function of a list of Comparison (several: N
ways), and of `strict`: an unclear change counts as a regression."""

import json
import math
import re
from xml.etree import ElementTree

from forkcost import ktap as kernel_tap
from forkcost.compare import words
from forkcost.compare.as_json import as_json
from forkcost.compare.markdown import document as markdown
from forkcost.compare.result import FAILED, FASTER, GONE, NEW, SLOWER, UNCLEAR, Family
from forkcost.compare.text import text

_ANNOTATIONS = 10  # of each level that GitHub shows of one step


def junit(comparisons, strict=False):
    """JUnit XML: a testsuite per comparison, a testcase per slope and per quantity of a case."""
    suites = [_suite(c, strict) for c in comparisons]
    root = ElementTree.Element("testsuites", name="forkcost compare", time="0", **{
        key: str(sum(int(s.get(key)) for s in suites)) for key in ("tests", "failures", "errors")})
    root.extend(suites)
    ElementTree.indent(root)
    return ('<?xml version="1.0" encoding="UTF-8"?>\n'
            + ElementTree.tostring(root, encoding="unicode") + "\n")


def _suite(c, strict):
    suite = ElementTree.Element("testsuite", name=f"forkcost compare {_sides(c)}")
    properties = ElementTree.SubElement(suite, "properties")
    for key, value in (("mode", c.mode), ("base", c.base.says), ("new", c.new.says),
                       *((f"difference: {d.what}", f"{d.base} → {d.new}: {d.severity}")
                         for d in c.differences)):
        ElementTree.SubElement(properties, "property", name=words.plain(key),
                               value=words.plain(value))
    for item in (*c.families, *c.rows):
        suite.append(_test(item, c.mode, strict))
    for key, tag in (("tests", "testcase"), ("failures", "failure"), ("errors", "error"),
                     ("skipped", "skipped")):
        suite.set(key, str(len(list(suite.iter(tag)))))
    suite.set("time", "0")
    return suite


def _test(item, mode, strict):
    test = ElementTree.Element("testcase", classname=words.benchmark(item), name=words.name(item),
                               time="0")
    verdict = item.change.verdict
    message = f"{verdict}: {words.said(item, mode)}"
    if _bad(verdict, strict):
        ElementTree.SubElement(test, "failure", type=verdict, message=message)
    elif verdict in (UNCLEAR, NEW, GONE):
        ElementTree.SubElement(test, "skipped", message=message)
    out = ElementTree.SubElement(test, "system-out")
    out.text = "\n".join(f"{word}: {text}" for word, text in words.details(item, mode))
    return test


def _bad(verdict, strict):
    return verdict in (SLOWER, FAILED) or (strict and verdict == UNCLEAR)


def _sides(c):
    return words.plain(f"{c.base.label} → {c.new.label}")


def ktap(comparisons, strict=False):
    """KTAP: a result per slope and per quantity of a case, its figures in a diagnostic line before
    it. Unclear, new and gone are skipped."""
    results = []
    for c in comparisons:
        side = f"{words.plain(c.new.label)}: " if len(comparisons) > 1 else ""
        for item in (*c.families, *c.rows):
            verdict = item.change.verdict
            said = f"{verdict}: {words.said(item, c.mode)}"
            skipped = verdict in (NEW, GONE) or (verdict == UNCLEAR and not strict)
            results.append(kernel_tap.Result(
                side + words.name(item), not _bad(verdict, strict), () if skipped else (said,),
                said if skipped else None))
    return kernel_tap.document(results)


def bmf(comparisons, strict=False):  # noqa: ARG001: all formats are called alike
    """Bencher Metric Format: the new side's figures, with an interval where there is one. Of N ways
    a benchmark's name begins with its side."""
    made = {}
    for c in comparisons:
        side = f"{words.plain(c.new.label)}: " if len(comparisons) > 1 else ""
        for item in (*c.rows, *c.families):
            if words.known(item.change.new):
                case = words.plain(item.key if isinstance(item, Family) else item.case) or "case"
                made.setdefault(side + case, {})[_measure(item, c.mode)] = _metric(item.change)
    return json.dumps(made, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def _measure(item, mode):
    """A slug of Bencher's. Instructions are another measure than time."""
    quantity = item.quantity
    if mode == "exact" and item.change.unit.startswith("ns"):
        quantity = f"{quantity.removesuffix('ns')}_instructions"
    if per := getattr(item, "per", ""):
        quantity += f"_per_{per}"
    return re.sub("[^a-z0-9]+", "-", quantity.lower()).strip("-")[:64] or "value"


def _metric(change):
    metric = {"value": change.new}
    if change.interval and words.known(change.base) and all(map(math.isfinite, change.interval)):
        metric["lower_value"], metric["upper_value"] = (change.base * x for x in change.interval)
    return metric


def github(comparisons, strict=False):
    """Workflow commands of GitHub Actions, worst first: an error per regression, a notice per
    improvement and for the summary; a warning per unclear change if `strict`."""
    lines = []
    for c in comparisons:
        lines.append(_command("notice", f"forkcost {_sides(c)}",
                              f"{words.verdict(c, strict)}: {words.counts(c)}. "
                              f"{words.MODES.get(c.mode, c.mode)}"))
        for level, verdicts in (("error", (SLOWER, FAILED)),
                                ("warning", (UNCLEAR,) if strict else ()),
                                ("notice", (FASTER,))):
            items = words.listed(c, *verdicts)
            room = _ANNOTATIONS - (level == "notice")  # the summary is one
            shown = items if len(items) <= room else items[:room - 1]
            lines += [_command(level, f"{item.change.verdict}: {words.name(item)}",
                               f"{words.said(item, c.mode)}\n{_sides(c)}") for item in shown]
            if len(shown) < len(items):
                lines.append(_command(level, f"forkcost {_sides(c)}",
                                      f"{len(items) - len(shown)} more like these are not shown"))
    return "".join(lines)


def _command(level, title, message):
    """GitHub's runner decodes just these."""
    def escaped(text):
        return (words.legal(text).replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A"))

    title = escaped(title).replace(":", "%3A").replace(",", "%2C")
    return f"::{level} title={title}::{escaped(message)}\n"


def html(comparisons, strict=False):
    """One page that needs no network and no JavaScript."""
    from forkcost.compare import page  # drawing takes a second to import

    return page.document(comparisons, strict)


FORMATS = {"text": text, "json": as_json, "markdown": markdown, "html": html, "junit": junit,
           "ktap": ktap, "bmf": bmf, "github": github}
