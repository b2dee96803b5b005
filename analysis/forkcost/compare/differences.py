"""What else is different between two sides: it may be the cause of what is found, or make it
meaningless."""

from forkcost.compare.result import MEANINGLESS, NOTE, WARNING, Difference
from forkcost.compare.sides import BOOT
from forkcost.errors import InputError
from forkcost.schemas import NEWEST

# (what, path under context.forkcost, severity). What is in neither file is no difference.
_KEYS = (
    ("architecture", "environment.machine.architecture", MEANINGLESS),
    ("CPU", "environment.machine.cpu_model", WARNING),
    ("CPUs online", "environment.machine.cpus_online", WARNING),
    ("CPUs allowed", "environment.machine.cpus_allowed", WARNING),
    ("hypervisor", "environment.machine.hypervisor", WARNING),
    ("page size", "environment.machine.page_size", WARNING),
    ("governor", "environment.machine.governor", WARNING),
    ("turbo", "environment.machine.turbo", WARNING),
    ("mitigations", "environment.machine.mitigations", WARNING),
    ("kernel", "environment.kernel.release", NOTE),
    ("kernel's build", "environment.kernel.version", NOTE),
    ("kernel's command line", "environment.kernel.command_line", NOTE),
    ("huge pages (THP)", "environment.memory.thp_enabled", WARNING),
    ("THP defrag", "environment.memory.thp_defrag", WARNING),
    ("mTHP", "environment.memory.mthp", WARNING),
    ("overcommit", "environment.memory.overcommit_memory", WARNING),
    ("overcommit ratio", "environment.memory.overcommit_ratio", NOTE),
    ("KSM", "environment.memory.ksm", WARNING),
    ("DAMON", "environment.memory.damon", WARNING),
    ("NUMA balancing", "environment.memory.numa_balancing", WARNING),
    ("order of free page reporting", "environment.memory.page_reporting_order", WARNING),
    ("ASLR", "environment.process.aslr", WARNING),
    ("seccomp", "environment.process.seccomp", WARNING),
    ("LSM", "environment.process.lsm", WARNING),
    ("container", "environment.process.container", NOTE),
    ("cgroup", "environment.process.cgroup", WARNING),
    ("cgroup's memory limit", "environment.process.cgroup_memory_limit_bytes", NOTE),
    ("cgroup's CPU limit", "environment.process.cgroup_cpu_limit", WARNING),
    ("loader variables (LD_*)", "environment.process.loader_variables", WARNING),
    ("libc", "environment.software.libc", WARNING),
    ("compiler", "environment.software.compiler", WARNING),
    ("build type", "environment.software.build_type", WARNING),
    ("Google Benchmark", "environment.software.google_benchmark", NOTE),
    ("QEMU", "laboratory.qemu", WARNING),
    ("suite", "suite.version", WARNING),
    ("suite's revision: the measurement itself may have changed", "suite.revision", WARNING),
    ("program", "run.program", WARNING),
    ("preset", "run.preset", WARNING),
    ("filter", "run.filter", NOTE),
    ("rounds planned", "run.rounds", NOTE),
    ("CPU measured on", "run.cpu", NOTE),
    ("clock", "clock.source", WARNING),
)
_LISTED_BY_KERNEL = ("kernel's build", "mitigations")
_SET_BY_KERNEL = "environment.memory."  # settings that another kernel may not have
_GOOGLE = (("host", "host_name", NOTE), ("CPUs", "num_cpus", WARNING),
           ("MHz of a CPU", "mhz_per_cpu", NOTE),
           ("library's build", "library_build_type", WARNING))


def between(base, new):
    """The Differences of two Files, most severe first."""
    found = [_mode(base, new), *_schema(base, new),
             *_of_contexts(base.documents[0]["context"], new.documents[0]["context"])]
    order = (MEANINGLESS, WARNING, NOTE)
    return tuple(sorted((d for d in found if d), key=lambda d: order.index(d.severity)))


def within(files):
    """A warning per file of one side that differs from the side's first, by which the side is
    compared with the other one. Raises InputError where they cannot add up."""
    first = files.documents[0]["context"]
    for path, document in zip(files.paths[1:], files.documents[1:]):
        found = [d for d in _of_contexts(first, document["context"]) if d and d.severity != NOTE]
        labels = [{name: value for name, value in (_get(c["forkcost"], "run.label") or {}).items() if name != BOOT}
                  for c in (first, document["context"])]
        if labelled_apart := _difference("label", *labels, WARNING):
            found.append(labelled_apart)
        said = "; ".join(f"{d.what}: {d.base} and {d.new}" for d in found)
        if any(d.severity == MEANINGLESS for d in found):
            raise InputError(f"{path}: is of another thing than {files.paths[0]} of the same side "
                             f"({said}): give them different labels")
        if found:
            yield f"{files.label}: {path} differs from {files.paths[0]}: {said}"


def of_boots(base, new):
    """A warning per side that has two files of one boot, where the other side is of other boots: what boots
    differ by is then no part of what its files differ by. Where all are of one boot it is none of anything."""
    if None in (*base.boots, *new.boots) or set(base.boots) & set(new.boots):
        return
    for files in (base, new):
        for index, boot in enumerate(files.boots):
            first = files.boots.index(boot)
            if first != index:
                yield (f"{files.label}: {files.paths[first]} and {files.paths[index]} are of one boot: the intervals "
                       "have too little of what boots differ by; measure each file in a boot of its own")
                break


def _of_contexts(google, google_of_new):
    """[Difference or None] of two files' contexts."""
    base, new = google["forkcost"], google_of_new["forkcost"]
    kernels = _get(base, "environment.kernel.release") != _get(new, "environment.kernel.release")
    for what, path, severity in _KEYS:
        both = _get(base, path), _get(new, path)
        if kernels and path.startswith(_SET_BY_KERNEL):
            *both, alone = _apart(*both)
            yield from (_only(what, *values) for values in alone)
        if kernels and what in _LISTED_BY_KERNEL:
            severity = NOTE  # each kernel words what it knows
        yield _difference(what, *both, severity)
    estimators = [{q: row["estimator"] for q, row in of["quantities"].items()}
                  for of in (base, new)]
    yield _difference("estimators", *({q: e for q, e in of.items() if q in other}
                                      for of, other in (estimators, estimators[::-1])), NOTE)
    for what, key, severity in _GOOGLE:
        if key != "num_cpus" or not _get(base, "environment.machine.cpus_online"):
            yield _difference(what, google.get(key), google_of_new.get(key), severity)


def _apart(base, new):
    """(what both kernels can be asked for, of base and of new; [(base, new)] of what one alone
    has)."""
    if base is None or new is None:
        return None, None, ([] if base is new else [(base, new)])
    if not isinstance(base, dict) or not isinstance(new, dict):
        return base, new, []
    common = [{k: v for k, v in of.items() if k in other} for of, other in ((base, new), (new, base))]
    alone = [{k: v for k, v in of.items() if k not in other} for of, other in ((base, new), (new, base))]
    return *common, [(values if side == 0 else None, values if side == 1 else None)
                     for side, values in enumerate(alone) if values]


def _only(what, base, new):
    side = "base" if new is None else "new"
    return Difference(what, *(_said(v) if v is not None else "has none" for v in (base, new)), NOTE,
                      only=side)


def _mode(base, new):
    timed = {"kvm", "host"}
    severity = WARNING if {base.mode, new.mode} <= timed else MEANINGLESS
    return _difference("mode of the laboratory", base.mode, new.mode, severity)


def _schema(base, new):
    newest = max((s for files in (base, new) for s in files.schemas if isinstance(s, int)),
                 default=NEWEST)
    said = [", ".join(sorted({str(s) for s in files.schemas if s is not None})) or "none"
            for files in (base, new)]
    if newest > NEWEST:
        yield Difference(f"schema, newer than the {NEWEST} that this program knows", *said,
                         MEANINGLESS)


def _get(context, path):
    for key in path.split("."):
        context = context.get(key) if isinstance(context, dict) else None
    return context


def _difference(what, base, new, severity):
    """Of an object only the keys that differ."""
    if isinstance(base, dict) and isinstance(new, dict):
        keys = [k for k in {**base, **new} if base.get(k) != new.get(k)]
        base, new = ({k: of.get(k, "absent") for k in keys} for of in (base, new))
    if base == new:
        return None
    return Difference(what, _said(base), _said(new), severity)


def _said(value):
    if value is None:
        return "not known"
    if isinstance(value, dict):
        return ", ".join(f"{k} {_said(v)}" for k, v in value.items())
    if isinstance(value, list):
        return " ".join(map(str, value)) or "none"
    return str(value) if value != "" else "none"
