"""What a comparison found, for all of its outputs. Values are in the quantity's unit, ratios are
new / base, intervals are (low, high) at 95%."""

from dataclasses import dataclass, field
from pathlib import Path

SLOWER, FASTER, SAME, UNCLEAR = "slower", "faster", "same", "unclear"
NEW, GONE, FAILED = "new", "gone", "failed"
VERDICTS = (SLOWER, FASTER, UNCLEAR, SAME, NEW, GONE, FAILED)

NOTE, WARNING, MEANINGLESS = "note", "warning", "meaningless"


@dataclass(frozen=True)
class Side:
    """`label`: `base`, `new`, or what the caller named it. `says`: kernel, machine and suite, in
    one line."""

    label: str
    paths: tuple[Path, ...]
    says: str


@dataclass(frozen=True)
class Difference:
    """What is different between the sides but should not be. `severity`: NOTE; WARNING: figures
    may differ for this reason alone; MEANINGLESS: there is nothing to compare."""

    what: str
    base: str
    new: str
    severity: str


@dataclass(frozen=True)
class Change:
    """A ratio with its verdict. `interval`, `p`: None where there are too few rounds. `p` is
    corrected for all changes of the comparison (Holm). `threshold`: 0.05 for 5%. `more_rounds`: of
    an unclear one, how many more per side would settle it; None where 1,000 would not.
    `replicated`: what of, `round` or `file`. `detectable`: the smallest slowdown that these rounds
    find with a power of 80% (0.03 for 3%); None without rounds. `exact`: counted, not timed: any
    difference is one. `paired`: by rounds that were interleaved."""

    base: float | None
    new: float | None
    unit: str
    estimator: str
    ratio: float | None
    interval: tuple[float, float] | None
    p: float | None
    threshold: float
    verdict: str
    reason: str = ""
    more_rounds: int | None = None
    detectable: float | None = None
    exact: bool = False
    paired: bool = False
    replicated: str = "round"


@dataclass(frozen=True)
class Row:
    """One quantity of one case. `rounds`, `medians`: of base and new. `family`: key of the Family
    that it belongs to; None outside all. `title`, `quantity_title`: what people call them (titles);
    "" in a Row that nobody gave any. `quantity` is "" where the whole case is new, gone or
    failed."""

    case: str
    quantity: str
    axes: dict
    heap_bytes: int | None
    change: Change
    rounds: tuple[int, int]
    medians: tuple[float | None, float | None]
    family: str | None = None
    title: str = ""
    quantity_title: str = ""


@dataclass(frozen=True)
class Family:
    """Cases that differ in size only, by their fitted line: one piece of news in place of one per
    size. `change`: of the slope, its unit `ns per page`, `ns per VMA`…. `points`: for curves, one
    (size, base, new) per case."""

    key: str
    quantity: str
    per: str
    change: Change
    points: tuple[tuple[float, float, float], ...]
    rows: tuple[Row, ...]
    title: str = ""
    quantity_title: str = ""


@dataclass(frozen=True)
class Cause:
    """A counter or kernel function of a case that moved. `kind`: `counter` or `function`. Counts, or
    ns, per operation; `share`: of the case's difference, where that can be said. `title`: the
    case's, "" where nobody gave any."""

    case: str
    kind: str
    name: str
    unit: str
    base: float
    new: float
    share: float | None = None
    title: str = ""


@dataclass(frozen=True)
class Comparison:
    """`mode`: how figures were measured: `time` (a clock), `exact` (executed instructions). `rows`:
    all, those that matter first. `families`: likewise; a row in a family whose verdict is its
    family's need not be listed. `causes`: with --explain."""

    base: Side
    new: Side
    mode: str
    differences: tuple[Difference, ...]
    rows: tuple[Row, ...]
    families: tuple[Family, ...]
    causes: tuple[Cause, ...] = ()
    warnings: tuple[str, ...] = field(default=())

    def count(self, verdict):
        """Rows with this verdict."""
        return sum(row.change.verdict == verdict for row in self.rows)

    def exit_status(self, strict=False):
        """0 no regression; 1 one, or a case that failed on the new side alone. `strict`: unclear
        counts too."""
        changes = [*(f.change.verdict for f in self.families), *(r.change.verdict for r in self.rows)]
        bad = {SLOWER, FAILED} | ({UNCLEAR} if strict else set())
        return int(any(verdict in bad for verdict in changes))
