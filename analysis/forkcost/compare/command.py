"""What `forkcost compare` and `forkcost aa` do with their arguments."""

from pathlib import Path

from forkcost import load
from forkcost.compare import engine, sides
from forkcost.errors import InputError, NoAnswer


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
    compared, without = [], []
    for new in read.values():
        try:
            with load.understood((*base.paths, *new.paths)):
                compared.append(engine.compare(base, new, thresholds, **options))
        except NoAnswer as error:
            without.append(str(error))
    if not compared:
        raise NoAnswer("\n".join(without))
    return compared, without
