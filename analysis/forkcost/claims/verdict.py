"""What a claim is, what may come out of testing it, and how evidence is written for people."""

from dataclasses import dataclass
from typing import Callable

from forkcost import units

HOLDS, BUT, FAILS, UNTESTABLE = (
    "holds", "holds, but", "does not hold here", "not testable here")
UNSURE = "no interval: too few rounds"


class Missing(Exception):
    """Evidence that a run does not have; the message says why, in words for `not testable here`."""


@dataclass(frozen=True)
class Picture:
    """A comparison for the eye. `bars`: ((label, value), …); `unit` as in results/FORMAT.md."""

    bars: tuple
    unit: str


@dataclass(frozen=True)
class Verdict:
    """`evidence`: the figures in a sentence. `limit`: what was found against a claim that else
    holds. For UNTESTABLE `evidence` is the reason."""

    verdict: str
    evidence: str
    limit: str = ""
    picture: Picture | None = None


@dataclass(frozen=True)
class Claim:
    """`cases`: regular expressions (the part that Python and std::regex share) for the beginning of
    the names of all cases that `gather` may see. `gather`: Evidence of a run (evidence.View) -> dict
    of plain numbers, lists and dicts; a key that could not be measured is absent. Raises Missing.
    `judge`: that dict -> Verdict; a pure function."""

    id: str
    text: str
    cases: tuple
    gather: Callable
    judge: Callable


def holds(evidence, picture=None):
    return Verdict(HOLDS, evidence, "", picture)


def but(limit, evidence, picture=None):
    return Verdict(BUT, evidence, limit, picture)


def fails(evidence, picture=None):
    return Verdict(FAILS, evidence, "", picture)


def untestable(reason):
    return Verdict(UNTESTABLE, reason)


def own_cases(claim_id):
    """The cases that bench_claims has for one claim."""
    return (f"claim/id:{claim_id}(?:/|$)",)


def all_of(count, whole):
    """Whether a count is all of `whole`: exactly below 100, else to 1%: a process touches a few
    pages for itself too."""
    return count >= whole - whole // 100


def none_of(count, whole):
    """Whether a count is nothing of `whole`, with the same tolerance."""
    return count <= whole // 100


def surely(ratio):
    """The end of a ratio's 95% interval that is nearer to no difference; the ratio itself without
    an interval. `ratio`: {"ratio", "low", "high"}, low and high absent with too few rounds."""
    if "low" not in ratio:
        return ratio["ratio"]
    if ratio["low"] <= 1 <= ratio["high"]:
        return 1.0
    return ratio["low"] if ratio["low"] > 1 else ratio["high"]


def number(n):
    """A count: 1,024 or 1.5."""
    return f"{n:,.0f}" if float(n).is_integer() else units.number(n)


def many(n, what):
    """`1 page`, `1,024 pages`."""
    return f"{number(n)} {what}{'' if n == 1 else 's'}"


def amount(n_bytes):
    """Bytes of memory, where 0 is a finding and not an empty arena."""
    return units.size(n_bytes) if n_bytes else "0 bytes"


def times(ratio):
    """A ratio with its interval: `12.3× (95% 11.9–12.8)`."""
    text = units.factor(ratio["ratio"])
    if "low" not in ratio:
        return f"{text} ({UNSURE})"
    return f"{text} (95% {units.number(ratio['low'])}–{units.number(ratio['high'])})"


def listed(words):
    """`a`, `a and b`, `a, b and c`."""
    words = list(words)
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)
