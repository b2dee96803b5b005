"""What the campaign's files show."""

import random
from collections import defaultdict
from dataclasses import dataclass, field

import numpy as np

from forkcost import files as whole_files
from forkcost import processes
from forkcost.compare import aa, rows, stages, thresholds
from forkcost.compare.result import SLOWER
from forkcost.errors import NoAnswer
from forkcost_lab.resolution import compared, plant, spread, variance

IN_TURNS = "ABBAAB"  # six runs, three a side, so that drift hits both alike
_OTHERS = 8  # cases outside the core into which a change is planted
_CALL = "fork"  # whose cases are made slower together


@dataclass(frozen=True)
class Planted:
    """One Figure. `sizes`: what the first half of the pairs declares and what the second, planted in
    the other's; `found`, `tried`: pairs; `called`: {rule: found}, empty for slopes and for quantities
    that are not primary."""

    figure: object
    sizes: tuple
    found: int
    tried: int
    called: dict


@dataclass(frozen=True)
class One:
    """A case of the quick runs whose times were all multiplied. `by_name`: it is called slower."""

    case: str
    stage: str
    factor: float
    by_name: bool
    status: int


@dataclass(frozen=True)
class Quick:
    """`status`: of the two runs as they are; `together`: of all cases of one call, slower by
    `factor`: the status, how many core figures of them of how many, and the slopes that were called
    slower."""

    status: int
    ones: tuple
    factor: float
    together: tuple


@dataclass(frozen=True)
class Results:
    """`pairs`, `runs`, `blocks`: [compared.Seen] of interleaved pairs, of separate runs one a side,
    and three a side in turns; `noise`: the document of forkcost aa, or None."""

    facts: object
    pairs: list
    runs: list
    blocks: list
    noise: dict | None
    planted: list = field(default_factory=list)
    quick: Quick | None = None
    spread: list = field(default_factory=list)
    variance: list = field(default_factory=list)


def evaluate(place, facts, say):
    """The Results. `facts`: the campaign's variance.Facts. Raises NoAnswer, InputError."""
    pairs, runs = place.pairs(), place.runs("separate")
    if not pairs and not runs:
        raise NoAnswer(f"{place.directory}: has neither pairs nor runs yet: measure first")
    noise_document = _noise(place)
    noise_file = str(place.noise_file) if noise_document else None
    say(f"{len(pairs)} pairs, {len(runs)} runs")
    of_pairs = processes.in_parts(lambda pair: [_of_pair(pair)], pairs)
    of_runs = processes.in_parts(lambda both: [_of_runs(both, noise_file)], apart(runs))
    of_blocks = processes.in_parts(lambda block: [_of_block(block, noise_file)], in_blocks(runs))
    say("changes are planted")
    return Results(
        facts, [seen for seen, _ in of_pairs], of_runs, of_blocks, noise_document,
        _planted(pairs, [seen for seen, _ in of_pairs]), _quick(place.runs("quick"), noise_file),
        spread.repeats(spread.read(place.runs("spread"))),
        variance.of([parts for _, parts in of_pairs],
                    processes.in_parts(lambda path: [variance.levels(path)], runs)))


def apart(runs):
    """Disjoint pairs of runs, as far apart in time as all pairs can be."""
    half = len(runs) // 2
    return list(zip(runs[:half], runs[half:2 * half]))


def in_blocks(runs):
    return [runs[i:i + len(IN_TURNS)] for i in range(0, len(runs) - len(IN_TURNS) + 1, len(IN_TURNS))]


def _noise(place):
    """Writes what forkcost aa says of its runs; the document, or None of too few."""
    runs = place.runs("aa")
    if len(runs) < aa.FEWEST:
        return None
    document = aa.of_files(runs)
    whole_files.write_whole(place.noise_file, aa.text(document))
    return document


def _of_pair(pair):
    base, new = (compared.read(label, [path]) for label, path in zip("ab", pair))
    return compared.seen(base, new, peers=True), variance.in_turns(base, new)


def _of_runs(both, noise_file):
    base, new = (compared.read(label, [path]) for label, path in zip("ab", both))
    return compared.seen(base, new, noise_file, peers=True)


def _of_block(block, noise_file):
    of_runs = [compared.read(side, [path]) for side, path in zip(IN_TURNS, block)]
    base, new = (compared.together(side, [f for f in of_runs if f.label == side]) for side in "AB")
    return compared.seen(base, new, noise_file)


def declared(of_pairs):
    """{Figure: the median of what comparisons say they would have found}, of those of all."""
    found = defaultdict(list)
    for seen in of_pairs:
        for figure, size in seen.detectable.items():
            if size is not None:
                found[figure].append(size)
    return {figure: float(np.median(sizes)) for figure, sizes in found.items()
            if len(sizes) == len(of_pairs)}


def _planted(pairs, of_pairs):
    """[Planted]: sizes that one half of the pairs declares, in the pairs of the other half."""
    half = len(pairs) // 2
    if half == 0:
        return []
    sizes = [declared(of_pairs[half:2 * half]), declared(of_pairs[:half])]  # for the first half, …
    work = [(pair, which) for which in (0, 1) for pair in pairs[which * half:(which + 1) * half]]
    outcomes = processes.in_parts(lambda item: [_in_pair(item[0], sizes[item[1]])], work)
    made = []
    for figure in sorted(sizes[0].keys() & sizes[1].keys()):
        of_figure = [outcome[figure] for outcome in outcomes if figure in outcome]
        called = {rule: sum(calls[rule] for _, calls in of_figure) for rule in of_figure[0][1]}
        made.append(Planted(figure, (sizes[1][figure], sizes[0][figure]),
                            sum(found for found, _ in of_figure), len(of_figure), called))
    return made


def _in_pair(pair, sizes):
    """{Figure: (found, {rule: did it call the case slower})}."""
    base, new = (compared.read(label, [path]) for label, path in zip("ab", pair))
    made = {}
    for figure, size in sizes.items():
        if any(case not in new.cases or case not in base.cases for case in figure.cases):
            continue
        seen = compared.with_planted(base, new, figure, 1 + size)
        primary = not figure.slope and figure.quantity == next(
            iter(base.cases[figure.cases[0]].values())).entries[0]["primary"]
        made[figure] = (seen.found.get(figure, False), {
            rule: of[figure.cases[0]] == 1 for rule, of in seen.called.items()} if primary else {})
    return made


def _quick(paths, noise_file):
    """None without two quick runs."""
    if len(paths) < 2:
        return None
    base, new = (compared.read(label, [path]) for label, path in zip(("base", "new"), paths))
    stage = stages.Stages(base, new, "time").of
    matcher = rows.Matcher(base, new, "time", thresholds.read())
    of_case = {}
    for name in (n for n in base.cases if n in new.cases):
        case = next(iter(base.cases[name].values()))
        found = [stage(name, q) for q, of in case.quantities.items() if of.unit == "ns" and matcher.compared(of)]
        of_case[name] = min(found, key=stages.ORDER.index, default=stages.REST)
    core = [name for name, of in of_case.items() if of == stages.CORE]
    others = [name for name, of in of_case.items() if of == stages.PRIMARY]
    chosen = core + random.Random(1).sample(others, min(_OTHERS, len(others)))
    work = [(name, factor) for factor in (1.3, 3.0) for name in chosen]
    ones = processes.in_parts(
        lambda item: [_one(base, new, item[0], of_case[item[0]], item[1], noise_file)], work)
    return Quick(compared.compare(base, new, noise_file).exit_status(), tuple(ones), 1.1,
                 _together(base, new, 1.1, noise_file))


def _one(base, new, name, stage, factor, noise_file):
    slower = plant.planted(new, plant.times(new, [name], factor))
    found = compared.compare(base, slower, noise_file)
    by_name = any(row.case == name and row.change.verdict == SLOWER and row.change.counts
                  for row in found.rows)
    return One(name, stage, factor, by_name, found.exit_status())


def _together(base, new, factor, noise_file):
    """(status, core figures called slower, of how many, slopes called slower)."""
    names = [name for name, of in new.cases.items() if next(iter(of.values())).benchmark == _CALL]
    found = compared.compare(base, plant.planted(new, plant.times(new, names, factor)), noise_file)
    core = [row.change.verdict == SLOWER for row in found.rows
            if row.case in names and row.change.stage == stages.CORE and row.change.p is not None]
    slopes = tuple(f.title for f in found.families
                   if f.change.verdict == SLOWER and f.rows[0].case in names and f.change.counts)
    return found.exit_status(), sum(core), len(core), slopes
