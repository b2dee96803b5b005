"""One kernel, one case, one figure: on which side of a known change is it? For `git bisect run`."""

import math
from dataclasses import dataclass

from forkcost import files, load
from forkcost.errors import InputError, NoAnswer
from forkcost.stats import ESTIMATORS
from forkcost_lab import laboratory
from forkcost_lab.options import HOST, Measuring, Variant

_SPECIAL = ".^$|()*+?{}[]\\"


@dataclass(frozen=True)
class Step:
    """`good`, `bad`: figures of a kernel before and after the change that is looked for."""

    case: str
    quantity: str | None
    good: float
    bad: float

    def is_good(self, value):
        """Nearer to good, by ratio."""
        return abs(math.log(value / self.good)) <= abs(math.log(value / self.bad))


def measure(kernel, step, suite, measuring, append, say):
    """(quantity, value) of the step's case on a kernel image. Raises InputError: nothing can be
    measured that way on any kernel; NoAnswer: not on this one."""
    if not all(math.isfinite(v) and v > 0 for v in (step.good, step.bad)) or step.good == step.bad:
        raise InputError(f"--good {step.good:g} and --bad {step.bad:g}: say two different figures "
                         "above 0, as `forkcost kernels` prints them for this case")
    variant = Variant("kernel", kernel, append)
    if kernel == HOST or variant.stored:
        raise InputError(f"--kernel-image {kernel} is no kernel image; name the bzImage or Image "
                         "that was just built")
    with files.scratch_directory() as scratch:
        try:
            results = laboratory.measure([variant], suite, measuring, scratch, say)
        except NoAnswer as error:  # before it is booted: it is not the kernel's fault
            raise InputError(str(error)) from error
        if results.failures:
            raise (InputError if results.bad_call else NoAnswer)(results.failures[0])
        run = load.load(results.files[variant.label])
    return _figure(run, step)


def measuring(step, **options):
    """The Measuring of just this case. The preset full has all cases; that of the case's size, when
    it is asked for."""
    pattern = "".join(f"\\{c}" if c in _SPECIAL else c for c in step.case)
    heap = next((part.removeprefix("heap:") for part in step.case.split("/")
                 if part.startswith("heap:")), None)
    return Measuring(preset="full", filter=f"^{pattern}$", heap=heap, **options)


def _names(benchmark, axes, name):
    """Of a case: without the axes that have their default, and with all of them, as files of
    schema 1 have it. `forkcost-run --filter` finds it by both."""
    return name, "/".join([benchmark, *(f"{axis}:{value}" for axis, value in axes.items())])


def _figure(run, step):
    case = next((case for case in run.cases.values()
                 if step.case in _names(case.benchmark, case.axes, case.name)), None)
    if case is None:
        reasons = dict.fromkeys(
            entry["outcome"].get("reason", "no reason given") for entry in run.unmeasured
            if step.case in _names(entry["benchmark"], entry["axes"], entry["name"]))
        raise NoAnswer(f"{step.case} has no figure on this kernel: {'; '.join(reasons)}")
    name = step.quantity or case.entries[0].get("primary")
    if name not in case.quantities:
        raise InputError(f"{step.case} has no quantity {name}; --quantity is one of "
                         f"{', '.join(case.quantities)}")
    quantity = case.quantities[name]
    if quantity.histograms:
        value = float(quantity.quantile(0.5))
    else:
        value = float(ESTIMATORS[run.estimator(name)](quantity.rounds))
    if value <= 0:
        raise NoAnswer(f"{step.case}: {name} is {value:g}, which has no ratio")
    return name, value
