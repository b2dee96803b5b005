"""The campaign's Markdown: what was to be reached, what was, and what limits it."""

from dataclasses import dataclass

import numpy as np

from forkcost import units
from forkcost.compare import aa, stages
from forkcost_lab.resolution import compared, spread

_NOT_MEASURED = "not measured"
_SHOWN = 5  # of what was missed; all of it is in the tables


@dataclass(frozen=True)
class Goal:
    """`reached`: function of Results that gives (words, whether it is reached), None where this
    campaign has no figure for it. `limits`: function of Results: what limits it where it is not
    reached."""

    what: str
    goal: str
    reached: object
    limits: object


def _percent(value):
    return "beyond all bounds" if value is None or not np.isfinite(value) else units.percent(value)


def _sizes(of_comparisons, slope=False, quantity=lambda figure: True):
    """{Figure: the median over comparisons of what would be found}, infinite where most find
    nothing."""
    figures = dict.fromkeys(f for seen in of_comparisons for f in seen.detectable)
    return {f: float(np.median([np.inf if seen.detectable.get(f) is None else seen.detectable[f]
                                for seen in of_comparisons]))
            for f in figures if f.slope == slope and quantity(f)}


def _median_and_worst(sizes, median, worst=np.inf):
    if not sizes:
        return None
    values = np.array(list(sizes.values()))
    largest = max(sizes, key=sizes.get)
    said = (f"{_percent(np.median(values))} median, {_percent(values.max())} worst "
            f"({largest.title} {largest.quantity})")
    return said, bool(np.median(values) <= median and values.max() <= worst)


def _interleaved(results):
    return _median_and_worst(_sizes(results.pairs), 0.012, 0.03)


def _slope(results):
    sizes = _sizes(results.pairs, slope=True, quantity=lambda f: f.title.startswith("fork/path:fork"))
    if not sizes:
        return None
    return (", ".join(f"{_percent(size)} ({f.quantity})" for f, size in sizes.items()),
            min(sizes.values()) <= 0.01)


def _one_a_side(results):
    return _median_and_worst(_sizes(results.runs), 0.05)


def _three_a_side(results):
    return _median_and_worst(_sizes(results.blocks), 0.03)


def _common(results):
    sizes = [np.inf if seen.common is None else seen.common for seen in results.runs]
    if not sizes or results.noise is None:
        return None
    return f"{_percent(np.median(sizes))} with power 0.8; {aa.says(results.noise).split('. ')[1]}", True


def _planted(results):
    if not results.planted:
        return None
    shares = [p.found / p.tried for p in results.planted]
    inside = sum(28 / 40 <= share <= 37 / 40 for share in shares)
    tried = results.planted[0].tried
    found = [p.found for p in results.planted]
    return (f"{inside} of {len(shares)} figures are (chance leaves one of 20 outside); of {tried} pairs "
            f"{min(found)} to {max(found)}, median {np.median(found):.0f}", inside == len(shares))


def _nothing_found(of_comparisons):
    """(status 1, any other news, of how many)."""
    bad = sum(seen.status == 1 for seen in of_comparisons)
    return bad, sum(bool(seen.news) and seen.status != 1 for seen in of_comparisons), len(of_comparisons)


def _a_a(results):
    found = [(name, *_nothing_found(of)) for name, of in (("interleaved", results.pairs), ("separate", results.runs))
             if of]
    if len(found) < 2:
        return None
    return ("; ".join(f"{name}: status 1 in {bad} of {n}, other news in {other}" for name, bad, other, n in found),
            all(bad <= n / 40 and other <= n / 8 for _, bad, other, n in found))


def _quick(results):
    if results.quick is None:
        return None
    said, reached = [], True
    for factor in sorted({one.factor for one in results.quick.ones}):
        ones = [one for one in results.quick.ones if one.factor == factor]
        found = sum(one.by_name and one.status == 1 for one in ones)
        said.append(f"× {factor:g}: {found} of {len(ones)} cases by name with status 1")
        reached = reached and found == len(ones)
    status, core, of, slopes = results.quick.together
    said.append(f"all fork cases × {results.quick.factor:g}: status {status}, {core} of {of} core figures, slopes: "
                + (", ".join(slopes) or "none"))
    return "; ".join(said), reached and status == 1 and bool(slopes)


def _spread(results):
    if not results.spread:
        return None
    below = sum(r.ratio < 1 for r in results.spread)
    return (f"below the best peer in {below} of {len(results.spread)} rows, half of it in "
            f"{sum(r.ratio <= 0.5 for r in results.spread)}", below == len(spread.ROWS))


def _worst_part(results, of_comparisons, slope=False):
    """(Figure of which most must change to be found, the variance.Part of its first case)."""
    sizes = _sizes(of_comparisons, slope)
    figure = max(sizes, key=sizes.get)
    return figure, next((p for p in results.variance
                         if p.case in figure.cases and p.quantity == figure.quantity), None)


def _limit_in_turns(slope):
    def limit(results):
        figure, part = _worst_part(results, results.pairs, slope)
        if part is None or part.pairs is None:
            return "not known"
        return (f"the difference of neighbours in time, {units.percent(part.pairs)} of {part.case} "
                f"{part.quantity}, over {part.n:.0f} rounds (between rounds {units.percent(part.rounds)}, "
                f"correlation {part.correlation:.2f})")
    return limit


def _limit_between(kind):
    def limit(results):
        figure, part = _worst_part(results, getattr(results, kind))
        own = results.noise and results.noise["own"]["default"]["sd"]
        said = [] if own is None else [f"cases move by {units.percent(own)} on their own from run to run"]
        if part is not None and part.own is not None:
            said.append(f"{part.case} {part.quantity} by {units.percent(part.own)}, of which its rounds give "
                        f"{units.percent(part.expected)}")
        return "; ".join(said) or "not known: too few runs, and none of aa"
    return limit


def _limit_planted(results):
    return _some([f"{p.figure.title} {p.figure.quantity} {p.found}" for p in results.planted
                  if not 28 / 40 <= p.found / p.tried <= 37 / 40])


def _some(words):
    return ", ".join(words[:_SHOWN]) + (f" and {len(words) - _SHOWN} more" if len(words) > _SHOWN else "")


def _limit_a_a(results):
    return _some([f"{name} {n}: {seen.news[0]}" for name, of in (("pair", results.pairs), ("runs", results.runs))
                  for n, seen in enumerate(of) if seen.news])


def _limit_quick(results):
    missed = [f"{one.case} × {one.factor:g}" for one in results.quick.ones if not (one.by_name and one.status == 1)]
    return "three rounds a case; missed: " + (_some(missed) or "none of single cases")


def _limit_spread(results):
    return ", ".join(f"{r.row} {r.ratio:.2f} of {r.best}" for r in results.spread if r.ratio >= 1)


GOALS = (
    Goal("interleaved, 2 min in all: smallest change found with power 0.8, core figures",
         "≤ 1.2% median, ≤ 3% worst", _interleaved, _limit_in_turns(False)),
    Goal("slope of fork per page, interleaved", "≤ 1%", _slope, _limit_in_turns(True)),
    Goal("one gate run of 60 s a side, half of the campaign apart: the own part", "≤ 5% (median)", _one_a_side,
         _limit_between("runs")),
    Goal("three runs a side in turns (A B B A A B): the own part", "≤ 3% (median)", _three_a_side,
         _limit_between("blocks")),
    Goal("the common part, one run a side, with aa", "the bound that runs give, stated (about 5.7% at 1%)", _common,
         lambda results: ""),
    Goal("declared detectable changes, planted in held-out interleaved pairs", "found in 28 to 37 of 40", _planted,
         _limit_planted),
    Goal("A/A", "status 1 in at most 1 of 40 each, other news in at most 5", _a_a, _limit_a_a),
    Goal("one case × 1.3 in every time of it, and × 3, between two quick runs; all fork cases × 1.1",
         "found by name, status 1; the slope named", _quick, _limit_quick),
    Goal("spread of 30 runs of 2 s beside the peers'", "below the best peer in every row, half of it where it can be",
         _spread, _limit_spread),
)


def markdown(results, command):
    """The document."""
    parts = [_head(results, command), _goals(results), _details(results)]
    return "\n".join(line for part in parts for line in part) + "\n"


def _table(head, rows):
    return ["| " + " | ".join(head) + " |", "|---" * len(head) + "|",
            *("| " + " | ".join(str(cell) for cell in row) + " |" for row in rows), ""]


def _head(results, command):
    facts = results.facts
    noise = [] if facts.disturbed is None else [f"{units.percent(facts.disturbed)} of rounds disturbed"]
    if facts.steal is not None:
        noise.append(f"steal at most {units.percent(facts.steal)} at a run's start")
    if facts.load is not None:
        noise.append(f"load average {facts.load[0]:.1f} (median), {facts.load[1]:.1f} (largest)")
    if results.noise is not None:
        noise.append(aa.says(results.noise).partition(". Between")[0])
    return ["# What a comparison can see", "",
            "The same build was measured again and again, in turns and by itself; changes of known size were planted "
            "into what it gave. Percentages are of the time; \"found\" is called slower by name.", "",
            f"- Machine: {facts.machine}, kernel {facts.kernel}", f"- Suite: {facts.suite}",
            f"- Measured from {facts.first} to {facts.last} ({facts.hours:.1f} hours): {len(results.pairs)} interleaved "
            f"pairs, {len(results.runs)} comparisons of separate runs, {len(results.blocks)} of three runs a side",
            f"- The noise meanwhile: {'; '.join(noise) or 'not known'}", f"- Made by `{command}`", ""]


def _goals(results):
    rows = []
    for goal in GOALS:
        found = goal.reached(results)
        if found is None:
            rows.append((goal.what, goal.goal, _NOT_MEASURED, ""))
        else:
            rows.append((goal.what, goal.goal, found[0], "yes" if found[1] else f"no: {goal.limits(results)}"))
    return ["## What was to be reached", "",
            *_table(("", "goal", "reached", "is it? What limits it"), rows)]


def _details(results):
    return [*_resolution(results), *_a_a_table(results), *_planted_table(results), *_peers(results),
            *_quick_table(results), *_spread_table(results), *_variance_table(results)]


def _resolution(results):
    kinds = (("interleaved", results.pairs), ("one run a side", results.runs), ("three a side", results.blocks))
    sizes = [{**_sizes(of), **_sizes(of, slope=True)} for _, of in kinds]
    figures = sorted(dict.fromkeys(f for of_kind in sizes for f in of_kind))
    explained = [f"{np.mean([seen.explained.get(f, 0) > 0 for seen in results.pairs]):.0%}" if results.pairs and
                 not f.slope else "" for f in figures]
    return ["## The smallest change that is found", "",
            "With a power of 80%, at the level of the first and hardest of all tests; medians over comparisons. "
            "Adjusted: interleaved pairs in which yardsticks explained enough to be taken out.", "",
            *_table(("figure", "quantity", *(name for name, _ in kinds), "adjusted"),
                    [(f.title, f.quantity, *(_percent(of[f]) if f in of else "" for of in sizes), share)
                     for f, share in zip(figures, explained)])]


def _a_a_table(results):
    rows = []
    for name, of in (("interleaved", results.pairs), ("one run a side", results.runs), ("three a side", results.blocks)):
        bad, other, n = _nothing_found(of)
        worst = [f"{n}: {', '.join(seen.news[:3])}" + (" …" if len(seen.news) > 3 else "")
                 for n, seen in enumerate(of) if seen.news]
        rows.append((name, n, bad, other, "<br>".join(worst) or "none"))
    return ["## Nothing changed", "", "What was called news where nothing was.", "",
            *_table(("", "comparisons", "status 1", "other news", "what"), rows)]


def _planted_table(results):
    return ["## Planted changes", "",
            "Each half of the pairs declares the smallest change that it would find (the median); that is planted into "
            "every pair of the other half, one figure at a time.", "",
            *_table(("figure", "quantity", "planted", "found", "of"),
                    [(p.figure.title, p.figure.quantity, " and ".join(map(_percent, p.sizes)), p.found, p.tried)
                     for p in results.planted])]


def _peers(results):
    primaries = [p for p in results.planted if p.called]
    rows = []
    for rule in dict.fromkeys(r for seen in (*results.pairs, *results.runs) for r in seen.alarms):
        alarms = [f"{sum(seen.alarms[rule] for seen in of)} of {len(of)}" for of in (results.pairs, results.runs)]
        found, tried = sum(p.called.get(rule, 0) for p in primaries), sum(p.tried for p in primaries)
        rows.append((rule, *alarms, f"{found} of {tried} ({units.percent(found / tried)})" if tried else ""))
    rows.sort(key=lambda row: row[0] != compared.OURS)
    return ["## Other tools' rules on the same data", "",
            "Of the core cases' primary quantities. False alarms: comparisons in which any case was called slower or "
            "faster though nothing had changed. Found: the planted changes of above, of these quantities.", "",
            *_table(("rule", "false alarms, interleaved", "false alarms, separate runs", "found"), rows)]


def _quick_table(results):
    if results.quick is None:
        return []
    names = dict.fromkeys((one.case, one.stage) for one in results.quick.ones)
    factors = sorted({one.factor for one in results.quick.ones})
    of = {(one.case, one.factor): one for one in results.quick.ones}
    return ["## One case slower, between two quick runs", "",
            f"As they are they give status {results.quick.status}. All core cases, and some of the others, which are "
            f"judged from {units.percent(stages.PRIMARY_CHANGE)} on.", "",
            *_table(("case", "judged as", *(f"× {f:g}" for f in factors)),
                    [(case, stage, *("found" if of[case, f].by_name else "missed" for f in factors))
                     for case, stage in names])]


def _spread_table(results):
    rows = [(r.row, r.turns, units.percent(r.spreads[spread.OURS]), f"{units.percent(r.spreads[r.best])} ({r.best})",
             f"{r.ratio:.2f} ({r.interval[0]:.2f}–{r.interval[1]:.2f})", "{:.1f} ({:.1f})".format(*r.seconds),
             ", ".join(f"{who} {units.percent(s)}" for who, s in r.spreads.items() if who not in (spread.OURS, r.best)))
            for r in results.spread]
    return ["## Runs of two seconds", "",
            "(p90 − p10) / median of runs taken in turns on one CPU. The interval (95%) is a bootstrap's over turns, in "
            "which the best peer is chosen anew. A peer that gives all of its values has a mean and a median.", "",
            *_table(("", "turns", "forkcost", "best peer", "ratio", "seconds (at most)", "other peers"), rows)]


def _variance_table(results):
    def cell(value):
        return "" if value is None else units.percent(value)

    rows = [(p.case, p.quantity, "" if p.n is None else f"{p.n:.0f}", cell(p.rounds), cell(p.pairs),
             "" if p.correlation is None else f"{p.correlation:.2f}", cell(p.runs), cell(p.common), cell(p.own),
             cell(p.expected)) for p in results.variance]
    return ["## Where the variance is", "",
            "Standard deviations. Interleaved: between rounds of a side, of the differences of neighbours in time, and "
            "the correlation of both sides. Separate runs: of their means; of what all other groups of cases moved; of "
            "what is left; and what of that the rounds alone give.", "",
            *_table(("case", "quantity", "rounds", "between rounds", "differences", "correlation", "between runs",
                     "common", "own", "own, by rounds"), rows)]
