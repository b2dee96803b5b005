import dataclasses
import json
import os
import re

import pytest
from click.testing import CliRunner
from rich.console import Console

import synthetic
import synthetic_claims
from claims_evidence import EVIDENCE, FURTHER, LIMITS, UNJUDGED
from conftest import write
from forkcost import claims, report
from forkcost.claims import formats
from forkcost.claims.evidence import HOW_TO_GET
from forkcost.claims.verdict import BUT, FAILS, HOLDS, UNTESTABLE, Missing
from forkcost.cli import main
from forkcost.load import load
from forkcost.plots.claims import bars

BY_ID = {c.id: c for c in claims.CLAIMS}
NO_FRAMES = {  # those whose evidence has frames or map counts, and what the fallback is called
    "text-unrelated": "by smaps", "text-inode": "by smaps", "text-addresses": "by smaps",
    "text-no-alloc": "by page cache and faults", "text-cow-independent": "by smaps",
    "ro-file-once": "by smaps", "lib-second": "by major faults", "heap-not-copied": "by smaps",
    "heap-pagewise": "by smaps", "heap-everything": "by fault counts",
    "heap-grandchild": "by smaps and faults", "zero-page": "by smaps", "data-cow": "by smaps",
    "shell-out-copies": "by fault counts", "same-va": "by smaps", "last-owner": "by times",
    "exec-ends-sharing": "by smaps"}


def call(*words, **keywords):
    return CliRunner(mix_stderr=False).invoke(main, [str(w) for w in words], **keywords)


def judged(made, *, true=True, frames=True, rounds=5):
    maker = synthetic.Maker(rounds=rounds, samples=5, noise=0.01)
    return {j.id: j for j in claims.judge(made(synthetic_claims.world(maker, true, frames)))}


@pytest.fixture(scope="module")
def true_file(tmp_path_factory):
    maker = synthetic_claims.world(synthetic.Maker(rounds=5, samples=5, noise=0.01))
    return write(maker.document(), tmp_path_factory.mktemp("claims") / "true.json")


@pytest.fixture(scope="module")
def answers(true_file):
    return claims.judge(load([true_file]))


# Judges, by evidence written by hand


def test_every_claim_has_evidence_for_both_answers():
    assert len(claims.CLAIMS) == len(BY_ID)
    assert set(EVIDENCE) == set(BY_ID)


@pytest.mark.parametrize("claim_id", BY_ID)
def test_a_judge_can_say_both(claim_id):
    supports, contradicts = (BY_ID[claim_id].judge(e) for e in EVIDENCE[claim_id])
    assert (supports.verdict, supports.limit) == (HOLDS, "")
    assert (contradicts.verdict, contradicts.limit) == (FAILS, "")
    assert supports.evidence != contradicts.evidence
    assert re.search(r"\d", supports.evidence) and re.search(r"\d", contradicts.evidence)


@pytest.mark.parametrize("claim_id, evidence, supports", FURTHER)
def test_a_judge_of_further_evidence(claim_id, evidence, supports):
    assert BY_ID[claim_id].judge(evidence).verdict == (HOLDS if supports else FAILS)


@pytest.mark.parametrize("claim_id, evidence, limit", LIMITS)
def test_a_judge_names_the_limit(claim_id, evidence, limit):
    found = BY_ID[claim_id].judge(evidence)
    assert found.verdict == BUT and limit in found.limit


@pytest.mark.parametrize("claim_id, evidence, reason", UNJUDGED)
def test_a_judge_refuses_evidence_without_the_treatment(claim_id, evidence, reason):
    found = BY_ID[claim_id].judge(evidence)
    assert found.verdict == UNTESTABLE and reason in found.evidence


@pytest.mark.parametrize("claim_id, holds", [("lib-preload", True), ("parent-debt", True),
                                             ("vfork-useless", False)])
def test_without_intervals_the_medians_decide(claim_id, holds):
    text = json.dumps(EVIDENCE[claim_id][0 if holds else 1])
    evidence = json.loads(text, object_hook=lambda d: {k: v for k, v in d.items()
                                                       if k not in ("low", "high")})
    assert BY_ID[claim_id].judge(evidence).verdict == (HOLDS if holds else FAILS)


def test_a_ratio_whose_interval_has_no_difference_in_it_shows_none():
    evidence = json.loads(json.dumps(EVIDENCE["parent-debt"][0]))
    evidence["first_against_second"] |= {"low": 0.9, "high": 150}
    assert BY_ID["parent-debt"].judge(evidence).verdict == FAILS


# From a run


@pytest.mark.parametrize("frames", [True, False], ids=["frames", "hidden"])
@pytest.mark.parametrize("true", [True, False], ids=["true", "false"])
def test_worlds_in_which_all_claims_are_true_or_false(made, true, frames):
    found = judged(made, true=true, frames=frames)
    limits = {"heap-pagewise", "big-parent-enomem", "shell-out-copies", "gc-dirties"}
    expected = {i: FAILS if not true else BUT if i in limits else HOLDS for i in BY_ID}
    assert {i: j.verdict for i, j in found.items()} == expected
    said = {i for i, j in found.items() if re.search("hidden|cannot be read|no frames", j.evidence)}
    assert said == (set() if frames else set(NO_FRAMES))
    for i in said:
        assert NO_FRAMES[i] in found[i].evidence


def test_one_round_has_no_intervals_but_verdicts(made):
    found = judged(made, rounds=1)
    assert all(j.testable for j in found.values())
    assert "no interval: too few rounds" in found["vfork-useless"].evidence


def test_what_was_skipped_is_said(answers, made):
    inode = next(j for j in answers if j.id == "text-inode")
    assert "Not tested: text shared, bind mounts, 16 processes (skipped: needs CAP_SYS_" \
        in inode.evidence
    maker = synthetic.Maker(rounds=3, samples=5).fork(heaps={"0": 0})
    maker.not_measured("claim", {"id": "zero-page"}, "failed", "a page was missing")
    maker.not_measured("claim", {"id": "data-cow"}, "skipped", "no such section")
    found = {j.id: j for j in claims.judge(made(maker))}
    assert found["zero-page"].reason == "failed: a page was missing"
    assert found["data-cow"].reason == "skipped: no such section"
    assert found["same-va"].reason == ("not in this run: forkcost claims --run --preset "
                                       "quick measures it")
    assert found["fork-light"].reason.startswith("one size of the process only")


def test_the_heap_alone_does_not_test_everything(made):
    maker = synthetic.Maker(rounds=3, samples=5)
    synthetic_claims.World(maker, True, True).claim(
        "heap-everything", {"region": "heap"}, faults=1, equal_frames_before=1, new_frames=1)
    found = {j.id: j for j in claims.judge(made(maker))}["heap-everything"]
    assert (found.verdict, found.reason) == (
        UNTESTABLE, f"no region but the heap was measured: {HOW_TO_GET}")
    maker.not_measured("claim", {"id": "heap-everything", "region": "stack"}, "failed", "no stack")
    found = {j.id: j for j in claims.judge(made(maker))}["heap-everything"]
    assert (found.verdict, found.reason) == (UNTESTABLE, "failed: no stack")


def test_a_smoke_run_names_the_preset_that_measures_the_rest(made):
    maker = synthetic.Maker(rounds=3, samples=5).fork(heaps={"0": 0})
    world = synthetic_claims.World(maker, True, True)
    world.case("switch", {"between": "threads", "by": "futex", "touch": "0"}, handover_ns=2000,
               memory_in_common=1)
    world.case("cow", {"writer": "parent", "state": "first", "access": "write",
                       "pattern": "sequential", "heap": "16MiB", "backing": "4k"},
               synthetic.MIB * 16, debt_ns=1e6)
    found = {j.id: j for j in claims.judge(made(maker))}
    for claim_id in ("fork-light", "last-owner", "switch-tables", "zero-page", "lib-rw"):
        assert found[claim_id].verdict == UNTESTABLE
        assert found[claim_id].reason.endswith(": forkcost claims --run --preset quick measures it")
    assert "(between:forked)" in found["switch-tables"].reason


def short_names(path, document):
    """Names in a file of schema 1 -> what they are read as."""
    return dict(zip(dict.fromkeys(e["name"] for e in document["benchmarks"]), load([path]).cases))


@pytest.mark.parametrize("claim_id", BY_ID)
def test_a_missing_figure_is_a_reason_and_no_crash(true_file, tmp_path, claim_id):
    document = json.loads(true_file.read_text())
    wanted = re.compile("|".join(BY_ID[claim_id].cases))
    short = short_names(true_file, document)
    for entry in document["benchmarks"]:
        if wanted.match(short[entry["name"]]):
            entry["quantities"] = {}
    found = {j.id: j for j in claims.judge(load([write(document, tmp_path / "run.json")]))}
    assert found[claim_id].verdict == UNTESTABLE and found[claim_id].reason


@pytest.mark.parametrize("claim_id", BY_ID)
def test_single_cases_that_are_missing_crash_no_gatherer(true_file, claim_id):
    run, claim = load([true_file]), BY_ID[claim_id]
    names = [n for n in run.cases if re.match("|".join(claim.cases), n)]
    for gone in names[:12]:
        cases = {n: c for n, c in run.cases.items() if n != gone}
        view = claims.View(dataclasses.replace(run, cases=cases), claim.cases)
        try:
            assert claim.judge(claim.gather(view)).verdict != FAILS
        except Missing as missing:
            assert str(missing)


def test_counts_that_differ_between_samples_are_said(true_file, tmp_path):
    document = json.loads(true_file.read_text())
    entry = next(e for e in document["benchmarks"] if e["name"] == "claim/id:heap-not-copied")
    entry["quantities"]["faults"] = synthetic.quantity("faults", [0, 0, 0, 0, 7])
    run = load([write(document, tmp_path / "run.json")])
    found = next(j for j in claims.judge(run) if j.id == "heap-not-copied")
    assert found.verdict == HOLDS
    assert "Not the same in every sample: faults 0–7." in found.evidence


def test_the_filter_finds_what_is_gathered_and_no_more(true_file, full):
    names = set(load([true_file]).cases)
    found = {name for name in names if re.search(claims.case_filter(), name)}
    assert names - found == {n for n in names if n.startswith("fork/path:vfork")}
    other = {name.split("/heap")[0] for name in full.cases
             if re.search(claims.case_filter(), name)}
    assert other == {"fork/path:fork", "cow", "cow/state:alone", "cow/state:second",
                     *(f"spawn/path:{path}/image:{image}" for path in ("fork", "vfork")
                       for image in ("nolibc", "dynamic"))}


def test_the_reference_run_is_judged(reference):
    found = {j.id: j for j in claims.judge(load([reference]))}
    assert len(found) == len(BY_ID)
    for claim_id in ("fork-light", "vfork-useless"):
        assert found[claim_id].verdict == FAILS
    for claim_id in ("parent-debt", "last-owner"):
        assert found[claim_id].verdict == HOLDS
    assert "thp" in found["last-owner"].evidence


# Forms


def ktap(text):
    """The results of a KTAP document, or an AssertionError: [(ok, number, name, directive)]."""
    lines = text.splitlines()
    assert lines[0] == "KTAP version 1"
    planned = int(re.fullmatch(r"1\.\.(\d+)", lines[1])[1])
    results = []
    for line in lines[2:]:
        if line.startswith("# "):
            continue
        match = re.fullmatch(r"(ok|not ok) (\d+) (?:- )?([^#]*?)"
                             r"(?: # (SKIP|TODO|XFAIL)(?: (.*))?)?", line)
        assert match, line
        results.append((match[1] == "ok", int(match[2]), match[3], match[4], match[5]))
    assert [number for _, number, *_ in results] == list(range(1, planned + 1))
    return results


def test_ktap(answers, made):
    results = ktap(formats.ktap(answers))
    assert [name for _, _, name, *_ in results] == list(BY_ID)
    assert all(ok and directive is None for ok, _, _, directive, _ in results)
    assert not any(ok for ok, *_ in ktap(formats.ktap(list(judged(made, true=False).values()))))
    maker = synthetic.Maker(rounds=1, samples=2).fork(heaps={"0": 0})
    maker.not_measured("claim", {"id": "zero-page"}, "skipped", "odd #1\nreason # SKIP")
    skipped = ktap(formats.ktap(claims.judge(made(maker))))
    assert all(ok and directive == "SKIP" and reason for ok, _, _, directive, reason in skipped)


def test_the_limit_is_a_diagnostic_before_its_result(answers):
    lines = formats.ktap(answers).splitlines()
    at = next(i for i, line in enumerate(lines) if line.endswith(" gc-dirties"))
    assert any(line.startswith("# gc-dirties: holds, but not with") for line in lines[at - 3:at])


def test_json(answers):
    objects = json.loads(formats.as_json(answers))
    assert [o["id"] for o in objects] == list(BY_ID)
    for o in objects:
        assert list(o) == ["id", "claim", "verdict", "limit", "evidence", "figures", "reason"]
        assert o["verdict"] in (HOLDS, BUT, FAILS, UNTESTABLE) and o["figures"]


@pytest.mark.parametrize("width", [40, 80, 100, 200])
def test_text_fits_the_width(answers, width):
    assert max(map(len, formats.text(answers, width).splitlines())) <= width
    console = Console(width=width, record=True, file=open(os.devnull, "w", encoding="utf-8"))
    formats.show(answers, console)
    lines = console.export_text().splitlines()
    assert max(map(len, lines)) <= width
    for claim_id in BY_ID:
        assert any(claim_id in line for line in lines)


# The command


def test_the_command(true_file, tmp_path):
    result = call("claims", true_file)
    assert result.exit_code == 0 and result.stderr == ""
    assert result.stdout.splitlines()[-1] == "29 claims: 25 hold, 4 hold with a limit"
    assert ktap(call("claims", true_file, "--format", "ktap").stdout)
    out = tmp_path / "claims.json"
    result = call("claims", true_file, "--format", "json", "-o", out)
    assert result.stdout.strip() == str(out) and len(json.loads(out.read_text())) == len(BY_ID)


def test_nothing_testable_is_status_3(tmp_path):
    path = write(synthetic.Maker(rounds=1, samples=2).harness().document(), tmp_path / "run.json")
    result = call("claims", path)
    assert result.exit_code == 3 and "no claim could be tested" in result.stderr
    assert f"{len(BY_ID)} claims: {len(BY_ID)} not testable here" in result.stdout


@pytest.mark.parametrize("words", [[], ["none.json"], ["none.json", "--run"], ["--save", "x"],
                                   ["none.json", "--preset", "quick"],
                                   ["--run", "--format", "xml"]])
def test_a_wrong_call_is_status_2(words):
    assert call("claims", *words).exit_code == 2


# The report


def test_the_report_has_the_claims(true_file, tmp_path):
    page = report.write(load([true_file]), tmp_path / "report").read_text(encoding="utf-8")
    section = re.search(r'<section id="claims">.*?</section>', page, flags=re.S)[0]
    for claim_id in BY_ID:
        assert f"<code>{claim_id}</code>" in section
    assert section.count('<svg class="picture"') > 12
    assert "29 claims: 25 hold, 4 hold with a limit." in section


def test_the_report_says_how_to_get_the_claims(made, tmp_path):
    run = made(synthetic.Maker(rounds=1, samples=2).harness().fork(heaps={"0": 0}))
    page = report.write(run, tmp_path / "report").read_text(encoding="utf-8")
    section = re.search(r'<section id="claims">.*?</section>', page, flags=re.S)[0]
    assert f"no evidence for any of the {len(BY_ID)} claims" in section
    assert "forkcost claims --run" in section and "<table" not in section


def test_pictures_are_drawn_to_one_scale(answers):
    pictures = [j.picture for j in answers if j.picture]
    for picture in pictures:
        svg = bars(picture)
        widths = [float(w) for w in re.findall(r'<rect [^>]*width="([\d.]+)"', svg)]
        largest = max(value for _, value in picture.bars)
        for width, (label, value) in zip(widths, picture.bars, strict=True):
            assert width == pytest.approx(max(104 * value / largest, 1), abs=0.06), label
