"""The small pictures of the claims table: labelled bars, plain SVG in the page's colours."""

from html import escape

from forkcost import units
from forkcost.claims.verdict import amount, number

_ROW, _LABEL, _BAR, _VALUE = 17, 118, 104, 78  # pixels


def bars(picture):
    """The SVG of a Picture. All bars have one linear scale that begins at 0."""
    longest = max(value for _, value in picture.bars) or 1
    height = _ROW * len(picture.bars)
    width = _LABEL + _BAR + _VALUE
    said = ", ".join(f"{label} {_words(value, picture.unit)}" for label, value in picture.bars)
    lines = [f'<svg class="picture" viewBox="0 0 {width} {height}" width="{width}" '
             f'height="{height}" role="img" aria-label="{escape(said)}">']
    for row, (label, value) in enumerate(picture.bars):
        y, length = row * _ROW, _BAR * value / longest
        lines += [
            f'<text x="{_LABEL - 5}" y="{y + 12}" text-anchor="end">{escape(label)}</text>',
            f'<rect x="{_LABEL}" y="{y + 2}" width="{max(length, 1):.1f}" height="{_ROW - 5}"/>',
            f'<text x="{_LABEL + max(length, 1) + 4:.1f}" y="{y + 12}">'
            f'{escape(_words(value, picture.unit))}</text>']
    return "".join([*lines, "</svg>"])


def _words(value, unit):
    if unit == "bytes":
        return amount(value)
    return number(value) if unit == "1" else units.value(value, unit)
