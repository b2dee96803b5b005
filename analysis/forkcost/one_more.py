"""What one more of something costs: a library, a relocation, a failed open, a process. Written
once, so that the tables, the figures and the answers of one report say the same."""

from dataclasses import dataclass


from forkcost import choose, model, units

# Parts of the memory of processes that add up: (name, quantities added, quantities subtracted).
# Of a process' PSS the thing itself is left out: it is in the page cache.
MEMORY = (
    ("file in the page cache", ("page_cache_bytes",), ()),
    ("private dirty", ("private_dirty_bytes",), ()),
    ("page tables", ("page_table_bytes",), ()),
    ("rest of the PSS", ("process_pss_bytes",), ("pss_bytes", "private_dirty_bytes")),
)
WHATS = ("text", "library", "file")
FILES = ("one-inode", "hard-links", "symlinks", "bind-mounts", "reflinks", "copies", "forks")


@dataclass(frozen=True)
class OneMore:
    """A slope. `key`: which one, `what` it is for people; `counted`: what stands on its x axis;
    `unit` of the cost; `account`: the same from the loader's own account, or None."""

    key: tuple
    what: str
    counted: str
    unit: str
    line: model.Line
    account: model.Line | None = None

    @property
    def cost(self):
        return _worth(self.line.slope, self.unit)

    @property
    def interval(self):
        """`30.1–31.2 µs`, or empty with too few rounds."""
        if self.line.slope_interval is None:
            return ""
        span = units.amount_range if self.unit == "bytes" else units.time_range
        return span(*self.line.slope_interval)

    @property
    def sentence(self):
        """`30.6 µs (95% 30.1–31.2 µs)`."""
        return self.cost + (f" (95% {self.interval})" if self.interval else "")

    @property
    def summary(self):
        """The cost of one; where the points are on no line, that of the most."""
        if self.line.breaks_at is None:
            return self.cost + (f" ({self.bend})" if self.bend else "")
        return (f"{_worth(self.line.medians[-1], self.unit)} for "
                f"{units.whole(self.line.sizes[-1])} (no straight line)")

    @property
    def over(self):
        """The counts that it was measured over."""
        low, high = self.line.sizes[[0, -1]]
        return f"{units.whole(low)}–{units.whole(high)} {self.counted}"

    @property
    def bend(self):
        """`from 64 to 256 each costs 42 µs`: where that is not the line's slope; else empty."""
        return self._last(self.line) if self.line.bends else ""

    @property
    def remark(self):
        """Where the points do not lie on a line; empty where they do."""
        at = self.line.breaks_at
        if at is None:
            return self.bend
        return f"not one straight line, see {units.whole(at)}: {self._last(self.line)}"

    @property
    def account_cost(self):
        """As `cost`, by the loader's account, with its bend; empty without one."""
        if self.account is None:
            return ""
        bent = self.account.bends or self.account.breaks_at is not None
        return _worth(self.account.slope, self.unit) + (
            f"; {self._last(self.account)}" if bent else "")

    def _last(self, line):
        below, most = (units.whole(n) for n in line.sizes[-2:])
        return f"from {below} to {most} each costs {_worth(line.last_slope, self.unit)}"


def _worth(value, unit):
    return units.amount(value) if unit == "bytes" else units.time(value)


def libraries(run):
    """A library at start, by shape and page cache."""
    found = []
    for cache in _order(run, "page-cache", ("warm", "cold")):
        for shape in _order(run, "shape", ("flat", "chain", "directories")):
            along = choose.along(run, "load", "main_start_ns", "libraries",
                                 **{"shape": shape, "page-cache": cache})
            line = along and along.line()
            if line:
                found.append(OneMore(("library", shape, cache), f"library: {shape}, {cache}",
                                     f"libraries{_each(along.fixed)}", "ns", line,
                                     along.line(quantity="loader_ns")))
    return found


def _each(fixed):
    """What libraries bring with them: ` of 1,000 rela relocations`."""
    count = fixed.get("relocations", "")
    if not count.isdecimal() or count == "0":
        return " without relocations" if count == "0" else ""
    return f" of {int(count):,} {fixed.get('kind', '')} relocations"


def relocations(run):
    """A relocation, by kind; those of the PLT by binding too."""
    found = []
    for label, series in relocation_kinds(run).items():
        scale = int(series.fixed.get("libraries", 1))
        if line := series.line(scale):
            found.append(OneMore(("relocation", label), f"relocation: {label}", "relocations",
                                 "ns", line, series.line(scale, "relocation_ns")))
    return found


def relocation_kinds(run, quantity="main_start_ns"):
    """Kind of relocation -> choose.Along over relocations per library."""
    found = {}
    for kind in _order(run, "kind", ("relr", "rela", "symbolic", "plt")):
        bindings = (_order(run, "binding", ("lazy", "now", "now-relro"), kind="plt")
                    if kind == "plt" else [None])
        for binding in bindings:
            held = {"kind": kind} | ({"binding": binding} if binding else {})
            along = choose.along(run, "load", quantity, "relocations", **held)
            if along is not None and along.rows.x.nunique() > 1:
                found[f"{kind} {binding}" if binding else kind] = along
    return found


def failed_opens(run):
    """An open that finds no file: what directories cost above the same libraries in one place, by
    how many opens more fail as counted."""
    away = choose.along(run, "load", "main_start_ns", "libraries", shape="directories",
                        **{"page-cache": "warm"})
    near = away and choose.along(run, "load", "main_start_ns", "libraries",
                                 **away.fixed | {"shape": "flat"})
    if not near:
        return []
    points = []
    beside = near.rows.set_index("x").name
    for _, row in away.rows[(away.rows.x > 0) & away.rows.x.isin(beside.index)].iterrows():
        names = (row["name"], beside[row.x])
        costs = [run.quantity(name, "main_start_ns") for name in names]
        opens = [run.quantity(name, "failed_opens") for name in names]
        if None not in opens:
            more = opens[0].quantile(0.5) - opens[1].quantile(0.5)
            points.append((more, model.Combined(tuple(zip((1, -1), costs)))))
    line = model.fit(points, from_zero=True)
    return [OneMore(("failed open",), "open that fails: directories",
                    "opens that fail, above flat", "ns", line)] if line else []


@dataclass(frozen=True)
class Process:
    """The memory of one more process. `parts`: name -> bytes, they add up to `total.line.slope`;
    `frames`: different page frames under the thing, or None; `counted`: bytes of different frames
    and page tables, as counted at the largest number of processes, or None."""

    what: str
    files: str
    parts: dict
    total: OneMore
    frames: float | None
    counted: float | None
    rows: object


def processes(run):
    """A Process per thing and relation of the files that was measured with two numbers of them."""
    found = []
    for what in _order(run, "what", WHATS, "share", "process_pss_bytes"):
        for files in _order(run, "files", FILES, "share", "process_pss_bytes", what=what):
            along = choose.along(run, "share", "process_pss_bytes", "processes", what=what,
                                 files=files)
            if along is not None and (process := _process(run, what, files, along)):
                found.append(process)
    return found


def _process(run, what, files, along):
    needed = {q for _, plus, minus in MEMORY for q in (*plus, *minus)}
    cases = [(row.x, run.cases[row["name"]].quantities) for _, row in along.rows.iterrows()
             if needed <= set(run.cases[row["name"]].quantities)]
    whole = _points(cases, [q for _, plus, _ in MEMORY for q in plus if q != "private_dirty_bytes"],
                    ["pss_bytes"])
    line = model.fit(whole)
    if line is None:
        return None
    scales = [point.scale for _, point in whole]
    parts = {name: model.fit(_points(cases, plus, minus, scales)).slope
             for name, plus, minus in MEMORY}
    total = OneMore(("process", what, files), f"process: {what}, {files}", "processes", "bytes",
                    line)
    frames = along.line(quantity="distinct_frames")
    added = along.also("added_process_bytes")
    return Process(what, files, parts, total, frames and frames.slope,
                   added.p50.iloc[-1] if len(added) else None, along.rows)


def _points(cases, plus, minus, scales=None):
    return [(x, model.Combined(tuple((1, quantities[q]) for q in plus)
                               + tuple((-1, quantities[q]) for q in minus),
                               scales[i] if scales else None))
            for i, (x, quantities) in enumerate(cases)]


def _order(run, axis, known, benchmark="load", quantity="main_start_ns", **held):
    """The values of an axis that were measured, the known ones first and in their order."""
    rows = run.select(benchmark, quantity, choose.AROUND[benchmark], **held)
    column = f"axis.{axis}"
    there = list(rows[column].dropna().unique()) if column in rows else []
    return [v for v in known if v in there] + [v for v in there if v not in known]
