"""How a comparison is said, the same in every format: its headline, titles, figures, changes, and
how it was made."""

import math
import re
from collections import Counter

from forkcost import units
from forkcost.compare.result import (
    FAILED, FASTER, GONE, MEANINGLESS, NEW, NOTE, SAME, SLOWER, UNCLEAR, VERDICTS, WARNING, Family)
from forkcost.compare.sides import FILES_ARE_UNITS
from forkcost.compare.statistics import ALPHA, MOST_ROUNDS

MODES = {"time": "Figures are time, measured with a clock.",
         "exact": "Figures are executed instructions, not time: the deterministic machine executes one "
                  "per nanosecond of its CPU time."}
SEVERITIES = {NOTE: "for information", WARNING: "may change the figures",
              MEANINGLESS: "makes the comparison meaningless"}
_ILLEGAL = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def legal(text):
    """`text` without what neither XML nor UTF-8 can hold: names come out of files of others."""
    return _ILLEGAL.sub("\ufffd", str(text))


def plain(text):
    """One line, with ordinary spaces: for what is read by programs."""
    return " ".join(legal(text).split())


def name(item):
    """What a Row or a Family is about, in one line, for programs."""
    if isinstance(item, Family):
        return plain(item.key if item.quantity in item.key else f"{item.key}, {item.quantity}")
    return plain(f"{item.case} {item.quantity}")


def title(item):
    """The same for people: `fork, 256 MiB: caller blocked`."""
    return plain(": ".join(filter(None, (item.title, item.quantity_title)))) or name(item)


def title_and_name(title, name):
    """Both in one line of plain text: `fork, empty parent  (fork/path:fork/heap:0)`; the name alone
    where there is no other title."""
    return name if title in ("", name) else f"{title}  ({name})"


def slope(item):
    """`slope over 7 sizes` of a Family; nothing of a Row."""
    if not isinstance(item, Family):
        return ""
    return f"slope over {units.many([len(item.points)], 'size')}"


def benchmark(item):
    cases = [r.case for r in item.rows] if isinstance(item, Family) else [item.case]
    return plain(cases[0].partition("/")[0]) if cases else "slope"


def listed(comparison, *verdicts):
    """[Family | Row] with one of these verdicts: families first, largest change first, without the
    rows that a family of the same verdict speaks for."""
    families = [f for f in comparison.families if f.change.verdict in verdicts]
    spoken = {(f.key, f.change.verdict) for f in families}
    rows = [r for r in comparison.rows if r.change.verdict in verdicts
            and (r.family, r.change.verdict) not in spoken]
    return sorted(families, key=_least_first) + sorted(rows, key=_least_first)


def _least_first(item):
    """What has no ratio comes first: a case that failed is worse than one that is slow."""
    ratio = item.change.ratio
    return -abs(math.log(ratio)) if known(ratio) and ratio > 0 else -math.inf


def known(x):
    return x is not None and math.isfinite(x)


def verdict(comparison, strict=False):
    """The headline, in a few words."""
    found = {item.change.verdict for item in (*comparison.families, *comparison.rows)}
    if {SLOWER, FAILED} & found:
        return "Regression"
    if strict and UNCLEAR in found:
        return "Unclear, which --strict treats as a regression"
    if not found - {NEW, GONE}:
        return "Nothing compared: no case was measured on both sides"
    if FASTER in found:
        return "No regression; some cases are faster"
    if SAME not in found:
        return "Unclear: no verdict could be reached"
    return "No change found" + ("; some cases are unclear" if UNCLEAR in found else "")


def is_bad(verdict, strict):
    """Whether it is a regression. `strict`: what is unclear is one."""
    return verdict in (SLOWER, FAILED) or (strict and verdict == UNCLEAR)


def sides(comparison):
    return plain(f"{comparison.base.label} → {comparison.new.label}")


def counts(comparison):
    """`1 slower, 239 same of 240 quantities of cases; slopes: 1 slower`."""
    said = [f"{numbers(comparison.rows)} of "
            f"{units.many([len(comparison.rows)], 'quantity of a case', 'quantities of cases')}"
            if comparison.rows else "no case"]
    if comparison.families:
        said.append(f"slopes: {numbers(comparison.families)}")
    return "; ".join(said)


def numbers(items):
    """`1 slower, 239 same`."""
    found = [item.change.verdict for item in items]
    return ", ".join(f"{found.count(v):,} {v}" for v in VERDICTS if v in found)


def unit(change, mode):
    """The unit as it is said: one virtual nanosecond of an exact run is one instruction."""
    return re.sub(r"^ns\b", "instructions", change.unit) if mode == "exact" else change.unit


def figure(x, of_unit, digits=3):
    """A figure with its unit; of a slope without."""
    if not known(x):
        return "–"
    if of_unit == "instructions":
        return f"{x:,.0f}{units.NBSP}instructions"
    if of_unit == "ns":
        return units.time(x, digits)
    if of_unit == "bytes":
        return units.amount(x, digits)
    return units.number(x, digits)


def figures(change, mode):
    """Both sides. Where any difference is one (exact), with as many digits as it takes to see it.
    """
    of_unit = unit(change, mode)
    for digits in (3, 4, 5, 6, 7, 8):
        both = tuple(figure(x, of_unit, digits) for x in (change.base, change.new))
        if not change.exact or both[0] != both[1] or change.base == change.new:
            break
    return both


def per(change, mode):
    """A slope's unit (`ns per page`), which stands before its figures; else nothing."""
    said = unit(change, mode)
    return said if " per " in said else ""


def arrow(change, mode):
    """`8.58 ms → 9.32 ms`, `ns per page 21.4 → 24.0`; empty where nothing was measured."""
    if not known(change.base) and not known(change.new):
        return ""
    return f"{per(change, mode)} {' → '.join(figures(change, mode))}".strip()


def percent(ratio, exact=False, sign=True):
    """A ratio as a change: `+12%`, `−0.3%`; beyond a factor of ten `27.3×`. Exact ones, and only
    they, are worth a hundredth of a percent."""
    if not known(ratio):
        return "–"
    if not 0.1 <= ratio < 10:
        return units.factor(ratio).replace("-", "−")
    change = round(100 * (ratio - 1), 6)
    size = abs(change)
    said = units.number(size) if exact else f"{size:.0f}" if size >= 9.95 else f"{size:.1f}"
    mark = ("−" if change < 0 else "+") if sign and float(said.replace(",", "")) else ""
    return f"{mark}{said}%"


def interval(change):
    """`+10…+14%`; empty where there is none."""
    if change.interval is None or not all(map(known, change.interval)):
        return ""
    low, high = (percent(bound, change.exact) for bound in change.interval)
    return f"{low.removesuffix('%') if high.endswith('%') else low}…{high}"


def changed(change):
    """`+12% (95% +10…+14%)`; what there is instead where there is no ratio."""
    if not known(change.ratio):
        return plain(f"{change.verdict}: {change.reason}" if change.reason else change.verdict)
    if change.exact:
        return f"{percent(change.ratio, True)} (exact)"
    within = interval(change)
    return f"{percent(change.ratio)} ({f'95% {within}' if within else 'no interval'})"


def settle(change):
    """What an unclear change would take."""
    if change.more_rounds is not None:
        more = units.many([change.more_rounds], f"more {change.replicated}")
        how = f"{more} per side would settle it"
    elif change.interval is None:
        return plain(change.reason or "no interval")
    else:
        how = f"{MOST_ROUNDS:,} more {change.replicated}s would not settle it"
    return plain(f"{change.reason}; {how}" if change.reason else how)


def said(item, mode):
    """All of a Row or a Family but its name, in one line:
    `8.58 ms → 9.32 ms, +8.6% (95% +7.1…+10%)`."""
    change = item.change
    if not known(change.ratio):
        value = [x for x in figures(change, mode) if x != "–"]
        return plain(", ".join([changed(change), *value]))
    words = f"{arrow(change, mode)}, {changed(change)}"
    if change.verdict == UNCLEAR:
        words += f"; {settle(change)}"
    elif change.reason:
        words += f"; {change.reason}"
    return plain(words)


def rounds(item):
    """`5 and 5 rounds`: of base and new, the least of a family's."""
    rows = item.rows if isinstance(item, Family) else (item,)
    if not rows:
        return "–"
    base, new = (min(r.rounds[side] for r in rows) for side in (0, 1))
    return f"{base} and {new}"


def p_value(p):
    if p is None or not math.isfinite(p):
        return "–"
    return "< 0.001" if p < 0.001 else f"{p:.3f}"


def details(item, mode):
    """[(word, figure)]: everything that is known of a Row or a Family, one line each."""
    change = item.change
    base, new = figures(change, mode)
    found = [("verdict", change.verdict), ("base", base), ("new", new),
             ("unit", unit(change, mode)), ("estimator", change.estimator)]
    if known(change.ratio):
        found.append(("change", changed(change)))
    if change.p is not None:
        found.append(("p (Holm)", p_value(change.p)))
    if not change.exact and known(change.threshold):
        found.append(("threshold", units.percent(change.threshold)))
    if known(change.detectable):
        found.append(("smallest slowdown that these rounds detect (power 80%)",
                      units.percent(change.detectable)))
    found.append(("rounds of base and new", rounds(item)
                  + (", interleaved" if change.paired else "")))
    if not isinstance(item, Family) and any(map(known, item.medians)):
        found.append(("medians", " → ".join(figure(x, unit(change, mode)) for x in item.medians)))
    if change.verdict == UNCLEAR:
        found.append(("unclear", settle(change)))
    elif change.reason:
        found.append(("reason", change.reason))
    return [(word, plain(text)) for word, text in found]


def replicated(comparison):
    """What is: `the file` on a side that has several, else `the round`."""
    of_sides = {side.label: "file" if len(side.paths) >= FILES_ARE_UNITS else "round"
                for side in (comparison.base, comparison.new)}
    if len(set(of_sides.values())) == 1:
        return f"the {next(iter(of_sides.values()))}"
    return ", ".join(f"the {what} in {plain(label)}" for label, what in of_sides.items())


def statement(comparison):
    """How it was made, in sentences: which estimator, what was replicated, how corrected."""
    changes = [i.change for i in (*comparison.rows, *comparison.families)]
    tested = [c for c in changes if c.p is not None]
    parts = [MODES[comparison.mode]]
    if tested:
        used = Counter(c.estimator for c in tested)
        by = ", ".join(f"{name} ({n})" for name, n in used.most_common())
        what = replicated(comparison)
        paired = any(c.paired for c in tested)
        parts += [
            f"Ratios are new / base of the estimator that the files name: {by}.",
            f"The unit of replication is {what}" + (", in interleaved pairs." if paired
                                       else "."),
            f"95% intervals: bootstrap of {'files, then ' if 'file' in what else ''}rounds, then "
            "samples. slower, faster: the whole interval is beyond the threshold, and a t-test is "
            f"significant at {ALPHA:.0%} after Holm's correction for all "
            f"{units.many([len(tested)], 'ratio')} of this comparison, slopes among them. same: "
            "the whole interval is inside."]
    if any(c.exact for c in changes):
        parts.append("Counts that are the same in all samples of a side are compared exactly.")
    return " ".join(parts)
