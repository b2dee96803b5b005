"""What a comparison can see: a campaign measures the same thing again and again, plants changes of known
size into it, and counts what is found, and what is found where nothing is."""

from forkcost import files
from forkcost_lab.resolution import campaign

NAME = "resolution.md"


def report(directory, command, say):
    """Writes the campaign's document; its path."""
    from forkcost_lab.resolution import document, evaluate, variance

    place = campaign.Place(directory)
    measured = [*(path for pair in place.pairs() for path in pair), *place.runs("separate")]
    results = evaluate.evaluate(place, variance.facts(measured) if measured else None, say)
    target = directory / NAME
    files.write_whole(target, document.markdown(results, command))
    return target
