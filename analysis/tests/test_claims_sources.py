"""Which source a claim is judged by: page frames, else smaps, else fault counts."""

import ast
from pathlib import Path

import pytest

from claims_evidence import EVIDENCE
from forkcost import claims
from forkcost.claims import sources
from forkcost.claims.sources import FAULTS, FRAMES, SMAPS, decide_by, remark

ALL = {"frames": 3, "shared_bytes": 8192, "faults": 5}
NAMES = {"frames": "frames", "smaps": "shared_bytes", "faults": "faults"}


@pytest.mark.parametrize("missing, source, pages", [
    ((), FRAMES, 3), (("frames",), SMAPS, 2), (("frames", "shared_bytes"), FAULTS, 5),
    (("shared_bytes",), FRAMES, 3)])
def test_the_best_source_that_is_there_decides(missing, source, pages):
    found = decide_by({k: v for k, v in ALL.items() if k not in missing}, **NAMES)
    assert found.source == source and found.pages(4096) == (pages,)


def test_figures_that_belong_together_come_from_one_source():
    evidence = {"equal_before": 4, "shared_before": 16384, "shared_after": 4096}
    found = decide_by(evidence, frames=("equal_before", "equal_after"),
                      smaps=("shared_before", "shared_after"))
    assert found.source == SMAPS and found.pages(4096) == (4, 1) and found.values[0] == 16384
    assert decide_by({}, **NAMES) is None


def test_what_is_hidden_is_said_once():
    frames, smaps, faults = (decide_by({k: v for k, v in ALL.items() if k == name}, **NAMES)
                             for name in ALL)
    assert remark(frames, frames) == ""
    assert remark(frames, smaps, smaps) == " (page frames are hidden here: by smaps)"
    assert remark(faults) == " (page frames are hidden here: by fault counts)"
    assert remark(faults, smaps) == " (page frames are hidden here: by smaps and faults)"
    assert remark(smaps, hidden="no map counts") == " (no map counts: by smaps)"


def test_both_sources_of_a_claim_agree():
    """Where frames and smaps are both there, hiding the frames changes the words and no verdict."""
    for claim_id in ("text-unrelated", "same-va", "heap-not-copied"):
        claim = next(c for c in claims.CLAIMS if c.id == claim_id)
        for evidence in EVIDENCE[claim_id]:
            hidden = {k: v for k, v in evidence.items() if not k.startswith("equal_frames")}
            seen, by_smaps = claim.judge(evidence), claim.judge(hidden)
            assert seen.verdict == by_smaps.verdict
            assert "hidden" not in seen.evidence and "by smaps" in by_smaps.evidence


@pytest.mark.parametrize("path", sorted(Path(claims.__file__).parent.glob("*.py")),
                         ids=lambda p: p.stem)
def test_the_order_stands_in_one_place(path):
    """No judge asks for itself whether frames are hidden, nor words that they are."""
    if path == Path(sources.__file__):
        return
    texts = [node.value for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
             if isinstance(node, ast.Constant) and isinstance(node.value, str)]
    assert not [t for t in texts if t.startswith("page frames are hidden")]
