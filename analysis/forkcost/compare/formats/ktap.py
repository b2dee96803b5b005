"""KTAP: a result per slope and per quantity of a case, its figures in a diagnostic line before it.
Unclear, new and gone are skipped."""

from forkcost import ktap
from forkcost.compare import phrases
from forkcost.compare.result import GONE, NEW, UNCLEAR, is_bad

ARTIFACT = "compare.ktap"


def document(comparisons, strict=False):
    results = []
    for c in comparisons:
        side = f"{phrases.plain(c.new.label)}: " if len(comparisons) > 1 else ""
        for item in (*c.families, *c.rows):
            verdict = item.change.verdict
            said = f"{verdict}: {phrases.said(item, c.mode)}"
            bad = is_bad(item.change, strict)
            skipped = verdict in (NEW, GONE, UNCLEAR) and not bad
            results.append(ktap.Result(side + phrases.name(item), not bad,
                                       () if skipped else (said,), said if skipped else None))
    return ktap.document(results)
