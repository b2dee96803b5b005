"""Cases that differ in size only, as one piece of news: the slope of their line."""

from dataclasses import dataclass

import numpy as np

from forkcost import model, titles
from forkcost.compare import judge, stages
from forkcost.compare.result import Family

# axis -> what one more of it is. A heap is counted in pages.
AXES = {"heap": "page", "libraries": "library", "relocations": "relocation",
        "processes": "process", "mappings": "mapping", "vmas": "VMA", "fds": "descriptor",
        "threads": "thread"}
_STEP = 0.001  # of a value: so small that a slope moves in proportion
RISES = 0.1  # of the cost at the smallest size: a line that rises less has no slope to speak of


@dataclass(frozen=True)
class Slope:
    """A family before it is judged. `members`: Measured, by size; has `quantity`, `evidence`,
    `of_units`, `files`, `pairs`, `floor`, `stage`, `group` and `paired` as one of these. `amplified`: the
    variance of its logarithm per variance of the members': a line that rises little is known badly."""

    key: str
    title: str
    per: str
    sizes: np.ndarray
    members: tuple
    scale: float  # sizes per `per`
    evidence: judge.Evidence
    of_units: tuple
    floor: float
    amplified: float

    @property
    def paired(self):
        return all(m.paired for m in self.members)

    @property
    def quantity(self):
        return self.members[0].quantity

    lost = 0  # its members' units have paid

    @property
    def case_names(self):
        return tuple(m.case.name for m in self.members)

    @property
    def _shortest(self):
        return min(self.members, key=lambda m: len(m.files[0]))

    @property
    def files(self):
        return tuple(files[:len(of_side)] for files, of_side in zip(self._shortest.files, self.of_units))

    @property
    def pairs(self):
        return self._shortest.pairs

    @property
    def group(self):
        return self.members[0].group

    @property
    def stage(self):
        """The first in which two of its members are: they are a line."""
        return sorted((m.stage for m in self.members), key=stages.ORDER.index)[1]

    def family(self, change, rows):
        """`rows`: {(case, quantity): Row}."""
        points = tuple((float(size), m.evidence.base, m.evidence.new)
                       for size, m in zip(self.sizes, self.members))
        return Family(self.key, self.members[0].quantity, self.per, change, points,
                      tuple(rows[m.case.name, m.quantity] for m in self.members), self.title)


def found(measured, page_size):
    """[Slope] of all axes. A case may be in one per axis that it has."""
    groups = {}
    for m in measured:
        for axis in AXES:
            size = _size(m.case, axis)
            if size is not None:
                rest = "/".join(part for part in m.case.name.split("/")[1:]
                                if not part.startswith(f"{axis}:"))
                groups.setdefault((m.case.benchmark, rest, axis, m.quantity), []).append((size, m))
    slopes = (_slope(key, members, page_size) for key, members in groups.items())
    return [slope for slope in slopes if slope is not None]


def _size(case, axis):
    if axis not in case.axes:
        return None
    if axis == "heap":
        return case.heap_bytes
    return int(case.axes[axis]) if case.axes[axis].isdecimal() else None


def _slope(key, members, page_size):
    """None where there is no line, or none that rises on both sides."""
    benchmark, rest, axis, quantity = key
    members = sorted(((x, m) for x, m in members if m.evidence.ratio is not None
                      and m.paired == members[0][1].paired),
                     key=lambda found: found[0])
    above = [(x, m) for x, m in members if x > 0]
    # An empty arena has no tables: it is a point of the line only where there is no other.
    if axis == "heap" and len({x for x, _ in above}) > 1:
        members = above
    sizes = np.array([x for x, _ in members], dtype=float)
    if len(np.unique(sizes)) < 2:
        return None
    if axis == "relocations":
        sizes *= max(int(members[0][1].case.axes.get("libraries", "1") or 1), 1)
    members = tuple(m for _, m in members)
    fitted = [_slopes(sizes, np.array([[getattr(m.evidence, side) for m in members]]))[0]
              for side in ("base", "new")]
    n_units = [min(len(m.of_units[side]) for m in members) for side in (0, 1)]
    of_units = tuple(_slopes(sizes, np.column_stack([m.of_units[side][:n] for m in members]))
                     for side, n in enumerate(n_units))
    lowest = min(m.evidence.base for m in members)
    flat = fitted[0] * np.ptp(sizes) <= RISES * lowest
    if flat or min(map(np.min, (fitted, *of_units))) <= 0:
        return None
    floor = _floor(sizes, members, fitted)
    if floor > 1:
        return None  # a step of one value more, and it would be another line
    amplified = max(_moved(sizes, members, fitted, [_STEP * m.evidence.base for m in members]) / _STEP**2, 1.0)
    scale = page_size if axis == "heap" else 1
    first = members[0].evidence
    unit = quantity.partition(":")[0] if first.unit == "1" else first.unit
    evidence = judge.Evidence(
        float(fitted[0] * scale), float(fitted[1] * scale), f"{unit} per {AXES[axis]}",
        first.estimator, first.threshold, first.sign, what=first.what)
    name = "/".join(part for part in (benchmark, rest) if part)
    return Slope(f"{name} {quantity} per {AXES[axis]}", titles.case(name, AXES[axis], page_size),
                 AXES[axis], sizes, members, scale, evidence, of_units, floor, amplified)


def _floor(sizes, members, fitted):
    """The variance that the steps of the members' values give the slope's logarithm."""
    return _moved(sizes, members, fitted, [m.step / np.sqrt(12) for m in members])


def _moved(sizes, members, fitted, by):
    """The variance of the slope's logarithm where each member's value has that deviation `by` itself."""
    moved = np.diag(by)
    return max(float(((_slopes(sizes, moved + [getattr(m.evidence, side) for m in members])
                       / slope - 1)**2).sum()) for side, slope in zip(("base", "new"), fitted))


def _slopes(sizes, points):
    """Of the lines through points along the last axis, as model.fit draws them."""
    rows = points.reshape(-1, len(sizes))
    slopes = model.weighted_lines(sizes, rows, np.full(len(sizes), np.nan))[0]
    return slopes.reshape(points.shape[:-1])
