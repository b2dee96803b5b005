"""In which order figures are judged: first what was named before anybody measured.

A thousand figures under one correction hide a change of three times in one of them. So the core is
judged by itself, with most of the error that the exit status may have; then the primary quantities
of all other cases; everything else is told, and decides nothing.
"""

CORE, PRIMARY, DETAIL, REST = ORDER = ("core", "primary", "detail", "rest")
PRIMARY_SHARE = 0.2  # of the exit status's error
PRIMARY_CHANGE = 0.2  # from here on a change of a primary quantity outside the core is bad news
FALSE_DISCOVERIES = 0.05  # of what is told beside

_SPLIT_BY = ("backing", "state", "access", "page-cache")


def group(case):
    """Cases that one cause would move together, whatever their size: those of one call and kind of
    memory. Whatever executes a program is one group per benchmark: a slower exec moves all of it,
    and were that half of all groups, it would pass for the machine."""
    by = _SPLIT_BY if "image" in case.axes else ("path", *_SPLIT_BY)
    return (case.benchmark, *(case.axes.get(axis, "") for axis in by))


class Stages:
    """`selected`: somebody chose cases, which then are the core; `chosen`: or quantities."""

    def __init__(self, base, new, mode, selected=False, chosen=False):
        self._all_core = mode == "exact"
        self._selected, self._chosen = selected or chosen, chosen
        self._core, self._primary = {}, {}
        for files in (base, new):
            for name, of_files in files.cases.items():
                entry = next(iter(of_files.values())).entries[0]
                self._core.setdefault(name, set()).update(entry.get("core", ()))
                self._primary.setdefault(name, set()).update(
                    entry[key] for key in ("primary", "primary_cpu") if key in entry)
        # Files of before the core was marked, and those of Google Benchmark.
        self._marked = any(self._core.values())

    def has_core(self, case):
        """Whether any quantity of a case may be of the core."""
        return self._all_core or self._selected or not self._marked or bool(self._core.get(case))

    def of(self, case, quantity):
        """The stage of a quantity of a case."""
        if self._all_core or self._chosen or quantity in self._core[case]:
            return CORE
        primary = self._primary[case]
        if primary and quantity not in primary:
            return REST
        return PRIMARY if self._marked and not self._selected else CORE
