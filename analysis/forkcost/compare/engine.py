"""Compares two sides, or one with several: from files to Comparisons."""

import re
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np

from forkcost import load, processes, titles, units
from forkcost.compare import (
    accept, adjust, differences, explain, families, judge, noise, rows, sides, stages, statistics)
from forkcost.compare.movement import Movement
from forkcost.compare.result import (
    FAILED, FASTER, GONE, MEANINGLESS, NEW, SAME, SLOWER, UNCLEAR, WARNING, Comparison)
from forkcost.errors import InputError, NoAnswer

ALPHA = 0.01
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
    options["alpha"] = options.get("alpha", ALPHA) / len(read)  # of all comparisons together
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


def compare(base, new, thresholds, case="", quantity="", force=False, explained=False,
            alpha=ALPHA, known_noise=None, accepted=(), everything=False, repeated=False):
    """The Comparison of two sides.Files. `case`, `quantity`: expressions that names must have in
    them. `known_noise`: the path of a file of forkcost aa; `accepted`: known changes (accept);
    `everything`: what moved outside the core is bad news too; `repeated`: this is one look of several,
    `alpha` its share of the error: `same` is judged by an interval of that. Raises NoAnswer where it would be
    meaningless, unless `force`, and where no case or quantity is on both sides; InputError where a
    side's files are not of one thing."""
    within = [w for files in (base, new) for w in differences.within(files)]
    found = differences.between(base, new)
    bad = [d for d in found if d.severity == MEANINGLESS]
    if bad and not force:
        said = "; ".join(f"{d.what}: {d.base} and {d.new}" for d in bad)
        raise NoAnswer(f"{base.paths[0]} and {new.paths[0]} cannot be compared: {said}: measure "
                       "both alike, or --force")
    mode = sides.EXACT if base.mode == new.mode == sides.EXACT else "time"
    wanted = _expression("--case", case)
    selected = bool(case) or all(files.context.get("run", {}).get("filter")
                                 for files in (base, new))
    stage_of = stages.Stages(base, new, mode, selected, bool(quantity))
    matcher = rows.Matcher(base, new, mode, thresholds, _expression("--quantity", quantity),
                           stage_of.of)
    measured, made, noticed = [], rows.alone(base, new, wanted), rows.Noticed()
    names = [name for name in base.cases if name in new.cases]
    selected_names = {name for name in names if wanted.search(name)}
    for of_case, counts, also in processes.in_parts(
            lambda name: [matcher.of_case(name)], [n for n in names if n in selected_names]):
        measured += of_case
        made += counts
        noticed.add(also)
    if not measured and all(row.change.verdict in (NEW, GONE) for row in made):
        raise NoAnswer(f"{base.paths[0]} and {new.paths[0]} have nothing that can be compared: "
                       + _nothing(base, new, noticed, [e for e in (case, quantity) if e]))
    # Another kernel, or another setting, may itself move a yardstick: then it takes nothing out.
    alike = not any(d.severity == WARNING or d.what in _MOVE_YARDSTICKS for d in found)
    shifted = list(adjust.moved(base, new))
    measured = [_adjusted(matcher, m, alike, {name for name, *_ in shifted}) for m in measured]
    others = [n for n in names if n not in selected_names]
    beside = _beside(base, new, mode, thresholds, others) if case else []
    judged, in_families, common, known = _judged(matcher, measured, alpha, known_noise,
                                                  everything, alike, repeated, beside)
    made += judged
    made = [_of_core(row, stage_of) for row in made]
    tables = [files.quantities for files in (base, new)]
    compared = Comparison(base.side, new.side, mode, found,
                          tuple(_titled(row, tables) for row in sorted(made, key=_rank)),
                          tuple(_titled(f, tables) for f in sorted(in_families, key=_rank)),
                          warnings=(*within, *_warnings(base, new, noticed, wanted),
                                    *(known.warnings if known else ())),
                          meanwhile=tuple((title, ratio) for _, title, ratio, sure in shifted
                                          if sure and abs(ratio - 1) >= _WORTH_SAYING),
                          common=common, noise=known.says if known else "", alpha=alpha,
                          repeated=repeated)
    compared = accept.applied(compared, accepted)
    return explain.with_causes(compared, base, new) if explained else compared


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


def _beside(base, new, mode, thresholds, names):
    """[Measured] of the core's cases that nobody selected: they say what the machine did."""
    stage_of = stages.Stages(base, new, mode).of
    matcher = rows.Matcher(base, new, mode, thresholds, stage_of=stage_of)
    return [m for name in names for m in matcher.of_case(name)[0] if m.stage == stages.CORE]


def _adjusted(matcher, measured, decides, shifted):
    """`shifted`: yardsticks that lie apart on the two sides: of pairs they tell nothing."""
    if measured.paired and measured.meanwhile is not None:
        measured = replace(measured, meanwhile=adjust.steady(measured.meanwhile, shifted))
    found = adjust.taken_out(measured, decides)
    if found.of_units is measured.of_units:
        return found
    raw = measured.evidence.test.delta
    return replace(found, evidence=replace(matcher.tested(found), raw=raw))


def _judged(matcher, measured, alpha, named, everything, alike, repeated, beside):
    """([Row], [Family], the Change of what all cases moved, the Noise that is in it)."""
    slopes = [replace(slope, evidence=matcher.tested(slope))
              for slope in families.found(measured, matcher.base.runs[0].page_size)]
    items = [*measured, *slopes]
    movement = common = None
    if matcher.mode != sides.EXACT:
        n_files = [len(files.paths) for files in (matcher.base, matcher.new)]
        if any(i.evidence.test and not i.paired for i in items):
            known = noise.find((matcher.base, matcher.new), named)
            names, moved = adjust.of_runs((matcher.base, matcher.new))
            movement = Movement.of([m for m in (*measured, *beside) if m.stage == stages.CORE], n_files, known,
                                   dict(zip(names, moved[1] - moved[0])) if alike else None)
            items = [movement.taken_out(item, n_files) for item in items]
        items = _moderated(items)
        common = movement and movement.evidence(n_files, matcher.thresholds.of("time", ""))
    changes, moved = judge.judge(items, alpha, common, repeated)
    if everything:
        changes = [replace(change, counts=True) for change in changes]
    family = {}
    for slope in slopes:
        for m in slope.members:
            family.setdefault((m.case.name, m.quantity), slope.key)
    made = [m.row(change, family.get((m.case.name, m.quantity)))
            for m, change in zip(measured, changes)]
    by_name = {(row.case, row.quantity): row for row in made}
    return made, [slope.family(change, by_name) for slope, change in
                  zip(slopes, changes[len(measured):])], moved, movement and movement.said


def _moderated(items):
    """Their tests, with variances that know what is usual of their quantity; where that is too
    few, of their unit."""
    tested = [i for i, item in enumerate(items) if item.evidence.test is not None]
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
