"""How figures are written for people: three significant digits and a unit that fits."""

import math

NBSP = "\u00a0"  # a figure and its unit stay on one line
GIB = 2**30
MIB = 2**20
_BINARY = ((2**40, "TiB"), (GIB, "GiB"), (MIB, "MiB"), (2**10, "KiB"))
_TIME = ((1e9, "s"), (1e6, "ms"), (1e3, "µs"), (1.0, "ns"))


def number(value, digits=3):
    """`value` with `digits` significant digits, never in exponent form: 13.3, 0.0512, 1,240."""
    if value == 0:
        return "0"
    decimals = max(0, digits - 1 - math.floor(math.log10(abs(value))))
    return f"{value:,.{decimals}f}"


def time(ns, digits=3):
    """Nanoseconds as people say them: 47.1 µs, 13.3 ms."""
    factor, unit = next((u for u in _TIME if abs(ns) >= u[0] * 0.9995), _TIME[-1])
    return f"{number(ns / factor, digits)}{NBSP}{unit}"


def time_range(low, high, digits=3):
    """Two times in one unit: `12.6–13.3 ms`."""
    factor, unit = next((u for u in _TIME if abs(high) >= u[0] * 0.9995), _TIME[-1])
    return f"{number_range(low / factor, high / factor, digits)}{NBSP}{unit}"


def size(n_bytes, digits=4):
    """Bytes: `empty`, `256 MiB`, `1 GiB`, `77 MiB` (the largest unit with at least 1)."""
    if n_bytes == 0:
        return "empty"
    factor, unit = _binary(n_bytes)
    return f"{n_bytes / factor:.{digits}g}{NBSP}{unit}"


def amount(n_bytes, digits=3):
    """Bytes of memory, where 0 is a finding and not an empty arena: `0 bytes`, `61.4 KiB`."""
    factor, unit = _binary(n_bytes)
    return f"{number(n_bytes / factor, digits)}{NBSP}{unit}"


def amount_range(low, high, digits=3):
    """Two amounts in one unit: `61.2–61.9 KiB`."""
    factor, unit = _binary(max(abs(low), abs(high)))
    return f"{number_range(low / factor, high / factor, digits)}{NBSP}{unit}"


def _binary(n_bytes):
    return next((u for u in _BINARY if abs(n_bytes) >= u[0]), (1, "bytes"))


def number_range(low, high, digits=3):
    """Two numbers: `12.6–13.3`, `-2 to 3`."""
    return (" to " if low < 0 else "–").join(number(bound, digits) for bound in (low, high))


def factor(ratio):
    """A ratio: `148×`, `1.02×`."""
    return f"{number(ratio)}×"


def against(ratio):
    """A ratio to a base for people: `27.3× less`, `2.58× more`, `the same` (within 1%)."""
    if abs(ratio - 1) < 0.01:
        return "the same"
    return f"{factor(ratio)} more" if ratio > 1 else f"{factor(1 / ratio)} less"


def percent(share):
    """A share: `4%`, `0.3%`."""
    return f"{number(100 * share, 2) if 0 < share < 0.1 else format(100 * share, '.0f')}%"


def value(x, unit):
    """A figure in a quantity's unit (results/FORMAT.md: `ns`, `1`, `ratio`, `bytes`)."""
    if unit == "ns":
        return time(x)
    if unit == "bytes":
        return size(x) if x else amount(0)
    return number(x)


def whole(count):
    """A count: `0`, `16`, `160,000`."""
    return f"{count:,.0f}"


def count(x, digits=3):
    """An event's count, which may be large: `28`, `0.0312`, `16.4 k`, `8.23 M`."""
    for least, power, unit in ((1e9, 1e9, "G"), (1e6, 1e6, "M"), (1e4, 1e3, "k")):
        if abs(x) >= least:
            return f"{number(x / power, digits)}{NBSP}{unit}"
    return whole(x) if float(x).is_integer() else number(x, digits)


def many(values, what, plural=None):
    """Sorted whole numbers of something: `1 round`, `5 rounds`, `3–5 rounds`."""
    if len(values) == 1:
        return f"{values[0]:,} {what if values[0] == 1 else plural or what + 's'}"
    return f"{values[0]:,}–{values[-1]:,} {plural or what + 's'}"
