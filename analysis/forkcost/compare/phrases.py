"""How a comparison is said, the same in every format: its headline, titles, figures, changes, and
how it was made."""

import math
import re
from collections import Counter

from forkcost import stats, units
from forkcost.compare import stages
from forkcost.compare.result import (
    FAILED, FASTER, GONE, MEANINGLESS, NEW, NOTE, SAME, SLOWER, UNCLEAR, VERDICTS, WARNING, Family, is_bad)
from forkcost.compare.sides import FILES_ARE_UNITS
from forkcost.compare.statistics import MOST_ROUNDS, TRIM

MODES = {"time": "Figures are time, measured with a clock.",
         "exact": "Figures are executed instructions, not time: the machine executes one per ns of its CPU time."}
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
    """[Family | Row] of what was judged for the exit status with one of these verdicts: families
    first, largest change first, without the rows that a family of the same verdict speaks for."""
    return _listed(comparison, verdicts, lambda change: not _beside(change))


def also(comparison):
    """The same of what moved beside that: it is told, and decides nothing."""
    return _listed(comparison, (SLOWER, FASTER), _beside)


def _beside(change):
    return change.stage in (stages.DETAIL, stages.REST) and not change.counts


def _listed(comparison, verdicts, wanted):
    families = [f for f in comparison.families if f.change.verdict in verdicts and wanted(f.change)]
    spoken = {(f.key, f.change.verdict) for f in families}
    rows = [r for r in comparison.rows if r.change.verdict in verdicts and wanted(r.change)
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
    changes = [c for c in comparison.changes if not _beside(c)]
    found = {c.verdict for c in changes}
    known = "; some known changes are accepted" if any(c.accepted for c in changes) else ""
    if any(is_bad(c) for c in changes):
        return f"Regression{known}"
    if any(is_bad(c, strict) for c in changes):
        return f"Unclear, which --strict treats as a regression{known}"
    if not found - {NEW, GONE}:
        return "Nothing compared: no case was measured on both sides"
    if FASTER in found:
        return f"No regression; some cases are faster{known}"
    if SLOWER in found:
        return f"No regression{known or '; what is slower is not in the core, and by less than 20%'}"
    if SAME not in found:
        return "Unclear: no verdict could be reached"
    return "No change found" + ("; some cases are unclear" if UNCLEAR in found else "")


def sides(comparison):
    return plain(f"{comparison.base.label} → {comparison.new.label}")


def counts(comparison):
    """`1 slower, 35 same of 36 quantities of the core's cases; slopes: 2 same; of 1,200 others 3
    slower`."""
    rows, slopes = ([i for i in items if i.change.stage == stages.CORE]
                    for items in (comparison.rows, comparison.families))
    others = [i for i in (*comparison.rows, *comparison.families) if i.change.stage != stages.CORE]
    of = "core quantity of a case", "core quantities of cases"
    if not others:
        of = tuple(text.removeprefix("core ") for text in of)
    said = [f"{numbers(rows)} of {units.many([len(rows)], *of)}" if rows else "no case"]
    if slopes:
        said.append(f"slopes: {numbers(slopes)}")
    moved = [i for i in others if i.change.verdict in (SLOWER, FASTER)]
    if others:
        said.append(f"of {units.many([len(others)], 'other')} {numbers(moved) or 'none moved'}")
    return "; ".join(said)


def numbers(items):
    """`1 slower, 239 same`."""
    found = [item.change.verdict for item in items]
    return ", ".join(f"{found.count(v):,} {v}" for v in VERDICTS if v in found)


def seen(comparison):
    """What the core's figures could have shown: `smallest slowdown found: 1.2% (median of 36
    figures; worst 3.1%: fork, 256 MiB: teardown)`; empty where none was tested."""
    tested = [i for i in (*comparison.families, *comparison.rows)
              if i.change.stage == stages.CORE and i.change.interval is not None]
    found = sorted(((i.change.detectable, title(i)) for i in tested if known(i.change.detectable)),
                   key=lambda pair: pair[0])
    if not found:
        return ""
    never = len(tested) - len(found)
    middle = stats.quantile([size for size, _ in found], 0.5)
    worst, name = found[-1]
    return (f"smallest slowdown that would be found in 8 of 10 cases: {units.percent(middle)} (median of "
            f"{units.many([len(found)], 'figure')}), {units.percent(worst)} at worst ({name})"
            + (f"; {units.many([never], 'figure')} not at any size" if never else ""))


def meanwhile(comparison):
    """What the yardsticks say of the machine; empty where nothing moved."""
    if not comparison.meanwhile:
        return ""
    largest = sorted(comparison.meanwhile, key=lambda pair: -abs(math.log(pair[1])))
    said = ", ".join(f"{plain(title)} {percent(ratio, sign=False)} {'slower' if ratio > 1 else 'faster'}"
                     for title, ratio in largest[:3])
    if len(largest) > 3:
        said += f", {len(largest) - 3} more"
    return f"the machine meanwhile: {said} during {plain(comparison.new.label)}"


def adjusted(comparison):
    """How many of the core's figures the yardsticks helped to judge; empty for none."""
    found = [i.change.adjusted.explained for i in comparison.rows
             if i.change.adjusted and i.change.adjusted.decides and i.change.stage == stages.CORE]
    if not found:
        return ""
    return (f"{units.many([len(found)], 'figure')} of the core without what the yardsticks explain: "
            f"{units.percent(min(found))} to {units.percent(max(found))} of their rounds' variance")


def common(comparison):
    """What all cases moved, and by what it was judged; empty where nothing can be said."""
    change = comparison.common
    if change is None:
        return f"between runs: each interval holds what runs differ by ({comparison.noise})" if comparison.noise else ""
    new = plain(comparison.new.label)
    if change.verdict in (SLOWER, FASTER):
        raw = f", {percent(change.raw)} with what the yardsticks explain" if known(change.raw) else ""
        accepted = f"; accepted: {change.accepted}" if change.accepted else ""
        return plain(f"everything is {change.verdict} in {new}, by {percent(change.ratio, sign=False)}{raw}: more "
                     f"than this machine moves by itself ({interval(change)}; {comparison.noise}){accepted}")
    if known(change.raw):
        return (f"the machine was {percent(change.raw, sign=False)} {'slower' if change.raw > 1 else 'faster'} in "
                f"{new}, {percent(change.ratio)} without what the yardsticks explain; not told from chance below "
                f"{units.percent(change.detectable)} ({comparison.noise}); taken out of all figures below")
    moved = (f"{percent(change.ratio, sign=False)} {'slower' if change.ratio > 1 else 'faster'}")
    return (f"the machine was {moved} in {new}: not told from chance below "
            f"{units.percent(change.detectable) if known(change.detectable) else '10,000%'} "
            f"({comparison.noise}); taken out of all figures below")


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
        how = f"{more} per side would settle it" if change.interval else f"a test takes {more} per side"
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
    if change.accepted:
        words += f"; accepted: {change.accepted}"
    return plain(words)


def rounds(item):
    """`5 and 5 rounds`: of base and new, the least of a family's."""
    rows = item.rows if isinstance(item, Family) else (item,)
    if not rows:
        return "–"
    base, new = (min(r.rounds[side] for r in rows) for side in (0, 1))
    return f"{base} and {new}"


def threshold(change):
    """The smallest change worth telling; of what is counted in the core any is."""
    return "–" if not known(change.threshold) or change.exact and not change.threshold else (
        units.percent(change.threshold))


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
    if known(change.raw):
        found.append(("with what all cases moved", percent(change.raw)))
    if change.adjusted:
        found.append(_adjusted(change.adjusted))
    if change.accepted:
        found.append(("accepted", change.accepted))
    if change.p is not None:
        found.append(("p (corrected)", p_value(change.p)))
    if threshold(change) != "–":
        found.append(("threshold", threshold(change)))
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


def _adjusted(adjustment):
    """(word, figure) of details."""
    share = f"{units.percent(adjustment.explained)} of its rounds' variance is explained by the yardsticks"
    if adjustment.decides:
        return "adjusted", f"{share}; the verdict is without that"
    low, high = (percent(x) for x in adjustment.interval)
    return ("without what the yardsticks explain", f"{percent(adjustment.ratio)} (95% {low}…{high}); "
            f"{share}; it decides nothing, as another kernel or setting can move a yardstick")


def replicated(comparison):
    """What is: on a side that has several files `the file`, or `the boot` where each is of its own; else
    `the round`."""
    both = comparison.base, comparison.new
    of_sides = {side.label: "round" if len(side.paths) < FILES_ARE_UNITS else
                "boot" if side.boots == len(side.paths) else "file" for side in both}
    if set(of_sides.values()) == {"boot"}:
        return "the boot (" + ", ".join(f"{side.boots} of {plain(side.label)}" for side in both) + ")"
    if len(set(of_sides.values())) == 1:
        return f"the {next(iter(of_sides.values()))}"
    return ", ".join(f"the {what} in {plain(label)}" for label, what in of_sides.items())


def statement(comparison):
    """How it was made, in sentences: which estimator, what was replicated, how corrected."""
    changes = comparison.changes
    tested = [c for c in changes if c.p is not None]
    parts = [MODES[comparison.mode]]
    if tested:
        used = Counter(c.estimator for c in tested if c is not comparison.common)
        by = ", ".join(f"{name} ({n})" for name, n in used.most_common())
        paired = any(c.paired for c in tested)
        parts += [
            f"Ratios are new / base of the estimator that the files name: {by}.",
            f"The unit of replication is {replicated(comparison)}"
            + (", in interleaved pairs." if paired else "."),
            f"95% intervals: Student's t, of logarithms' means, from ten units on without {TRIM:.0%} at "
            "either end, with variances that figures of one kind tell one another. slower, "
            "faster: at least the threshold, and significant. same: the whole interval is inside the "
            "threshold.", *_errors(comparison, tested)]
    if any(c.interval is None for c in tested):
        parts.append("Values of 0 or below have no ratio: ranks say which side is larger (Mann and Whitney; of pairs "
                     "the sign test), and both sides' figures, whether by as much as the threshold.")
    if r := comparison.autocorrelation:
        parts.append(f"Pairs that follow each other are alike (autocorrelation {r:.2f}, over all of the core): "
                     f"in intervals and tests they count for about {(1 - r) / (1 + r):.0%} of their number.")
    if comparison.common:
        parts.append("What all groups of cases moved together is taken out of each time, and judged by "
                     f"what runs differ by: {comparison.noise}.")
    elif comparison.noise and any(c.replicated != "file" for c in tested):
        parts.append(f"What runs differ by is in each interval: {comparison.noise}.")
    if any(c.exact for c in changes):
        parts.append("Counts that are the same in all samples of a side are compared exactly: in the core any "
                     "difference is news, elsewhere from the threshold on.")
    return " ".join(parts)


def _errors(comparison, tested):
    if comparison.repeated:
        yield ("This was one look of several, until all was settled or the time was up: intervals of the core "
               "are of the level of a single test, and all looks together have the error.")
    n = Counter(c.stage for c in tested)
    alpha, share = comparison.alpha, stages.PRIMARY_SHARE if n[stages.PRIMARY] else 0
    core = f"of {units.many([n[stages.CORE]], 'figure')}" + (" of the core" if len(n) > 1 else "")
    yield (f"By chance alone any {core} is slower or faster in {alpha * (1 - share):.2g} of comparisons "
           "(Holm's correction)" + (
               f", any of {units.many([n[stages.PRIMARY]], 'other primary quantity', 'other primary quantities')} "
               f"in {alpha * share:.2g}; the exit status hears of those from {stages.PRIMARY_CHANGE:.0%} on"
               if share else "") + ".")
    if rest := n[stages.DETAIL] + n[stages.REST]:
        yield (f"{units.many([rest], 'further figure')}: at most {stages.FALSE_DISCOVERIES:.0%} of what "
               "is said to have moved did so by chance; the exit status "
               + ("hears of it too (--all)." if any(c.counts for c in tested if c.stage in (
                   stages.DETAIL, stages.REST)) else "does not hear of it."))
