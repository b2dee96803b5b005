"""The statements that people make about fork, copy-on-write and shared code, each with the evidence
that a run has for it and a judge.

A further claim is a Claim in the CLAIMS of one of the modules."""

import json
from dataclasses import dataclass

from forkcost.claims import calls, heap, kernel, libraries, text
from forkcost.claims.evidence import View
from forkcost.claims.verdict import UNTESTABLE, Missing, Picture

GROUPS = (  # in this order everywhere: it numbers the KTAP lines
    ("Sharing of program text", text.CLAIMS),
    ("Shared libraries", libraries.CLAIMS),
    ("fork and the heap", (*heap.CLAIMS, *calls.CLAIMS)),
    ("What the MMU and the kernel do", kernel.CLAIMS),
)
CLAIMS = tuple(claim for _, claims in GROUPS for claim in claims)


@dataclass(frozen=True)
class Judged:
    """A claim after its test. `evidence`: the figures in words, empty where nothing was testable;
    `reason`: why it was not; `figures`: the evidence itself."""

    id: str
    claim: str
    group: str
    verdict: str
    limit: str
    evidence: str
    figures: dict
    reason: str
    picture: Picture | None

    @property
    def testable(self):
        return self.verdict != UNTESTABLE


def judge(run):
    """All claims against a Run: a list of Judged in the order of CLAIMS."""
    return [_judge(claim, group, run) for group, claims in GROUPS for claim in claims]


def _judge(claim, group, run):
    view = View(run, claim.cases)
    try:
        figures = claim.gather(view)
    except Missing as missing:
        return Judged(claim.id, claim.text, group, UNTESTABLE, "", "", {}, str(missing), None)
    json.dumps(figures, allow_nan=False)  # numbers only, none of them undefined
    found = claim.judge(figures)
    if found.verdict == UNTESTABLE:
        return Judged(claim.id, claim.text, group, UNTESTABLE, "", "", figures, found.evidence,
                      None)
    evidence = [found.evidence]
    unsteady = view.unsteady(figures)
    if unsteady:
        evidence.append(f"Not the same in every sample: {', '.join(unsteady[:3])}.")
    untested = view.words_for_untested()
    if untested:
        more = f"; and {len(untested) - 2} more" if len(untested) > 3 else ""
        evidence.append(f"Not tested: {'; '.join(untested[:2] if more else untested)}{more}.")
    return Judged(claim.id, claim.text, group, found.verdict, found.limit, " ".join(evidence),
                  figures, "", found.picture)


def case_filter():
    """A regular expression for `forkcost-run --filter` that finds the cases that claims gather
    from, and no other."""
    patterns = dict.fromkeys(pattern for claim in CLAIMS for pattern in claim.cases)
    return f"^(?:{'|'.join(patterns)})"
