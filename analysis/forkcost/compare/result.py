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
    one line. `boots`: how many its files were measured in; 0 where they do not say."""

    label: str
    paths: tuple[Path, ...]
    says: str
    boots: int = 0


@dataclass(frozen=True)
class Difference:
    """What is different between the sides but should not be. `severity`: NOTE; WARNING: figures
    may differ for this reason alone; MEANINGLESS: there is nothing to compare. `only`: a setting
    that the kernel of one side alone has, `base` or `new`; else empty."""

    what: str
    base: str
    new: str
    severity: str
    only: str = ""


@dataclass(frozen=True)
class Adjustment:
    """`ratio`, `interval`: what a figure is without what yardsticks explain of it; `explained`: their
    share of the variance of its rounds, out of sample; `decides`: whether the verdict is of this
    one."""

    ratio: float
    interval: tuple[float, float]
    explained: float
    decides: bool


@dataclass(frozen=True)
class Change:
    """A ratio with its verdict. `interval`, `p`: None where there are too few rounds. `ratio`: what
    was judged; `raw`: before anything was taken out, what all cases moved together or what
    yardsticks explain, None where that is the same; `adjusted`: by yardsticks, where they explain
    something. `stage`: as stages has it; `p` is corrected for all that its stage has. `threshold`: the
    smallest change worth telling, 0.05 for 5%. `counts`: whether the exit status hears of it;
    `accepted`: the reason why not, of a change that is known. `more_rounds`: of an unclear one, how
    many more per side would settle it; None where 1,000 would not. `replicated`: what of, `round`
    or `file`. `detectable`: the smallest slowdown that these rounds find with a power of 80% (0.03
    for 3%); None where that is not known. `exact`: counted, not timed: any difference is one.
    `paired`: by rounds that were interleaved."""

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
    raw: float | None = None
    stage: str = "core"
    counts: bool = True
    accepted: str = ""
    adjusted: Adjustment | None = None


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
class Yardstick:
    """How far the machine stood from what is usual of the base, in percent: `base`, `new`: (number of the
    round, p10, median, p90) over the `cases` of each round, in the order of time."""

    title: str
    base: tuple[tuple[int, float, float, float], ...]
    new: tuple[tuple[int, float, float, float], ...]
    cases: int


@dataclass(frozen=True)
class Comparison:
    """`mode`: how figures were measured: `time` (a clock), `exact` (executed instructions). `rows`:
    all, those that matter first. `families`: likewise; a row in a family whose verdict is its
    family's need not be listed. `common`: what all cases moved together between the runs, None of
    pairs, and where they are too few to tell; `noise`: what it was judged by. `meanwhile`: (title,
    ratio) of yardsticks that moved between the sides, new / base; `yardsticks`: all of them, round by round,
    that both sides have. `causes`: with
    --explain. `alpha`: the chance of bad news where nothing changed; `repeated`: of this look
    of several, and intervals are as wide as all of the core's together take. `autocorrelation`: of
    neighbouring pairs, by which intervals are wider; 0 where it is not surely above."""

    base: Side
    new: Side
    mode: str
    differences: tuple[Difference, ...]
    rows: tuple[Row, ...]
    families: tuple[Family, ...]
    causes: tuple[Cause, ...] = ()
    warnings: tuple[str, ...] = field(default=())
    common: Change | None = None
    meanwhile: tuple[tuple[str, float], ...] = ()
    yardsticks: tuple[Yardstick, ...] = ()
    noise: str = ""
    alpha: float = 0.01
    repeated: bool = False
    autocorrelation: float = 0.0

    def count(self, verdict):
        """Rows with this verdict."""
        return sum(row.change.verdict == verdict for row in self.rows)

    @property
    def changes(self):
        """Of all of it: rows, slopes, the common part."""
        items = (*self.families, *self.rows)
        return [*(item.change for item in items), *([self.common] if self.common else [])]

    def exit_status(self, strict=False):
        """0 no regression; 1 one, or a case that failed on the new side alone. `strict`: what is
        unclear in the core counts too."""
        return int(any(is_bad(change, strict) for change in self.changes))


def is_bad(change, strict=False):
    """Whether it is a regression. `strict`: what is unclear in the core is one."""
    if change.verdict == FAILED:
        return True
    if change.accepted or not change.counts:
        return False
    if change.verdict == GONE:  # of the core
        return strict
    return change.verdict == SLOWER or (strict and change.verdict == UNCLEAR)
