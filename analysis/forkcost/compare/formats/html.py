"""One HTML page that needs no network, no JavaScript and no file beside it."""

import jinja2
from markupsafe import Markup

from forkcost import __version__, units
from forkcost.compare import phrases
from forkcost.compare.result import FAILED, GONE, NEW, SLOWER, Family
from forkcost.plots import before_after, common, forest, meanwhile

ARTIFACT = "compare.html"


def document(comparisons, strict=False):
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("forkcost"), autoescape=True, undefined=jinja2.StrictUndefined,
        trim_blocks=True, lstrip_blocks=True)
    page = environment.get_template("compare.html.j2").render(
        version=__version__, many=units.many,
        comparisons=[_comparison(c, n, strict) for n, c in enumerate(comparisons, 1)])
    return phrases.legal(page)


def _comparison(c, number, strict):
    curves = before_after.chosen(c)
    return {
        "base": c.base, "new": c.new, "headline": phrases.verdict(c, strict),
        "bad": c.exit_status(strict) != 0, "counts": phrases.counts(c),
        "mode": phrases.MODES.get(c.mode, c.mode), "warnings": c.warnings,
        "differences": [(d.what, d.base, d.new, phrases.SEVERITIES.get(d.severity, d.severity))
                        for d in c.differences],
        "said": [said for said in (phrases.meanwhile(c), phrases.common(c),
                                  phrases.adjusted(c), phrases.seen(c)) if said],
        "statement": phrases.statement(c),
        "also": [_line(item, c.mode) for item in phrases.also(c)],
        "slower": [_line(item, c.mode) for item in phrases.listed(c, SLOWER, FAILED)],
        "forest": _figure(forest.draw(c), f"forest-{number}", "What changed, by how much"),
        "meanwhile": c.yardsticks and _figure(
            meanwhile.compared(c), f"meanwhile-{number}", "The machine meanwhile"),
        "curves": [_figure(before_after.draw(f, c), f"family-{number}-{n}", phrases.title(f))
                   for n, f in enumerate(curves[:before_after.MOST], 1)],
        "curves_left_out": max(0, len(curves) - before_after.MOST),
        "causes": [_cause(cause) for cause in c.causes],
        "rows": [_row(item, c.mode) for item in (*c.families, *c.rows)],
    }


def _figure(drawing, stem, title):
    if isinstance(drawing, str):
        return {"stem": stem, "title": title, "absent": drawing}
    return {"stem": stem, "title": title, "svg": Markup(common.inline(drawing, stem)),
            "message": drawing.message, "basis": drawing.basis}


def _line(item, mode):
    """(title, name where that is another, what it is, base → new, change)."""
    title, name = phrases.title(item), phrases.name(item)
    return (title, name if name != title else "", phrases.slope(item),
            phrases.arrow(item.change, mode), phrases.changed(item.change))


def _row(item, mode):
    """All that is known, as texts; first (title, name) of the case and of the quantity."""
    change = item.change
    base, new = phrases.figures(change, mode)
    quantity = phrases.per(change, mode) or item.quantity
    why = phrases.settle(change) if change.verdict == phrases.UNCLEAR else change.reason
    if change.accepted:
        why = f"accepted: {change.accepted}"
    name = item.key if isinstance(item, Family) else item.case
    return ((item.title, name), (item.quantity_title, quantity), change.verdict, base, new,
            "–" if change.verdict in (NEW, GONE, FAILED) else change.stage,
            phrases.percent(change.ratio, change.exact),
            "exact" if change.exact else phrases.interval(change) or "–",
            phrases.percent(change.raw), phrases.p_value(change.p),
            phrases.threshold(change), phrases.rounds(item),
            change.estimator, "–" if not phrases.known(change.detectable) else
            units.percent(change.detectable), why)


def _cause(cause):
    said = units.time if cause.unit == "ns" else units.count
    return ((cause.title, cause.case), f"{cause.kind} {cause.name}", said(cause.base),
            said(cause.new), phrases.percent(cause.new / cause.base) if cause.base else "–",
            "–" if cause.share is None else units.percent(cause.share))
