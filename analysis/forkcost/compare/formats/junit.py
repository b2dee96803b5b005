"""JUnit XML: a testsuite per comparison, a testcase per slope and per quantity of a case."""

from xml.etree import ElementTree

from forkcost.compare import phrases
from forkcost.compare.result import GONE, NEW, UNCLEAR, is_bad

ARTIFACT = "compare.junit.xml"


def document(comparisons, strict=False):
    suites = [_suite(c, strict) for c in comparisons]
    root = ElementTree.Element("testsuites", name="forkcost compare", time="0", **{
        key: str(sum(int(s.get(key)) for s in suites)) for key in ("tests", "failures", "errors")})
    root.extend(suites)
    ElementTree.indent(root)
    return ('<?xml version="1.0" encoding="UTF-8"?>\n'
            + ElementTree.tostring(root, encoding="unicode") + "\n")


def _suite(c, strict):
    suite = ElementTree.Element("testsuite", name=f"forkcost compare {phrases.sides(c)}")
    properties = ElementTree.SubElement(suite, "properties")
    for key, value in (("mode", c.mode), ("base", c.base.says), ("new", c.new.says),
                       *((f"difference: {d.what}", f"{d.base} → {d.new}: {d.severity}")
                         for d in c.differences)):
        ElementTree.SubElement(properties, "property", name=phrases.plain(key),
                               value=phrases.plain(value))
    for item in (*c.families, *c.rows):
        suite.append(_test(item, c.mode, strict))
    for key, tag in (("tests", "testcase"), ("failures", "failure"), ("errors", "error"),
                     ("skipped", "skipped")):
        suite.set(key, str(len(list(suite.iter(tag)))))
    suite.set("time", "0")
    return suite


def _test(item, mode, strict):
    test = ElementTree.Element("testcase", classname=phrases.benchmark(item), name=phrases.name(item),
                               time="0")
    verdict = item.change.verdict
    message = f"{verdict}: {phrases.said(item, mode)}"
    if is_bad(item.change, strict):
        ElementTree.SubElement(test, "failure", type=verdict, message=message)
    elif verdict in (UNCLEAR, NEW, GONE):
        ElementTree.SubElement(test, "skipped", message=message)
    out = ElementTree.SubElement(test, "system-out")
    out.text = "\n".join(f"{word}: {text}" for word, text in phrases.details(item, mode))
    return test
