"""Kernel functions of a profile, grouped by what they do (data/kernel-functions.toml)."""

import fnmatch
import re
import tomllib
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path

from forkcost import files, passes, units
from forkcost.errors import InputError

USER = "user code"
OTHER = "other"
COPY = "copy"  # the part of a copy-on-write fault that a share of copying is taken from


@dataclass(frozen=True)
class Group:
    """`part`: of a copy-on-write fault. `matches`: function of a name."""

    name: str
    about: str
    part: str
    matches: object


@dataclass(frozen=True)
class Groups:
    """`groups`: name -> Group, in the table's order; OTHER is last. `parts`: of a copy-on-write
    fault, in order, OTHER last. `user_part`: that of user code."""

    groups: dict
    parts: tuple
    user_part: str
    known: dict = field(default_factory=dict)  # function -> its group's name

    def of(self, function):
        """The name of the group of a kernel function (`name`, or `name [module]`)."""
        if function not in self.known:
            # A dot is in no name of C: .isra.0, .constprop.0, .part.0, .cold are the compiler's.
            bare = re.split(r"[. ]", function)[0].removeprefix("__pi_")
            self.known[function] = next(
                (g.name for g in self.groups.values() if g.matches(bare)), OTHER)
        return self.known[function]

    def divide(self, profile):
        """Group -> samples, in the table's order, user code last; without those that have none, but
        always with OTHER."""
        found = dict.fromkeys([*self.groups, USER], 0)
        for function, samples in profile.functions.items():
            found[self.of(function)] += samples
        found[USER] = sum(profile.images.values())
        return {name: samples for name, samples in found.items() if samples or name == OTHER}

    def fault_parts(self, profile):
        """Part of a copy-on-write fault -> samples, in the table's order; without those that have
        none."""
        found = dict.fromkeys(self.parts, 0)
        for name, samples in self.divide(profile).items():
            found[self.user_part if name == USER else self.groups[name].part] += samples
        return {part: samples for part, samples in found.items() if samples}


def read(path=None):
    """The Groups of a table, or of ours. Raises InputError."""
    source = Path(path) if path else resources.files("forkcost") / "data" / "kernel-functions.toml"
    remedy = "see forkcost/data/kernel-functions.toml for one that works"
    content = files.content(source, "the path of a table of kernel functions with --functions")
    try:
        return _groups(tomllib.loads(content.decode("utf-8")))
    except UnicodeDecodeError as error:
        raise InputError(f"{source}: is not text: {remedy}") from error
    except (tomllib.TOMLDecodeError, _Wrong) as error:
        raise InputError(f"{source}: is no table of kernel functions: {error}: {remedy}") from error


class _Wrong(Exception):
    """What is wrong with a table."""


def _groups(table):
    _only(table, {"fault_parts", "user_code", "group"}, "the table")
    parts = table.get("fault_parts", [])
    if not _words(parts) or OTHER in parts:
        raise _Wrong(f"fault_parts is no list of words without '{OTHER}'")
    parts = (*parts, OTHER)
    user_part = _part(table, "user_code", parts, "the table")
    if not isinstance(table.get("group"), list) or not table["group"]:
        raise _Wrong("it has no [[group]]")
    groups = {}
    for number, entry in enumerate(table["group"], 1):
        if not isinstance(entry, dict):
            raise _Wrong(f"group {number} is no table")
        name = entry.get("name")
        where = f"group {number} ({name})" if isinstance(name, str) else f"group {number}"
        _only(entry, {"name", "about", "fault", "functions"}, where)
        if not all(isinstance(entry.get(key), str) and entry[key] for key in ("name", "about")):
            raise _Wrong(f"{where} has no name or no about")
        if name in groups or name in (OTHER, USER):
            raise _Wrong(f"{where} has a name that another one has, or that stands for the rest")
        if not entry.get("functions") or not _words(entry["functions"]):
            raise _Wrong(f"{where} has no list of patterns in 'functions'")
        pattern = re.compile("|".join(map(fnmatch.translate, entry["functions"])))
        groups[name] = Group(name, entry["about"], _part(entry, "fault", parts, where),
                             pattern.match)
    groups[OTHER] = Group(OTHER, "in no group of the table", OTHER, lambda _: True)
    return Groups(groups, parts, user_part)


def _only(table, keys, where):
    unknown = ", ".join(sorted(set(table) - keys))
    if unknown:
        raise _Wrong(f"{where} has keys that mean nothing: {unknown}")


def _words(value):
    return isinstance(value, list) and all(isinstance(v, str) and v for v in value)


def _part(holder, key, parts, where):
    part = holder.get(key, OTHER)
    if part not in parts:
        raise _Wrong(f"{where} has '{part}' in '{key}', which is not in fault_parts")
    return part


@dataclass(frozen=True)
class Work:
    """What one operation of a case consists of: `count` of `what`."""

    count: float
    what: str

    @classmethod
    def of(cls, case, page_size):
        """Touches are faults, or pages where they take none; all else is one operation."""
        faults = case.quantities.get("faults")
        touches = any(name in case.quantities for name in ("debt_ns", "debt_cpu_ns", "fault_ns"))
        if touches and faults is not None and faults.quantile(0.5) > 0:
            return cls(float(faults.quantile(0.5)), "fault")
        if touches and case.heap_bytes:
            return cls(case.heap_bytes / page_size, "page")
        return cls(1.0, "operation")


ALIKE = 1.5  # the time that was sampled and the time that was measured, at most so many times


def _time(case):
    """(ns of an operation, where that is from) that a case's samples divide up. The median without a
    profile, unless a clock's samples say that what ran is another time: what waits is not sampled,
    and what runs side by side is sampled twice."""
    profile = case.profile
    quantity = case.quantities.get(profile.quantity)
    measured = None if quantity is None else float(quantity.quantile(0.5))
    if profile.unit != "ns":
        if not re.match(r"(cpu[-_])?cycles\b", profile.event, re.IGNORECASE):
            return None, f"{profile.event} is no time"
        if measured is None:
            return None, f"{profile.quantity} was not measured"
        return measured, f"{profile.quantity}, median"
    ran = profile.samples * profile.period / profile.operations
    if measured and 1 / ALIKE < ran / measured < ALIKE:
        return measured, f"{profile.quantity}, median"
    if measured is None:
        return ran, "sampled"
    return ran, (f"sampled: {profile.quantity} is {units.time(measured)}, in which not all of the "
                 "time something ran, or more than one CPU did")


@dataclass(frozen=True)
class Sampled:
    """A case with a profile. `ns`: the time that its samples divide up, of one fault, page or
    operation (`what`), and where that is from (`source`); None where there is none."""

    case: object
    profile: passes.Profile
    ns: float | None
    what: str
    source: str

    @classmethod
    def of(cls, case, page_size):
        """None for a case without samples."""
        if not isinstance(case.profile, passes.Profile):
            return None
        work = Work.of(case, page_size)
        if case.profile.quantity not in ("debt_ns", "total_ns"):
            work = Work(1.0, "operation")
        ns, source = _time(case)
        return cls(case, case.profile, None if ns is None else ns / work.count, work.what, source)

    def share(self, samples):
        return samples / self.profile.samples

    def cost(self, samples):
        """ns, or None."""
        return None if self.ns is None else self.ns * self.share(samples)

    @property
    def rows(self):
        """[(name, samples, is it user code)]: functions, and user code by image, most first."""
        found = [(name, n, False) for name, n in self.profile.functions.items()]
        found += [(name, n, True) for name, n in self.profile.images.items()]
        return sorted(found, key=lambda row: -row[1])

    @property
    def title(self):
        """`total_ns 30.8 ms per operation`, for people."""
        if self.ns is None:
            return f"{self.source}: shares only"
        return f"{units.time(self.ns)} per {self.what} ({self.source})"


def sampled(run):
    """The run's Sampled, in its order."""
    return [s for case in run.cases.values()
            if (s := Sampled.of(case, run.page_size)) is not None]


def why_none(cases):
    """Why none of these cases has a profile."""
    reasons = dict.fromkeys(c.profile for c in cases if isinstance(c.profile, str))
    return "; ".join(reasons) or "measure with forkcost-run --profile"


def statement(found):
    """How the profiles of some Sampled were taken, and what they cannot say."""
    profiles = [s.profile for s in found]
    kinds = dict.fromkeys((p.event, p.period, p.unit) for p in profiles)
    total = {key: sum(getattr(p, key) for p in profiles) for key in (
        "samples", "lost", "throttled", "left_out", "operations_left_out")}
    events = " and ".join(
        f"{event}, one sample every " + (units.time(period) if unit == "ns" else
                                         f"{units.whole(period)} events")
        for event, period, unit in kinds)
    least = min(p.samples for p in profiles)
    known = (f"share of 10% is known to ±{units.number(196 * (0.09 / least) ** 0.5, 2)} points "
             "from their number alone (95%).")
    parts = [f"{events}: {units.whole(total['samples'])} samples of "
             f"{units.many([len(profiles)], 'case')}, {units.whole(total['lost'])} lost, sampling "
             f"throttled {units.many([total['throttled']], 'time')}.",
             f"Where a case has fewest, {units.whole(least)}, a {known}" if len(profiles) > 1 else
             f"A {known}"]
    if total["operations_left_out"]:
        parts.append(f"{units.many([total['operations_left_out']], 'operation')} of which samples "
                     "found no room are left out.")
    if total["left_out"]:
        parts.append(f"{units.many([total['left_out']], 'round')} sampled in another way than most "
                     "of their case are left out.")
    parts.append("Profiles are a pass of their own: times are shares of the time measured without "
                 "one, in which nothing of the case may have run for a while.")
    if any(p.unit == "ns" for p in profiles):
        parts.append("A timer's sample cannot fall where interrupts are off: that time is in the "
                     "function that switches them on again (_raw_spin_unlock_irqrestore, "
                     "finish_task_switch), and on the way back to user code, in user code.")
    if any(p.scope == "cpus" for p in profiles):
        parts.append("Whole CPUs were sampled; the samples of parent and children are kept.")
    if any(p.scope == "family" for p in profiles):
        parts.append("Only the processes themselves were sampled (not all CPUs): a child's first "
                     "period is in no profile.")
    if any(p.child_end_sampled is False for p in profiles):
        parts.append("The child's end, with the teardown of its page tables, is in no profile.")
    return " ".join(parts)
