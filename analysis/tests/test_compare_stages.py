"""In which order figures are judged, what the exit status hears of, and changes that are known."""

import datetime
import re

import numpy as np
import pytest

import synthetic
from forkcost.compare import accept, phrases, stages
from forkcost.compare.result import FASTER, SAME, SLOWER, UNCLEAR
from test_compare import call, compared, files
from test_compare_aa import measured, run

CORE, OTHERS = ("fork", "vfork", "clone3"), 60


def made(seed, core=1.0, primary=1.0, rest=1.0, detail=1.0, rounds=12, marked=True, noise=0.01):
    """Three core cases, and others. What is slower: the first of the core (`core`), and its quantity
    that is not primary (`detail`); one of the others in its primary quantity, or in all else."""
    m = synthetic.Maker(seed, rounds=rounds, noise=noise)
    for name in (*CORE, *map(str, range(OTHERS))):
        first, other = name == CORE[0], name == "33"
        factors = {"blocked_ns": core if first else primary if other else 1.0,
                   "teardown_ns": detail if first else rest if other else 1.0}
        m.case("fork", {"path": name}, [{q: m.around(1e6 * f) for q, f in factors.items()}
                                        for _ in range(rounds)])
        if marked and name in CORE:
            for entry in m.benchmarks[-rounds:]:
                entry["core"] = ["blocked_ns"]
    return m


def stage_of(comparison, path, quantity):
    return next(r.change for r in comparison.rows
                if (r.axes["path"], r.quantity) == (path, quantity))


def test_the_core_decides_by_itself(tmp_path):
    found = compared(*files(tmp_path, made(1), made(2, core=1.1)))
    change = stage_of(found, "fork", "blocked_ns")
    assert (change.stage, change.verdict, found.exit_status()) == (stages.CORE, SLOWER, 1)
    assert [phrases.name(i) for i in phrases.listed(found, SLOWER)] == ["fork/path:fork blocked_ns"]
    # Alone among all figures of the file, which is what it would be without stages, less is seen.
    every = compared(*files(tmp_path, made(1, marked=False), made(2, core=1.1, marked=False)))
    assert stage_of(every, "fork", "blocked_ns").detectable > change.detectable * 1.2


def test_a_primary_quantity_outside_the_core_decides_from_20_percent_on(tmp_path):
    for factor, status in ((1.1, 0), (1.3, 1)):
        found = compared(*files(tmp_path, made(1), made(2, primary=factor)))
        change = stage_of(found, "33", "blocked_ns")
        assert (change.stage, change.verdict) == (stages.PRIMARY, SLOWER)
        assert found.exit_status() == status, factor
        said = call(tmp_path / "0.json", tmp_path / "1.json")
        assert said.exit_code == status and "33: caller blocked" in said.stdout


def test_everything_else_is_told_and_decides_nothing_but_with_all(tmp_path):
    paths = files(tmp_path, made(1), made(2, rest=1.5))
    found = compared(*paths)
    change = stage_of(found, "33", "teardown_ns")
    assert (change.stage, change.verdict, found.exit_status()) == (stages.REST, SLOWER, 0)
    assert [i.axes["path"] for i in phrases.also(found)] == ["33"]
    assert phrases.verdict(found).startswith("No change found")
    assert "also moved, which decides nothing: +5" in call(*paths).stdout
    assert compared(*paths, everything=True).exit_status() == 1
    assert call(*paths, "--all").exit_code == 1


def test_where_in_the_timeline_it_is_is_judged_apart(tmp_path):
    """The other quantities of what was found are few: less of a correction."""
    found = compared(*files(tmp_path, made(1), made(2, core=1.1, detail=1.02)))
    change = stage_of(found, "fork", "teardown_ns")
    assert change.stage == stages.DETAIL and not change.counts
    assert stage_of(found, "vfork", "teardown_ns").stage == stages.REST


@pytest.mark.parametrize("options", [{"case": "path:(33|fork|vfork)$"}, {"quantity": "teardown"}])
def test_what_somebody_selects_is_the_core(tmp_path, options):
    found = compared(*files(tmp_path, made(1), made(2)), **options)
    wanted = {"blocked_ns"} if "case" in options else {"teardown_ns"}
    assert {r.quantity for r in found.rows if r.change.stage == stages.CORE} == wanted


def test_a_runs_filter_selects_too(tmp_path):
    base, new = (made(seed).document() for seed in (1, 2))
    for document in (base, new):
        document["context"]["forkcost"]["run"]["filter"] = "^fork"
    found = compared(*files(tmp_path, base, new))
    assert {r.change.stage for r in found.rows if r.quantity == "blocked_ns"} == {stages.CORE}


def test_strict_is_about_the_core(tmp_path):
    found = compared(*files(tmp_path, made(1, rounds=3), made(2, rounds=3), noise=0.05))
    assert stage_of(found, "33", "blocked_ns").verdict == UNCLEAR
    core = {r.change.verdict for r in found.rows if r.change.stage == stages.CORE}
    assert core == {UNCLEAR} and found.exit_status() == 0 and found.exit_status(strict=True) == 1
    clear = [r for r in found.rows if r.change.stage != stages.CORE]
    assert all(not r.change.counts for r in clear)


def test_alpha_is_the_callers(tmp_path):
    paths = files(tmp_path, made(1), made(2, core=1.03))
    smallest = [stage_of(compared(*paths, alpha=a), "fork", "blocked_ns").detectable
                for a in (1e-4, 0.01, 0.2)]
    assert smallest == sorted(smallest, reverse=True)
    assert call(*paths, "--alpha", "nothing").exit_code == 2


def test_a_threshold_is_the_smallest_change_worth_telling(tmp_path):
    """It is in the estimate, not in the interval: 3% is told where the interval begins at 2%."""
    paths = files(tmp_path, made(1, noise=0.003), made(2, core=1.03, noise=0.003))
    for wish, verdict in ((0.01, SLOWER), (0.025, SLOWER), (0.04, SAME)):
        change = stage_of(compared(*paths, wish), "fork", "blocked_ns")
        assert change.verdict == verdict, wish
    assert stage_of(compared(*paths[::-1], 0.025), "fork", "blocked_ns").verdict == FASTER


def counting(quantity, more, rounds=12):
    """The same without a change of times, but so many faults more in all samples of one case: `quantity`
    names the count, `faults`, which is not primary, or `pages` of a case of which it is."""
    m = made(1)
    for name in ("fork", "33"):
        values = [{q: np.full(5, 4096 + (more if q == quantity and name == "33" else 0))
                   for q in ("faults", "pages")} for _ in range(rounds)]
        m.case("cow", {"path": name}, values, "pages")
    for entry in m.benchmarks[-2 * rounds:]:
        entry["quantities"]["pages"] |= {"unit": "1", "better": "lower"}
    return m


@pytest.mark.parametrize("quantity, more, stage, verdict, status", [
    ("faults", 1, stages.REST, SAME, 0), ("faults", 8000, stages.REST, SLOWER, 0),
    ("faults", -400, stages.REST, FASTER, 0), ("pages", 1, stages.PRIMARY, SAME, 0),
    ("pages", 400, stages.PRIMARY, SLOWER, 0), ("pages", 1000, stages.PRIMARY, SLOWER, 1)])
def test_a_count_outside_the_core_obeys_the_threshold_and_the_20_percent(
        tmp_path, quantity, more, stage, verdict, status):
    paths = files(tmp_path, counting(quantity, 0), counting(quantity, more))
    found = compared(*paths)
    change = next(r.change for r in found.rows if (r.case, r.quantity) == ("cow/path:33", quantity))
    assert (change.stage, change.verdict, found.exit_status()) == (stage, verdict, status)
    assert change.exact and (verdict != SAME or "less than the threshold of 1.0%" in change.reason)
    assert compared(*paths, everything=True).exit_status() == int(verdict == SLOWER)
    wanted = compared(*paths, 2e-4, case="cow/path:33", quantity=quantity)  # selected, so the core's
    assert wanted.exit_status() == int(more > 0)


def test_a_count_outside_the_core_has_the_callers_threshold(tmp_path):
    paths = files(tmp_path, counting("faults", 0), counting("faults", 100))
    for wish, verdict in ((0.02, SLOWER), (0.03, SAME)):
        found = compared(*paths, wish)
        assert next(r.change for r in found.rows if (r.case, r.quantity) == (
            "cow/path:33", "faults")).verdict == verdict, wish


# Changes that are known


def accepted(tmp_path, text):
    path = tmp_path / "accept.toml"
    path.write_text(text)
    return path


KNOWN = """[[accept]]
case = "fork/path:fork"
quantity = "blocked_ns"
at_most = "{}"
reason = "pays for the new check"
until = {}
"""
NEXT_YEAR = datetime.date.today().replace(year=datetime.date.today().year + 1, day=1)


def test_a_known_change_is_told_and_gives_no_status_1(tmp_path):
    paths = files(tmp_path, made(1), made(2, core=1.1))
    known = accepted(tmp_path, KNOWN.format("15%", NEXT_YEAR))
    result = call(*paths, "--accept", known)
    assert result.exit_code == 0 and re.search(r"\naccepted  +\+10% .*; accepted: pays", result.stdout)
    assert "No regression; some known changes are accepted" in result.stdout
    for form in ("details", "json", "html", "markdown"):
        assert "pays for the new check" in call(*paths, "--accept", known, "--format", form).stdout, form


@pytest.mark.parametrize("bound, until, said", [
    ("5%", NEXT_YEAR, "accepted up to 5%, and it is more"),
    ("15%", datetime.date(2020, 1, 31), "accepted until 2020-01-31, which is over")])
def test_what_grows_or_expires_counts_again(tmp_path, bound, until, said):
    paths = files(tmp_path, made(1), made(2, core=1.1))
    result = call(*paths, "--accept", accepted(tmp_path, KNOWN.format(bound, until)))
    assert result.exit_code == 1 and said in result.stdout


def test_a_slope_is_accepted_by_its_unit(tmp_path):
    from test_compare import maker
    paths = files(tmp_path, maker(1), maker(2, 1.2))
    slope = KNOWN.replace('"fork/path:fork"', '"fork/path:fork per page"')
    cases = "".join(KNOWN.replace("fork/path:fork", f"fork/path:fork/heap:{heap}")
                    for heap in ("16MiB", "64MiB", "256MiB"))
    text = (slope + cases).format(*["30%", NEXT_YEAR] * 4)
    found = accept.applied(compared(*paths), accept.read(accepted(tmp_path, text)))
    assert found.exit_status() == 0 and found.families[0].change.accepted
    assert accept.applied(compared(*paths), accept.read(
        accepted(tmp_path, slope.format("30%", NEXT_YEAR)))).exit_status() == 1  # its cases


EVERYTHING = KNOWN.replace("fork/path:fork", "everything").replace("blocked_ns", "time")


@pytest.mark.parametrize("bound, until, status, said", [
    ("15%", NEXT_YEAR, 0, "; accepted: pays for the new check"),
    ("5%", NEXT_YEAR, 1, "everything time: accepted up to 5%, and it is more"),
    ("15%", datetime.date(2020, 1, 31), 1, "everything time: accepted until 2020-01-31, which is over")])
def test_what_everything_moved_is_accepted_by_its_name(tmp_path, bound, until, status, said):
    place = tmp_path / "noise"
    place.mkdir()
    known = measured(place, common=0.005, own=0.002)
    paths = [run(tmp_path, "a", 1, 0.0, 0.002), run(tmp_path, "b", 2, 0.0, 0.002, everything=1.1), "--noise", known]
    assert call(*paths).exit_code == 1
    accept_it = ["--accept", accepted(tmp_path, EVERYTHING.format(bound, until))]
    told = call(*paths, *accept_it, "--format", "details")
    assert told.exit_code == status and said in told.stdout and "everything is slower in new, by 10%" in told.stdout
    page = call(*paths, *accept_it, "--format", "html").stdout
    assert ("pays for the new check" in page) == (status == 0)
    text = call(*paths, *accept_it).stdout
    assert ("No regression; some known changes are accepted" in text) == (status == 0)


def test_everything_is_not_compared_where_too_few_groups_tell_it(tmp_path):
    paths = files(tmp_path, made(1), made(2))
    assert "everything time: accepted, but not compared here" in call(
        *paths, "--accept", accepted(tmp_path, EVERYTHING.format("15%", NEXT_YEAR))).stdout


def test_what_is_accepted_but_was_not_compared_is_said(tmp_path):
    paths = files(tmp_path, made(1), made(2))
    text = KNOWN.replace("path:fork", "path:gone").format("15%", NEXT_YEAR)
    assert "accepted, but not compared here" in call(
        *paths, "--accept", accepted(tmp_path, text)).stdout


@pytest.mark.parametrize("text", [
    "", "x", "[accept]", "[[accept]]\ncase = 'x'", KNOWN.format("15", "'soon'"),
    KNOWN.format("much", "2030-01-01"), KNOWN.format("5%", "2030-01-01") + "more = 1", "[[other]]"])
def test_a_file_that_is_none_is_status_2(tmp_path, text):
    result = call(*files(tmp_path, made(1), made(2)), "--accept", accepted(tmp_path, text))
    assert result.exit_code == 2 and "accept" in result.stderr
