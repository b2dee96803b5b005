"""Compares two sides, or one with several: from files to Comparisons."""

import re
from collections import Counter
from dataclasses import dataclass, replace
from functools import cache, cached_property
from pathlib import Path

import numpy as np

from forkcost import load, processes, titles, units
from forkcost.compare import (
    accept, adjust, differences, explain, families, judge, neighbours, noise, rows, sides, stages, statistics)
from forkcost.compare.movement import Movement
from forkcost.compare.result import (
    FAILED, FASTER, GONE, MEANINGLESS, NEW, SAME, SLOWER, UNCLEAR, WARNING, Change, Comparison)
from forkcost.errors import InputError, NoAnswer

ALPHA = {
    "time": 0.01,
    # Rounds of executed instructions differ by 0.02 to 0.6% and boots by no more than their rounds, so that
    # what is beyond the threshold (0.5%) is rarely chance: of 132 comparisons of two boots of one kernel,
    # three rounds each, none had news. 1% more in one figure was found in 93 of them, at an error of 1% in
    # 77; with variances that are not moderated in 79 and 62.
    sides.EXACT: 0.05,
}
_MOVE_YARDSTICKS = ("kernel", "kernel's build", "kernel's command line")
_WORTH_SAYING = 0.005  # of a yardstick between the sides
_ORDER = (SLOWER, FAILED, FASTER, UNCLEAR, GONE, NEW, SAME)


def labelled(words):
    """{label: [paths]} of `FILE` or `LABEL=FILE`, in their order. Raises InputError."""
    found = {}
    for word in words:
        label, sign, path = word.partition("=")
        if not sign or Path(word).exists():
            label, path = None, word
        elif not label or not path:
            raise InputError(f"'{word}': write LABEL=FILE, such as 6.12=run.json")
        found.setdefault(label, []).append(path)
    if None not in found:
        return found
    if len(found) > 1:
        raise InputError(f"{found[None][0]}: has no label, others have: write LABEL=FILE for all")
    if len(words) != 2:
        raise InputError(f"{len(words)} file(s) without labels: give two, the base and the new "
                         "one; for several a side write LABEL=FILE for each")
    return {"base": [words[0]], "new": [words[1]]}


def comparisons(words, base_label, thresholds, **options):
    """[Comparison] of every other side with the base, and [why] of those that have none. Raises
    InputError, and NoAnswer where no side has one."""
    found = labelled(words)
    if len(found) < 2:
        raise InputError(f"only one side, {next(iter(found))}: give files with another label too")
    base_label = base_label or next(iter(found))
    if base_label not in found:
        raise InputError(f"--base-label {base_label}: no file has this label, there are "
                         + ", ".join(found))
    read = {label: sides.read(label, paths, options.get("force", False))
            for label, paths in found.items()}
    base = read.pop(base_label)
    options["ways"] = len(read)
    compared, without = [], []
    for new in read.values():
        try:
            with load.understood((*base.paths, *new.paths)):
                compared.append(compare(base, new, thresholds, **options))
        except NoAnswer as error:
            without.append(str(error))
    if not compared:
        raise NoAnswer("\n".join(without))
    return compared, without


@dataclass(frozen=True)
class Asked:
    """What is wanted of a comparison. `case`, `quantity`: expressions that names must have in them;
    `alpha`: the chance of bad news where nothing changed, None for the mode's, of all comparisons with
    one base, so many `ways`, together; `known_noise`: the path of a file of forkcost aa; `accepted`:
    known changes (accept); `everything`: what moved outside the core is bad news too; `repeated`: this
    is one look of several, `alpha` its share of the error: `same` is judged by an interval of that."""

    case: str = ""
    quantity: str = ""
    force: bool = False
    explained: bool = False
    alpha: float | None = None
    ways: int = 1
    known_noise: str | Path | None = None
    accepted: tuple = ()
    everything: bool = False
    repeated: bool = False

    @cached_property
    def cases(self):
        return _expression("--case", self.case)

    @cached_property
    def quantities(self):
        return _expression("--quantity", self.quantity)


@dataclass(frozen=True)
class _Matched:
    """What two sides (Files) have in common, before anything is judged. `made`: Rows that need no
    test; `beside`: [Measured] of the core's cases that nobody selected: they say what the machine did."""

    base: sides.Files
    new: sides.Files
    matcher: rows.Matcher
    stages: stages.Stages
    measured: list
    made: list
    noticed: rows.Noticed
    beside: list


def compare(base, new, thresholds, **options):
    """The Comparison of two sides.Files; `options`: see Asked. Raises NoAnswer where it would be
    meaningless, unless `force`, and where no case or quantity is on both sides; InputError where a
    side's files are not of one thing."""
    asked = Asked(**options)
    mode = sides.EXACT if base.mode == new.mode == sides.EXACT else "time"
    alpha = (asked.alpha or ALPHA[mode]) / asked.ways
    within = [w for files in (base, new) for w in differences.within(files)]
    found = _differences(base, new, asked.force)
    # Another kernel, or another setting, may itself move a yardstick: then it takes nothing out.
    alike = not any(d.severity == WARNING or d.what in _MOVE_YARDSTICKS for d in found)
    known = cache(lambda: noise.find((base, new), asked.known_noise))
    matched = _matched(base, new, mode, thresholds, asked, known)
    shifted = list(adjust.moved(base, new))
    measured = [_adjusted(matched.matcher, m, alike, {name for name, *_ in shifted})
                for m in matched.measured]
    judged = _judged(replace(matched, measured=measured), asked, alpha, alike, known)
    counts = [_heard(row) for row in matched.made] if asked.everything else matched.made
    made = [_of_core(row, matched.stages) for row in (*counts, *judged.rows)]
    tables = [files.quantities for files in (base, new)]
    compared = Comparison(
        base.side, new.side, mode, found,
        tuple(_titled(row, tables) for row in sorted(made, key=_rank)),
        tuple(_titled(f, tables) for f in sorted(judged.families, key=_rank)),
        warnings=(*within, *_warnings(base, new, matched.noticed, asked.cases),
                  *(judged.noise.warnings if judged.noise else ())),
        meanwhile=tuple((title, ratio) for _, title, ratio, sure in shifted
                        if sure and abs(ratio - 1) >= _WORTH_SAYING),
        yardsticks=() if mode == sides.EXACT else adjust.over_rounds(base, new),
        common=judged.common, noise=judged.noise.says if judged.noise else "", alpha=alpha,
        repeated=asked.repeated, autocorrelation=judged.autocorrelation)
    compared = accept.applied(compared, asked.accepted)
    return explain.with_causes(compared, base, new) if asked.explained else compared


def _differences(base, new, force):
    """(Difference) of the sides. Raises NoAnswer where they make it meaningless, unless `force`."""
    found = differences.between(base, new)
    bad = [d for d in found if d.severity == MEANINGLESS]
    if bad and not force:
        said = "; ".join(f"{d.what}: {d.base} and {d.new}" for d in bad)
        raise NoAnswer(f"{base.paths[0]} and {new.paths[0]} cannot be compared: {said}: measure "
                       "both alike, or --force")
    return found


def _matched(base, new, mode, thresholds, asked, known):
    """The _Matched. `known`: gives the machine's Noise. Raises NoAnswer where nothing is on both sides."""
    selected = bool(asked.case) or all(files.context.get("run", {}).get("filter")
                                       for files in (base, new))
    stage_of = stages.Stages(base, new, mode, selected, bool(asked.quantity))
    matcher = rows.Matcher(base, new, mode, thresholds, asked.quantities, stage_of.of,
                           lambda *of: known().rounds_of(*of))
    measured, made, noticed = [], rows.alone(base, new, asked.cases), rows.Noticed()
    names = [name for name in base.cases if name in new.cases]
    wanted = [name for name in names if asked.cases.search(name)]
    for of_case, counts, also in processes.in_parts(lambda name: [matcher.of_case(name)], wanted):
        measured += of_case
        made += counts
        noticed.add(also)
    if not measured and all(row.change.verdict in (NEW, GONE) for row in made):
        raise NoAnswer(f"{base.paths[0]} and {new.paths[0]} have nothing that can be compared: "
                       + _nothing(base, new, noticed, [e for e in (asked.case, asked.quantity) if e]))
    beside = []
    if asked.case:
        others = rows.Matcher(base, new, mode, thresholds, stage_of=stages.Stages(base, new, mode).of,
                              noise_of=matcher.noise_of)
        beside = [m for name in names if name not in set(wanted)
                  for m in others.of_case(name)[0] if m.stage == stages.CORE]
    return _Matched(base, new, matcher, stage_of, measured, made, noticed, beside)


def _heard(row):
    """The Row, of which the exit status hears."""
    return replace(row, change=replace(row.change, counts=True))


def _of_core(row, stage_of):
    """A case that is gone is of the core if anything of it was."""
    if row.change.verdict != GONE or stage_of.has_core(row.case):
        return row
    return replace(row, change=replace(row.change, stage=stages.REST, counts=False))


def _titled(item, tables):
    return replace(item, title=item.title or titles.case(item.case),
                   quantity_title=titles.quantity(item.quantity, *tables))


def _nothing(base, new, noticed, expressions):
    if expressions:
        named = " and ".join(f"'{e}'" for e in expressions)
        return f"no case or quantity on both sides that has {named} in its name"
    said = "no quantity of any case is in both"
    if not set(base.cases) & set(new.cases):
        said = (f"they have no case in common ({len(base.cases)} and {len(new.cases)}): measure "
                "the same cases")
    return "; ".join([said, *_units(noticed)])


def _expression(option, text):
    try:
        return re.compile(text)
    except re.error as error:
        raise InputError(f"{option} '{text}' is no regular expression: {error}") from error


def _adjusted(matcher, measured, decides, shifted):
    """`shifted`: yardsticks that lie apart on the two sides: of pairs they tell nothing."""
    if measured.paired and measured.meanwhile is not None:
        measured = replace(measured, meanwhile=adjust.steady(measured.meanwhile, shifted))
    found = adjust.taken_out(measured, decides)
    if found.of_units is measured.of_units:
        return found
    raw = measured.evidence.test.delta
    return replace(found, evidence=replace(matcher.tested(found), raw=raw))


@dataclass(frozen=True)
class _Judged:
    """`rows`, `families`: with their verdicts; `common`: the Change of what all cases moved, or None;
    `noise`: the Noise that is in it, or None; `autocorrelation`: of neighbouring pairs."""

    rows: list
    families: list
    common: Change | None
    noise: noise.Noise | None
    autocorrelation: float


def _judged(matched, asked, alpha, alike, known):
    matcher, measured = matched.matcher, matched.measured
    slopes = [replace(slope, evidence=matcher.tested(slope))
              for slope in families.found(measured, matcher.base.runs[0].page_size)]
    items, movement, common = [*measured, *slopes], None, None
    if matcher.mode != sides.EXACT:
        n_files = [len(files.paths) for files in (matched.base, matched.new)]
        movement = _movement(matched, items, n_files, known, alike)
        if movement:
            items = [movement.taken_out(item, n_files) for item in items]
            common = movement.evidence(n_files, matcher.thresholds.of("time", ""))
    core = [m for m in (*measured, *matched.beside) if m.stage == stages.CORE]
    items, autocorrelation = _widened(items, core)
    changes, moved = judge.judge(_moderated(items), alpha, common, asked.repeated)
    if asked.everything:
        changes = [replace(change, counts=True) for change in changes]
    family = {}
    for slope in slopes:
        for m in slope.members:
            family.setdefault((m.case.name, m.quantity), slope.key)
    made = [m.row(change, family.get((m.case.name, m.quantity)))
            for m, change in zip(measured, changes)]
    by_name = {(row.case, row.quantity): row for row in made}
    of_slopes = [slope.family(change, by_name) for slope, change in
                 zip(slopes, changes[len(measured):])]
    by_prior = any(item.evidence.prior for item in items)
    return _Judged(made, of_slopes, moved, movement.said if movement else known() if by_prior else None,
                   autocorrelation)


def _widened(items, core):
    """(the items, of which pairs that follow each other are no further evidence as far as they are alike;
    how alike they are)."""
    def differences(item):
        base, new = (item.evidence.sign * np.log(x) for x in item.of_units)
        return dict(zip(item.pairs, new - base))
    alike = neighbours.alike([differences(m) for m in core if m.paired and m.evidence.test])
    if not alike:
        return items, alike
    made = list(items)
    for n, (item, evidence) in enumerate((i, i.evidence) for i in items):
        if item.paired and evidence.test and not evidence.prior:  # else it knows nothing of these pairs
            pairs = item.pairs[:len(item.of_units[0])]
            made[n] = replace(item, evidence=replace(
                evidence, test=neighbours.widened(evidence.test, alike, pairs)))
    return made, alike


def _movement(matched, items, n_files, known, alike):
    """The Movement of all cases between the runs; None of pairs."""
    if not any(i.evidence.p is not None and not i.paired for i in items):
        return None
    both = matched.base, matched.new
    names, moved = adjust.of_runs(both)
    core = [m for m in (*matched.measured, *matched.beside) if m.stage == stages.CORE]
    return Movement.of(core, n_files, known(),
                       dict(zip(names, moved[1] - moved[0])) if alike else None)


def _moderated(items):
    """Their tests, with variances that know what is usual of their quantity; where that is too
    few, of their unit."""
    tested = [i for i, item in enumerate(items)
              if item.evidence.test is not None and not item.evidence.prior]
    kinds = [(items[i].quantity, isinstance(items[i], families.Slope)) for i in tested]
    often = Counter(kinds)
    kinds = [kind if often[kind] >= statistics.FEW else items[i].evidence.unit
             for i, kind in zip(tested, kinds)]
    made = list(items)
    for i, test in zip(tested, statistics.moderated(
            [items[i].evidence.test for i in tested], kinds)):
        made[i] = replace(items[i], evidence=replace(items[i].evidence, test=test))
    return made


def _rank(item):
    """What matters first; of a verdict the largest first, of unclear the worst."""
    change = item.change
    ratio = change.ratio
    size = np.log(ratio) if ratio and ratio > 0 else np.inf
    return (stages.ORDER.index(change.stage), _ORDER.index(change.verdict),
            -size if change.verdict == UNCLEAR else -abs(size))


def _warnings(base, new, noticed, wanted):
    both = [n for n in base.unmeasured("failed") if n in new.unmeasured("failed")
            and n not in base.cases and n not in new.cases and wanted.search(n)]
    if both:
        yield f"failed on both sides, not compared: {', '.join(both)}"
    if noticed.alone:
        yield (f"{units.many([noticed.alone], 'quantity', 'quantities')} measured on one "
               "side only: not compared")
    files = [len(files.paths) >= sides.FILES_ARE_UNITS for files in (base, new)]
    if files[0] != files[1]:
        few = (base, new)[files.index(False)]
        yield (f"{few.label} has {units.many([len(few.paths)], 'file')}: what its boots or runs differ "
               f"by is not measured; give {sides.FILES_ARE_UNITS} or more")
    yield from differences.of_boots(base, new)
    yield from _units(noticed)
    for name in sorted(noticed.unknown):
        yield f"unknown estimator {name}: compared by the median"


def _units(noticed):
    for name, sides_have in sorted(noticed.unlike.items()):
        yield f"{name} is {' and '.join(sides_have)}: not compared"
