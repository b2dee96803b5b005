"""Comparisons of the campaign's files, as far as it counts them."""

from dataclasses import dataclass, replace

from forkcost.compare import engine, sides, stages, thresholds
from forkcost.compare.result import FAILED, FASTER, SLOWER
from forkcost_lab.resolution import plant, rules

OURS = "forkcost compare"


@dataclass(frozen=True, order=True)
class Figure:
    """One of the core: a quantity of a case, or the slope over several. `title`: of the case, or of
    the slope with what it is per."""

    title: str
    quantity: str
    cases: tuple
    group: tuple = ()
    slope: bool = False


@dataclass(frozen=True)
class Seen:
    """Of one comparison. `news`: what was called slower, faster or failed, in words; `detectable`:
    Figure -> the smallest slowdown that would be found, None beyond all bounds; `common`: that of
    what all cases moved together; `explained`: {Figure: share of its rounds' variance that yardsticks
    took out}, 0 where nothing; `found`: {Figure: slower}; `alarms`: {rule: did it call any core
    case slower or faster}; `called`: {rule: {case: -1, 0, 1}}."""

    status: int
    news: tuple
    detectable: dict
    common: float | None
    explained: dict
    found: dict
    alarms: dict
    called: dict


def read(label, paths):
    return sides.read(label, [str(path) for path in paths])


def compare(base, new, noise_file=None):
    """The Comparison of forkcost compare."""
    return engine.compare(base, new, thresholds.read(), known_noise=noise_file)


def seen(base, new, noise_file=None, peers=False):
    """The Seen of two sides.Files. `noise_file`: of forkcost aa, None for the default, as the files
    lie in a directory of their own; `peers`: ask their rules too."""
    compared = compare(base, new, noise_file)
    detectable, explained, found = {}, {}, {}
    for figure, change in _core(compared, base):
        detectable[figure], found[figure] = change.detectable, change.verdict == SLOWER
        decides = change.adjusted is not None and change.adjusted.decides
        explained[figure] = change.adjusted.explained if decides else 0.0
    called = rules.said(base, new) if peers else {}
    if peers:
        verdicts = {(r.case, r.quantity): r.change.verdict for r in compared.rows}
        called[OURS] = {case: {SLOWER: 1, FASTER: -1}.get(verdicts.get((case, e[0]["primary"])), 0)
                        for case, (e, _) in rules.primaries(base, new).items()}
    return Seen(compared.exit_status(), tuple(_news(compared)), detectable,
                compared.common and compared.common.detectable, explained, found,
                {rule: any(of.values()) for rule, of in called.items()}, called)


def _core(compared, files):
    """[(Figure, Change)] of what a ratio was tested of."""
    for row in compared.rows:
        if row.change.stage == stages.CORE and row.change.interval is not None:
            group = stages.group(next(iter(files.cases[row.case].values())))
            yield Figure(row.case, row.quantity, (row.case,), group), row.change
    for family in compared.families:
        if family.change.stage == stages.CORE and family.change.interval is not None:
            cases = tuple(row.case for row in family.rows)
            group = stages.group(next(iter(files.cases[cases[0]].values())))
            title = family.key.replace(f" {family.quantity} ", " ")
            yield Figure(title, family.quantity, cases, group, True), family.change


def _news(compared):
    for item in (*compared.families, *compared.rows):
        if item.change.verdict in (SLOWER, FASTER, FAILED):
            name = getattr(item, "key", None) or f"{item.case} {item.quantity}"
            yield f"{name} {item.change.verdict} ({item.change.stage})"
    if compared.common and compared.common.verdict in (SLOWER, FASTER):
        yield f"everything together {compared.common.verdict}"


def together(label, files):
    """One side of several sides.Files."""
    return replace(files[0], label=label, **{
        field: tuple(x for one in files for x in getattr(one, field))
        for field in ("paths", "documents", "schemas", "runs")})


def with_planted(base, new, figure, factor, noise_file=None):
    """The Seen with one Figure made slower by a factor: a slope by all of its cases."""
    changes = {(case, figure.quantity): factor for case in figure.cases}
    return seen(base, plant.planted(new, changes), noise_file, peers=not figure.slope)
