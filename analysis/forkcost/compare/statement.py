"""How a comparison was made, in sentences: which estimator, what was replicated, how corrected."""

from collections import Counter

from forkcost import units
from forkcost.compare import statistics, words
from forkcost.compare.sides import FILES_ARE_UNITS


def replicated(comparison):
    """What is: `the file` on a side that has several, else `the round`."""
    of_sides = {side.label: "file" if len(side.paths) >= FILES_ARE_UNITS else "round"
                for side in (comparison.base, comparison.new)}
    if len(set(of_sides.values())) == 1:
        return f"the {next(iter(of_sides.values()))}"
    return ", ".join(f"of {words.plain(label)} the {what}" for label, what in of_sides.items())


def statement(comparison):
    changes = [i.change for i in (*comparison.rows, *comparison.families)]
    tested = [c for c in changes if c.p is not None]
    parts = [words.MODES[comparison.mode]]
    if tested:
        used = Counter(c.estimator for c in tested)
        by = ", ".join(f"{name} ({n})" for name, n in used.most_common())
        what = replicated(comparison)
        paired = any(c.paired for c in tested)
        parts += [
            f"Ratios are new / base of the estimator that the files name: {by}.",
            f"Replicated is {what}" + (", in pairs that were measured in turns." if paired
                                       else "."),
            f"95% intervals: bootstrap of {'files, then ' if 'file' in what else ''}rounds, then "
            "samples. slower, faster: the whole interval is beyond the threshold, and a t-test is "
            f"significant at {statistics.ALPHA:.0%} after Holm's correction for all "
            f"{units.many([len(tested)], 'ratio')} of this comparison, slopes among them. same: "
            "the whole interval is inside."]
    if any(c.exact for c in changes):
        parts.append("Counts that are the same in all samples of a side are compared exactly.")
    return " ".join(parts)
