"""Which source a claim is judged by. Page frames show directly which pages are shared and which are
copied. Where they are hidden, smaps says the same in bytes, and where it has nothing to say, fault
counts do: a copy takes a fault. This order stands here and nowhere else."""

from dataclasses import dataclass

from forkcost.claims.evidence import plain

FRAMES, SMAPS, FAULTS = "frames", "smaps", "faults"  # in this order
HIDDEN = "page frames are hidden here"
_BY = {(SMAPS,): "smaps", (FAULTS,): "fault counts", (SMAPS, FAULTS): "smaps and faults"}


@dataclass(frozen=True)
class Found:
    """`values`: the figures of one source, which are pages, but bytes where they are smaps'."""

    source: str
    values: tuple

    @property
    def value(self):
        """The only one."""
        [value] = self.values
        return value

    def pages(self, page_bytes):
        """The values as base pages."""
        if self.source != SMAPS:
            return self.values
        return tuple(plain(value / page_bytes) for value in self.values)


def decide_by(evidence, **names):
    """The Found of the first source that has all of its figures; None where none has. `names`:
    source -> the name of a figure, or a tuple of names that only together say anything."""
    for source in (FRAMES, SMAPS, FAULTS):
        wanted = names.get(source, ())
        wanted = (wanted,) if isinstance(wanted, str) else wanted
        if wanted and all(name in evidence for name in wanted):
            return Found(source, tuple(evidence[name] for name in wanted))
    return None


def remark(*found, hidden=HIDDEN):
    """` (page frames are hidden here: by smaps)`; empty where frames decide. `hidden`: how it is
    said that the best source is missing."""
    others = {f.source for f in found} - {FRAMES}
    if not others:
        return ""
    return f" ({hidden}: by {_BY[tuple(s for s in (SMAPS, FAULTS) if s in others)]})"
