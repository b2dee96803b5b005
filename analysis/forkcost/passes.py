"""What the passes beside the times found (results/FORMAT.md): counters and profiles of a case, over
its rounds. What was not counted or sampled is absent, with its reason."""

from collections import Counter
from dataclasses import dataclass

from forkcost.checks import DAMAGED, Broken
from forkcost.quantity import Quantity, pooled
from forkcost.stats import quantile

WHO = ("parent", "child", "family", "cpu")


@dataclass(frozen=True)
class Event:
    """One event per operation. `parent`, `child`, `family`: Quantity, or None. `cpu`: of all that
    ran on the parent's CPU meanwhile, where that was counted. `running_share`: of the time that it
    was enabled, the least of all rounds; below 1 its counts are estimates. `inheriting`: what the
    inherited event cost the parent, median of the rounds; in none of the others."""

    name: str
    unit: str
    parent: Quantity | None
    child: Quantity | None
    family: Quantity | None
    cpu: Quantity | None
    running_share: float
    inheriting: float | None

    def median(self, who):
        """Of one of WHO; None where there is none."""
        found = getattr(self, who)
        return None if found is None else float(found.quantile(0.5))


@dataclass(frozen=True)
class Counters:
    """`events`: name -> Event. `reasons`: name -> why it has no figures. `child_end_counted`:
    whether the child's counts have its end; None: not known."""

    events: dict
    reasons: dict
    child_end_counted: bool | None

    def median(self, event, who):
        """Per operation, or None."""
        return self.events[event].median(who) if event in self.events else None

    def ratio(self, over, under, who):
        """Of the medians of two events; None without both."""
        above, below = self.median(over, who), self.median(under, who)
        return above / below if above is not None and below else None


@dataclass(frozen=True)
class Profile:
    """Samples of all rounds. `functions`: kernel function (`name`, or `name [module]`) -> samples;
    `images`: file that user code is from -> samples. `quantity`: the time that they divide up.
    `operations_left_out`: of which samples found no room. `left_out`: rounds that were sampled in
    another way than most."""

    event: str
    period: float
    unit: str
    scope: str
    quantity: str
    rounds: int
    operations: int
    operations_left_out: int
    samples: int
    lost: int
    throttled: int
    child_end_sampled: bool | None
    functions: dict
    images: dict
    left_out: int


def counters(name, rounds):
    """The Counters of a case's [((file, round), entry)]; a string that says why there are none; None
    if no round was counted."""
    found = [e["counters"] for _, e in rounds if "counters" in e]
    if not found:
        return None
    counted = {key: e["counters"]["events"] for key, e in rounds
               if "events" in e.get("counters", {})}
    if not counted:
        return found[0]["reason"]
    events, reasons = {}, {}
    for event in dict.fromkeys(event for r in counted.values() for event in r):
        of_event = {key: r[event] for key, r in counted.items() if "unit" in r.get(event, {})}
        of = {who: pooled(event, ((key, c.get(who, {})) for key, c in of_event.items()),
                          f"{name} {event} {who}") for who in WHO}
        if any(of.values()):
            inheriting = [c["inheriting"] for c in of_event.values() if "inheriting" in c]
            events[event] = Event(
                event, next(iter(of_event.values()))["unit"], **of,
                running_share=min(c.get("running_share", 1.0) for c in of_event.values()),
                inheriting=float(quantile(inheriting, 0.5)) if inheriting else None)
        else:
            reasons[event] = next((r[event]["reason"] for r in counted.values()
                                   if "reason" in r.get(event, {})), "it never ran")
    return Counters(events, reasons, _all(c.get("child_end_counted") for c in found))


def profile(entries):
    """The same as a Profile. Rounds that were sampled alike add up: those of the way that has most
    samples, as periods and events of different kinds do not."""
    found = [e["profile"] for e in entries if "profile" in e]
    if not found:
        return None
    sampled = [p for p in found if "functions" in p]
    if not sampled:
        return found[0]["reason"]
    ways = Counter()
    for p in sampled:
        ways[_way(p)] += p["samples"]
    way = max(ways, key=ways.get)
    alike = [p for p in sampled if _way(p) == way]
    if not ways[way]:
        return "no sample fell into its operations"
    functions, images = Counter(), Counter()
    for p in alike:
        for f in p["functions"]:
            module = f" [{f['module']}]" if f.get("module") else ""
            functions[f["name"] + module] += f["samples"]
        for i in p["images"]:
            images[i["name"]] += i["samples"]
    total = {key: sum(p.get(key, 0) for p in alike) for key in (
        "operations", "operations_left_out", "samples", "lost", "throttled")}
    return Profile(*way, **total, rounds=len(alike), functions=dict(functions.most_common()),
                   child_end_sampled=_all(p.get("child_end_sampled") for p in alike),
                   images=dict(images.most_common()), left_out=len(sampled) - len(alike))


def _way(p):
    return p["event"], p["period"], p["unit"], p["scope"], p["quantity"]


def _all(answers):
    """True or False of all rounds together; None where none of them knows."""
    known = [a for a in answers if a is not None]
    return all(known) if known else None


def check(entry, where):
    """Raises Broken where counts of an entry's profile do not fit each other."""
    found = entry.get("profile", {})
    if "functions" not in found:
        return
    if found["samples"] and not found["operations"]:
        raise Broken(f"{where}.profile has samples of no operation: {DAMAGED}")
    counted = sum(item["samples"] for key in ("functions", "images") for item in found[key])
    if counted != found["samples"]:
        raise Broken(f"{where}.profile says samples = {found['samples']}, but its functions and images "
                     f"have {counted}: {DAMAGED}")
