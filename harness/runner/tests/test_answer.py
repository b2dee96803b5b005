"""What forkcost-run shows at the end of a run and of a file: the answer, the table, progress.

The files of golden/ are what a person should see; to make them anew: GOLDEN=write pytest
test_answer.py, and read what `git diff` says.
"""

import errno
import fcntl
import json
import os
import pathlib
import pty
import re
import struct
import subprocess
import termios
import threading

import pytest

import bakery
from running import PATIENCE, many, wait_until

GOLDEN = pathlib.Path(__file__).with_name("golden")


class Terminal:
    """A pseudo-terminal of `columns` and what is written to it."""

    def __init__(self, columns):
        self.master, self.slave = pty.openpty()
        fcntl.ioctl(self.slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
        self.seen = b""
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()

    def read(self):
        while True:
            try:
                some = os.read(self.master, 4096)
            except OSError as error:
                assert error.errno == errno.EIO  # the last slave is closed
                return
            if not some:
                return
            self.seen += some

    def text(self):
        os.close(self.slave)
        self.reader.join(PATIENCE)
        assert not self.reader.is_alive()
        os.close(self.master)
        return self.seen.decode().replace("\r\n", "\n")


def run_in(terminal, command, stream, **variables):
    environment = {**os.environ, "TERM": "xterm", **variables}
    environment.pop("NO_COLOR", None) if "NO_COLOR" not in variables else None
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, stream: terminal.slave}
    return subprocess.run(command, env=environment, timeout=PATIENCE, **streams)


def show(runner, made, *arguments, columns=None):
    """What --show prints of `made`: to a pipe, or to a terminal of so many columns."""
    file = runner.out.with_name("shown.json")
    file.write_text(json.dumps(made))
    command = [runner.program, "--show", "shown.json", *arguments]
    if columns is None:
        return subprocess.run(command, capture_output=True, text=True, cwd=file.parent,
                              timeout=PATIENCE)
    terminal = Terminal(columns)
    streams = {"stdout": terminal.slave, "stderr": subprocess.PIPE}
    done = subprocess.run(command, cwd=file.parent, timeout=PATIENCE, **streams)
    done.stdout = terminal.text()
    return done


def is_golden(name, text):
    file = GOLDEN / name
    if os.environ.get("GOLDEN") == "write":
        file.write_text(text)
    assert text == file.read_text()


def fits(text, columns, lines=30):
    shown = text.splitlines()
    assert len(shown) <= lines
    assert max(map(len, shown)) <= columns
    assert not any(line.endswith(" ") for line in shown)


# The answer


@pytest.mark.parametrize("columns", [80, 100])
@pytest.mark.parametrize("form", ["schema 1", "schema 2"])
def test_the_answer(runner, form, columns):
    made = bakery.document()
    done = show(runner, made if form == "schema 1" else bakery.schema_2(made), columns=columns)
    assert (done.returncode, done.stderr) == (0, b"")
    fits(done.stdout, columns)
    is_golden(f"answer-{columns}.txt", done.stdout)


def test_a_pipe_gets_the_answer_of_100_columns(runner):
    assert show(runner, bakery.document()).stdout == (GOLDEN / "answer-100.txt").read_text()


def test_thirty_lines_whatever_happened(runner):
    made = bakery.document()
    warnings = made["context"]["forkcost"]["warnings"]
    warnings += [{"id": f"w{i}", "message": f"sentence {'x' * i} " * 5, "remedy": "none " * i}
                 for i in range(20)]
    reasons = [f"because of {'y' * i} and all that follows from it " * 3 for i in range(1, 40)]
    made["unmeasured"] += [bakery.unmeasured(f"bake/n:{status}-{i}", status, reason)
                           for status in ("failed", "skipped") for i, reason in enumerate(reasons)]
    for columns in (80, 100):
        text = show(runner, made, columns=columns).stdout
        fits(text, columns)
        assert "microwave" in text
        for kind in ("warning", "failed", "skipped"):
            assert re.search(rf"^{kind} +(… )?\d+ more", text, re.M), kind
        assert text.endswith("shown.json\n")


def test_a_filtered_run_shows_what_it_has_and_fills_the_rest_with_cases(runner):
    made = bakery.document()
    made["benchmarks"] = [e for e in made["benchmarks"] if e["axes"].get("oven") == "gas"]
    made["unmeasured"] = []
    text = show(runner, made).stdout
    fits(text, 100)
    assert "gas" in text and "stone\n" not in text and "dough alone" not in text
    assert "faster" not in text, "a column without a figure"
    assert re.search(r"^bake/oven:gas/size:16MiB/shelf:middle +proof_ns +29\.5 µs", text, re.M)


def test_where_no_row_matches_the_first_cases_are_shown(runner):
    made = bakery.document()
    made["context"]["forkcost"]["answer"] = []
    made["benchmarks"] += [bakery.entry("crumb", {"of": f"loaf-{i}"}, {"crumbs": bakery.quantity(i)})
                           for i in range(40)]
    text = show(runner, made).stdout
    fits(text, 100)
    assert "case " in text and re.search(r"… \d+ more", text) and "--table" in text


def test_claims_like_cases_are_counted_and_not_listed(runner):
    made = bakery.document()
    made["benchmarks"] = [e for e in made["benchmarks"] if e["benchmark"] == "pie"]
    text = show(runner, made).stdout
    assert "3 of 4 eaten; how they were: taste shown.json" in text
    assert "pie/id:0" not in text


def test_the_largest_size_that_is_also_a_named_one_stands_once(runner):
    made = bakery.document()
    made["benchmarks"] = [e for e in made["benchmarks"] if e["axes"].get("size") != "1GiB"]
    text = show(runner, made).stdout
    assert text.count("256 MiB ─") == 1


def test_reasons_of_one_shape_are_one_line(runner):
    text = show(runner, bakery.document()).stdout
    assert "3 cases: needs 16 MiB to 1 GiB of steam and 1 to 3 kettle(s); buy them" in text


# A run


def test_a_run_ends_in_the_answer_that_its_programs_declare(runner):
    """Of a benchmark, an axis and a quantity that forkcost-run cannot have heard of."""
    runner.set_cases("zap/mode:ok/volt:1", "zap/mode:ok/volt:20")
    (runner.bin_dir / "quantity").write_text("zap_ns")
    (runner.bin_dir / "answer.json").write_text(json.dumps([{
        "title": "zaps", "layout": "lines", "benchmark": "zap", "quantity": "zap_ns",
        "rows": [{"title": "zapped", "figures": [
            {"text": "{} at {volt} V", "axes": {"volt": "largest"}},
            {"text": "{} per 19 V", "reduce": "slope", "over": "volt", "per": 19}]}]}]))
    done = runner.run("--rounds", "2")
    assert done.returncode == 0, done.err
    assert re.search(r"^zapped +1\.03 µs at 20 V, 1\.00 ns per 19 V$", done.out, re.M), done.out
    assert done.out.splitlines()[-1] == str(runner.out)
    shown = subprocess.run([runner.program, "--show", str(runner.out)], capture_output=True,
                           text=True, timeout=PATIENCE)
    assert (shown.returncode, shown.stdout) == (0, done.out)


def test_an_answer_that_is_not_understood_is_told_before_anything_is_measured(runner):
    (runner.bin_dir / "answer.json").write_text('[{"title": "t", "colour": "red"}]')
    done = runner.run("--rounds", "1")
    assert (done.returncode, "'colour' is not known" in done.err) == (2, True)
    assert runner.logged("begin") == []


def test_quiet_prints_the_file_and_nothing_else(runner):
    runner.set_cases("a/mode:ok", "a/mode:skip", "a/mode:fail")
    done = runner.run("--rounds", "2", "--quiet")
    assert (done.returncode, done.out, done.err) == (1, f"{runner.out}\n", "")


def test_a_run_with_table_into_a_pipe_is_nothing_but_lines_of_cases(runner):
    runner.set_cases("a/mode:ok", "a/mode:skip")
    done = runner.run("--rounds", "1", "--table")
    assert [line.split("\t")[0] for line in done.out.splitlines()] == ["case", "a/mode:ok",
                                                                       "a/mode:skip"]
    assert done.err.endswith(f"{runner.out}\n")


# The table


def test_a_pipe_gets_tab_separated_values(runner):
    made = bakery.document()
    done = show(runner, made, "--table")
    header, *lines = [line.split("\t") for line in done.stdout.splitlines()]
    assert {len(line) for line in lines} == {len(header)}
    rows = {line[0]: dict(zip(header, line)) for line in lines}
    names = {one["name"] for one in made["benchmarks"] + made["unmeasured"]}
    assert set(rows) == names and len(lines) == len(names)
    stone = rows["bake/oven:stone/size:1GiB/shelf:middle"]
    assert float(stone["proof_ns"]) == 12.54e6 + 50
    assert (stone["outcome"], stone["rounds"], stone["primary"]) == ("ok", "2", "proof_ns")
    assert float(rows["crumb/of:loaf"]["crumb_bytes"]) == 1536
    assert rows["scale/of:bakery"]["error_ratio"] == "1.031"
    steam = rows["bake/oven:steam/size:1GiB"]
    assert (steam["outcome"], steam["proof_ns"]) == ("skipped", "")
    assert steam["reason"] == "needs 1 GiB of steam and 3 kettle(s); buy them"
    assert rows["bake/oven:coal/size:0"]["outcome"] == "failed"


def test_a_case_that_failed_in_one_round_is_failed_in_the_table(runner):
    made = bakery.document()
    made["unmeasured"] = [bakery.unmeasured("crumb/of:loaf", "failed", "a\tmouse\ncame")]
    done = show(runner, made, "--table")
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("crumb/")]
    assert line.split("\t")[1] == "failed" and line.endswith("\ta mouse came")


@pytest.mark.parametrize("columns", [50, 80, 160])
def test_a_terminal_gets_the_columns_that_fit(runner, columns):
    text = show(runner, bakery.document(), "--table", columns=columns).stdout
    fits(text, columns, lines=100)
    header = text.splitlines()[0].split()
    assert header[:3] == ["case", "quantity", "median"]
    assert ("crust_ns" in header) == (columns == 160)


def test_a_terminal_is_told_what_has_no_figures_and_each_reason_once(runner):
    made = bakery.document()
    text = show(runner, made, "--table", columns=80).stdout
    fits(text, 80, lines=100)
    table, *kinds = text.removesuffix("shown.json\n").split("\n\n")
    assert len(table.splitlines()) == 1 + len({one["name"] for one in made["benchmarks"]})
    assert [" ".join(kind.split()) for kind in kinds] == [
        "failed 1 case: event 'crust' missing: it is raw bake/oven:coal/size:0",
        "skipped 3 cases: needs 16 MiB to 1 GiB of steam and 1 to 3 kettle(s); buy them "
        "bake/oven:steam/size:16MiB bake/oven:steam/size:256MiB bake/oven:steam/size:1GiB",
        "skipped 1 case: no apples pie/id:9"]


def test_a_terminal_is_told_why_nothing_was_measured(runner):
    runner.set_cases("a/mode:skip")
    terminal = Terminal(100)
    done = run_in(terminal, runner.command("--rounds", "1", "--table"), "stdout",
                  TMPDIR=str(runner.temporary))
    assert (done.returncode, terminal.text()) == (
        3, f"skipped 1 case: the mock skipped it\n  a/mode:skip\n{runner.out}\n")


def test_a_filter_finds_a_case_by_the_axes_that_its_name_leaves_out(runner):
    done = show(runner, bakery.schema_2(bakery.document()), "--table", "--filter", "shelf:middle")
    names = [line.split("\t")[0] for line in done.stdout.splitlines()[1:]]
    assert names and all(name.startswith("bake/") and "shelf" not in name for name in names)


def test_a_filter_leaves_cases_of_a_file(runner):
    done = show(runner, bakery.document(), "--table", "--filter", "^crumb/")
    assert [line.split("\t")[0] for line in done.stdout.splitlines()] == ["case", "crumb/of:loaf"]
    for arguments, said in ((["--filter", "nothing"], "no case"), (["--filter", "("], "regular")):
        done = show(runner, bakery.document(), *arguments)
        assert (done.returncode, said in done.stderr) == (2, True), done.stderr


# Files


@pytest.mark.parametrize("change,said", [
    (lambda made: made["context"]["forkcost"].update(schema=3), "schema 3"),
    (lambda made: made.pop("benchmarks"), "not a result file"),
    (lambda made: made["benchmarks"][0].update(axes=3), "axes"),
    (lambda made: made["context"]["forkcost"].update(answer=[{"colour": 1}]), "'colour'"),
])
def test_what_is_no_result_file_is_status_2(runner, change, said):
    made = bakery.document()
    change(made)
    done = show(runner, made)
    assert (done.returncode, done.stdout) == (2, "")
    assert "shown.json" in done.stderr and said in done.stderr


def test_a_case_that_lacks_the_axis_of_a_fit_is_not_in_it(runner):
    """It may come first among the cases of a damaged file."""
    made = bakery.schema_2(bakery.document())
    made["benchmarks"][0]["axes"].pop("size")
    done = show(runner, made)
    assert (done.returncode, done.stderr) == (0, "")
    assert re.search(r"dough alone +.*1 ms at", done.stdout)


def test_a_file_that_cannot_be_read(runner, tmp_path):
    (tmp_path / "torn").write_text('{"context": ')
    (tmp_path / "packed").write_bytes(b"\x1f\x8b\x08\x00")
    for name, said in (("none", "ENOENT"), ("torn", "not a result file"), ("packed", "decompressing")):
        done = subprocess.run([runner.program, "--show", str(tmp_path / name)],
                              capture_output=True, text=True, timeout=PATIENCE)
        assert (done.returncode, done.stdout) == (2, "") and said in done.stderr


def test_an_old_file_is_shown_by_what_the_programs_here_declare(runner):
    made = bakery.document()
    made["context"]["forkcost"].pop("answer")
    (runner.bin_dir / "answer.json").write_text(json.dumps(bakery.declared()))
    done = show(runner, made, "--bin-dir", str(runner.bin_dir))
    assert done.stdout == (GOLDEN / "answer-100.txt").read_text()
    (runner.bin_dir / "bench_mock").unlink()
    done = show(runner, made, "--bin-dir", str(runner.bin_dir))
    assert done.returncode == 2 and "--table" in done.stderr and "--bin-dir" in done.stderr
    assert show(runner, made, "--table").returncode == 0


def test_two_sides_stand_side_by_side(runner):
    files = []
    for side, factor in (("a", 1), ("b", 1.5)):
        made = bakery.document()
        made["context"]["forkcost"]["run"]["interleaved"] = {"session": "5" * 16, "side": side}
        for one in made["benchmarks"]:
            for each in one["quantities"].values():
                for key in ("min", "p50", "p90"):
                    each[key] *= factor
        files.append(runner.out.with_name(f"run-{side}.json"))
        files[-1].write_text(json.dumps(made))
    command = [runner.program, "--show", "run-a.json", "run-b.json"]
    done = subprocess.run(command, cwd=files[0].parent, capture_output=True, text=True,
                          timeout=PATIENCE)
    assert done.returncode == 0, done.stderr
    fits(done.stdout, 100)
    is_golden("sides-100.txt", done.stdout)
    assert "forkcost compare run-a.json run-b.json" in done.stdout

    terminal = Terminal(40)
    narrow = [runner.program, "--show", *map(str, files)]
    assert run_in(terminal, narrow, "stdout").returncode == 0
    sides = terminal.text().split("trust")[0]
    assert "b/a" not in sides and max(map(len, sides.splitlines())) == 40, "cut, not wrapped"

    made["context"]["forkcost"]["run"]["interleaved"]["session"] = "6" * 16
    files[1].write_text(json.dumps(made))
    done = subprocess.run(command, cwd=files[0].parent, capture_output=True, text=True,
                          timeout=PATIENCE)
    assert (done.returncode, "forkcost compare" in done.stderr) == (2, True)


# Progress


def test_a_terminal_has_one_live_line_that_is_gone_at_the_end(runner):
    runner.set_cases(*many(8))
    terminal = Terminal(80)
    done = run_in(terminal, runner.command("--rounds", "4"), "stderr",
                  TMPDIR=str(runner.temporary))
    seen = terminal.text()
    assert done.returncode == 0
    live = seen[seen.index("\r"):]
    assert "\n" not in live, "one line, not many"
    drawn = [line.removeprefix("\x1b[K") for line in live.split("\r")]
    assert drawn[-1] == "", "erased"
    bars = [line for line in drawn if line]
    assert bars and all(re.fullmatch(r"\[=*>? *\] +\d+%  round \d/4.*a/mode:ok.*", line)
                        for line in bars), bars
    assert max(map(len, bars)) < 80


def test_the_live_line_follows_the_width_of_the_window(runner):
    """Asked at each redraw: a terminal that was made narrow while the run worked is not wrapped."""
    runner.set_cases(*many(12))
    terminal = Terminal(100)
    environment = {**runner.environment(), "TERM": "xterm"}
    environment.pop("NO_COLOR", None)
    with subprocess.Popen(runner.command("--rounds", "3"), env=environment,
                          stdout=subprocess.DEVNULL, stderr=terminal.slave) as process:
        wait_until(lambda: b"a/mode:ok" in terminal.seen or process.poll() is not None,
                   "the line is drawn")
        before = len(terminal.seen)
        fcntl.ioctl(terminal.slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 30, 0, 0))
        assert process.wait(PATIENCE) == 0
    seen = terminal.text()
    # The one that was being drawn meanwhile may still be wide.
    later = [line.removeprefix("\x1b[K") for line in seen[before:].split("\r")][2:]
    assert any(later) and max(map(len, later)) < 30


@pytest.mark.parametrize("variables", [{"TERM": "dumb"}, {"NO_COLOR": "1"}])
def test_a_terminal_that_is_to_be_left_alone_gets_plain_lines(runner, variables):
    runner.set_cases(*many(4))
    terminal = Terminal(60)
    run_in(terminal, runner.command("--rounds", "3"), "stderr", TMPDIR=str(runner.temporary),
           **variables)
    seen = terminal.text()
    assert "\r" not in seen and "\x1b" not in seen
    assert re.search(r"^ *\d+%, round \d of 3", seen, re.M)


def test_without_a_terminal_there_is_a_line_each_tenth_and_no_more(runner):
    runner.set_cases(*many(10))
    done = runner.run("--rounds", "5")
    lines = re.findall(r"^ *\d+%, round .*$", done.err, re.M)
    tenths = [int(line.split("%")[0]) // 10 for line in lines]
    assert 3 <= len(lines) <= 10
    assert tenths == sorted(set(tenths)), "each once"
