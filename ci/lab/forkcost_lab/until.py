"""Boots of all kernels until it is settled: a test that may look at the figures several times."""

import time
from dataclasses import dataclass, field

from forkcost import units
from forkcost.compare import engine, thresholds
from forkcost.compare.result import UNCLEAR
from forkcost.errors import InputError, NoAnswer

# Boots of each kernel at which figures are looked at. From three on the boot is what is replicated.
LOOKS = (4, 6, 8, 11, 15, 21, 29, 40)


@dataclass
class Until:
    """`size`: of a change, 0.02 for 2%: every figure of the core has to be known to be the same, slower
    or faster at that. Each look may spend of the error as many boots as came since the one before (Lan
    and DeMets 1983), so that all looks together have `alpha`."""

    size: float
    max_seconds: float
    alpha: float = engine.ALPHA["time"]
    looks: int = 0
    share: float = 0.0  # of the error, of the last look
    began: float = field(default_factory=time.monotonic)

    def batches(self):
        """(first, last) boot of each kernel, up to the next look."""
        return list(zip((1, *(n + 1 for n in LOOKS)), LOOKS))

    def compared(self, files):
        """[Comparison] of label -> result files as this look has them. Raises NoAnswer."""
        words = [f"{label}={path}" for label, paths in files.items() for path in paths]
        return engine.comparisons(words, None, thresholds.read(None, self.size), alpha=self.share,
                                  repeated=True)[0]

    def is_over(self, files, last, say):
        """Whether no further boot is needed, or none may be begun. `last`: boots of each kernel."""
        before = LOOKS[self.looks - 1] if self.looks else 0
        self.looks += 1
        self.share = self.alpha * (last - before) / LOOKS[-1]
        if any(len(paths) < last for paths in files.values()):
            return True  # a kernel that does not boot will not boot the next time
        try:
            changes = [change for c in self.compared(files) for change in c.changes
                       if change.stage == "core" and change.interval is not None]
        except (InputError, NoAnswer):
            return True  # it is told where the results are compared
        unclear = sum(change.verdict == UNCLEAR for change in changes)
        late = time.monotonic() - self.began > self.max_seconds
        say(f"{units.many([last], 'boot')} of each kernel: {len(changes) - unclear} of "
            f"{units.many([len(changes)], 'figure')} settled at {units.percent(self.size)}"
            + ("; the time is up" if unclear and late else ""))
        return not unclear or late
