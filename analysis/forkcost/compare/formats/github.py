"""Workflow commands of GitHub Actions, worst first: an error per regression, a notice per improvement
and for the summary; a warning per unclear change if `strict`."""

from forkcost.compare import phrases
from forkcost.compare.result import FAILED, FASTER, SLOWER, UNCLEAR

ARTIFACT = "compare.github"
_ANNOTATIONS = 10  # of each level that GitHub shows of one step


def document(comparisons, strict=False):
    lines = []
    for c in comparisons:
        lines.append(_command("notice", f"forkcost {phrases.sides(c)}",
                              f"{phrases.verdict(c, strict)}: {phrases.counts(c)}. "
                              f"{phrases.MODES.get(c.mode, c.mode)}"))
        for level, verdicts in (("error", (SLOWER, FAILED)),
                                ("warning", (UNCLEAR,) if strict else ()),
                                ("notice", (FASTER,))):
            items = phrases.listed(c, *verdicts)
            room = _ANNOTATIONS - (level == "notice")  # the summary is one
            shown = items if len(items) <= room else items[:room - 1]
            lines += [_command(level, f"{item.change.verdict}: {phrases.title(item)}",
                               _message(item, c)) for item in shown]
            if len(shown) < len(items):
                lines.append(_command(level, f"forkcost {phrases.sides(c)}",
                                      f"{len(items) - len(shown)} more like these are not shown"))
    return "".join(lines)


def _message(item, c):
    lines = [phrases.said(item, c.mode), phrases.sides(c)]
    if phrases.title(item) != phrases.name(item):
        lines.append(phrases.name(item))
    return "\n".join(lines)


def _command(level, title, message):
    """GitHub's runner decodes just these."""
    def escaped(text):
        return (phrases.legal(text).replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A"))

    title = escaped(title).replace(":", "%3A").replace(",", "%2C")
    return f"::{level} title={title}::{escaped(message)}\n"
