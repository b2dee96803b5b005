"""forkcost kernels around a stand-in for forkcost-boot (kernel_room)."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from click.testing import CliRunner

from conftest import SCHEMA_2, write
from forkcost.cli import main
from forkcost.errors import InputError, NoAnswer
from forkcost.load import load
from forkcost_lab import exact, laboratory, options
from kernel_room import (  # noqa: F401: a fixture
    FORK, FORMS, as_module, calls, document, kernels, room)


def test_two_kernels_have_a_file_each_and_are_compared(room):
    result = kernels(room, base="good", new="slow")
    assert result.exit_code == 1, result.stderr
    assert sorted(p.relative_to(room / "out").as_posix() for p in (room / "out").rglob("*.*")) == [
        "base/boot-1.console", "base/boot-1.json", *FORMS, "new/boot-1.console", "new/boot-1.json"]
    slope, *_ = [line for line in result.stdout.splitlines() if "+27%" in line]
    assert "125 → 159  fork, per 4 KiB page" in slope
    assert "2 slower" in result.stdout and "not time" in result.stdout
    assert "No KVM: QEMU ended with status -6" in result.stderr
    found = load([room / "out/new/boot-1.json"]).context["laboratory"]
    assert {k: found[k] for k in ("mode", "kernel", "arch", "boot", "append", "sysctls")} == {
        "mode": "exact", "kernel": "slow", "arch": "x86_64", "boot": 1, "append": "", "sysctls": {}}
    [words] = [w for w in calls(room) if str(room / "good") in w and "exact" in w]
    assert options.EXACT_FILTER in words and words[-1] == "/tmp/run.json"
    assert any(w.endswith("nolibc:/suite/libexec/forkcost/nolibc") for w in words)


def test_the_same_kernel_is_no_news(room):
    result = kernels(room, base="good", new="same")
    assert result.exit_code == 0, result.stderr
    assert re.search(r"No change found: \d+ same of \d+ quantities of cases(; slopes: 1 same)?\n",
                     result.stdout)


@pytest.mark.parametrize("stored", ["out/base/boot-1.json", "out/base"])
def test_a_stored_result_stands_for_a_kernel(stored, room):
    kernels(room, "--mode", "exact", base="good")
    booted = len(calls(room))
    result = kernels(room, out="again", base=stored, new="slow")
    assert result.exit_code == 1 and "+27" in result.stdout, result.stderr
    assert not (room / "again/base").exists()
    # In the mode of what is stored, without a look for KVM.
    assert [given for *_, given in map(modes, calls(room)[booted:])] == ["exact"]


def modes(words):
    return [words[i + 1] for i, word in enumerate(words) if word == "--mode"]


def test_a_stored_result_of_another_kind_is_no_baseline(room):
    write(document(), room / "plain.json")
    result = kernels(room, base="plain.json", new="slow")
    assert result.exit_code == 2 and "forkcost compare" in result.stderr
    kernels(room, "--mode", "exact", base="good")
    result = kernels(room, "--append", "base:quiet", out="again", base="out/base", new="slow")
    assert result.exit_code == 2 and "measured already" in result.stderr


def test_the_host_is_no_directory_of_that_name(room, monkeypatch):
    monkeypatch.chdir(room)
    (room / "host").mkdir()
    write(document(), room / "host" / "boot-1.json")
    [variant] = options.variants(["here=host"], [], [])
    assert variant.stored == []


def test_a_stored_time_without_kvm_says_what_can_be_done(room):
    kernels(room, "--mode", "exact", base="good")
    file = room / "out/base/boot-1.json"
    made = json.loads(file.read_text())
    made["context"]["forkcost"]["laboratory"]["mode"] = "kvm"
    write(made, room / "time.json")
    result = kernels(room, out="again", base="time.json", new="slow")
    assert result.exit_code == 3 and "--mode exact" not in result.stderr
    assert "no KVM to measure new in time" in result.stderr


def test_forms_are_there_where_stdout_is_not(room):
    words = [f"--kernel={label}={room / name}" for label, name in (("a", "good"), ("b", "slow"))]
    with Path("/dev/full").open("w") as full:
        ended = subprocess.run(
            [sys.executable, "-m", "forkcost", "kernels", *words, "-o", str(room / "out")],
            check=False, stdout=full, stderr=subprocess.PIPE, text=True,
            env=as_module())
    assert ended.returncode == 2 and "No space left" in ended.stderr
    assert [p.name for p in sorted((room / "out").glob("compare.*"))] == FORMS


def test_a_stored_result_may_have_any_name(room):
    kernels(room, "--mode", "exact", base="good")
    (room / "out/base/boot-1.json").rename(room / "ours.json")
    result = kernels(room, out="again", base="ours.json", new="slow")
    assert result.exit_code == 1 and "+27" in result.stdout, result.stderr


@pytest.mark.parametrize("words, stored_by, status, said", [
    (["--mode", "tcg"], {}, 2, "base is in mode exact, new in mode tcg"),
    ([], {"arch": "aarch64"}, 2, "base is of aarch64, new of x86_64"),
    ([], {"mode": "host"}, 3, "no KVM to measure new in time as well")])
def test_what_cannot_be_compared_is_not_measured(room, words, stored_by, status, said):
    kernels(room, "--mode", "exact", base="good")
    booted = len(calls(room))
    stored = json.loads((room / "out/base/boot-1.json").read_text())
    stored["context"]["forkcost"]["laboratory"] |= stored_by
    write(stored, room / "ours.json")
    result = kernels(room, *words, out="again", base="ours.json", new="slow")
    assert result.exit_code == status and said in result.stderr
    assert all("--version" in words for words in calls(room)[booted:])  # a look for KVM
    assert not (room / "again").exists()


def test_a_directory_without_results_is_named(room):
    (room / "empty").mkdir()
    result = kernels(room, base="empty", new="slow")
    assert result.exit_code == 2 and "empty has no *.json" in result.stderr


def test_a_kernels_own_trouble_is_not_blamed_on_kvm(room):
    result = kernels(room, base="unfit", new="slow")
    assert result.exit_code == 3 and "no room" in result.stderr and "No KVM" not in result.stderr


def test_the_forms_are_of_this_calls_comparison(room):
    result = kernels(room, "--mode", "exact", "--functions", "--format", "json", base="sampled",
                     new="sampled-slow", third="sampled")
    assert result.exit_code == 1, result.stderr
    assert (room / "out/compare.json").read_text() == result.stdout
    assert all((room / "out" / name).read_text() for name in FORMS)
    document = (room / "out/compare.md").read_text()
    assert "third" in document and "copy_page_ptes" in document
    # Another call here that has nothing to compare has no use for them.
    assert kernels(room, "--mode", "exact", other="good").exit_code == 0
    assert not list((room / "out").glob("compare.*"))


def test_two_stored_results_are_compared(room):
    kernels(room, "--mode", "exact", base="good", new="slow")
    booted = len(calls(room))
    result = kernels(room, out="again", base="out/base", new="out/new")
    assert result.exit_code == 1 and len(calls(room)) == booted
    assert sorted(p.name for p in (room / "again").iterdir()) == FORMS


def test_failed_boots_are_told_whatever_the_comparison_says(room, monkeypatch):
    def refuse(*_, **__):
        raise InputError("not like this")
    monkeypatch.setattr("forkcost.compare.engine.comparisons", refuse)
    result = kernels(room, "--mode", "exact", base="good", other="same", new="panics")
    assert result.exit_code == 2
    assert "not like this" in result.stderr and "| Kernel panic" in result.stderr


def test_in_exact_mode_no_wall_time_is_left(room):
    kernels(room, "--mode", "exact", base="good")
    kept = json.loads((room / "out/base/boot-1.json").read_text())
    fork, *_, dlopen = kept["benchmarks"]
    assert set(fork["quantities"]) == {"blocked_cpu_ns", "child_minor_faults"}
    assert fork["primary"] == "blocked_cpu_ns"
    assert fork["real_time"] == fork["quantities"]["blocked_cpu_ns"]["p50"]
    assert set(dlopen["quantities"]) == {"minor_faults"}
    assert not {"primary", "real_time", "cpu_time"} & set(dlopen)
    assert set(load([room / "out/base/boot-1.json"]).cases[FORK].quantities) == set(
        fork["quantities"])


def test_in_another_mode_all_is_left(room):
    kernels(room, "--mode", "tcg", base="good")
    before, after = (json.loads(p.read_text()) for p in (
        room / "good", room / "out/base/boot-1.json"))
    assert before["benchmarks"] == after["benchmarks"]


def test_each_boot_has_its_file_and_its_order(room):
    assert kernels(room, "--mode", "exact", "--boots", 2, base="good", new="same").exit_code == 0
    assert len(list((room / "out").rglob("boot-*.json"))) == 4
    seeds = sorted(w[w.index("--seed") + 1] for w in calls(room))
    assert seeds == ["1", "1", "2", "2"]


def test_settings_are_for_one_kernel_or_for_all(room):
    kernels(room, "--mode", "exact", "--append", "quiet", "--append", "new:mitigations=off",
            "--sysctl", "new:vm.overcommit_memory=2", base="good", new="good")
    appended = {next((w for w in words if w.startswith("--append")), None) for words in calls(room)}
    assert appended == {"--append=quiet",
                        "--append=quiet mitigations=off sysctl.vm.overcommit_memory=2"}
    found = load([room / "out/new/boot-1.json"]).context["laboratory"]
    assert found["append"] == "quiet mitigations=off"
    assert found["sysctls"] == {"vm.overcommit_memory": "2"}


@pytest.mark.parametrize("words", [
    ["--kernel", "good"], ["--kernel", "../x=good"], ["--kernel", "base=other"],
    ["--append", "nwe:mitigations=off"], ["--append", "new.1:mitigations=off"], ["--sysctl", "new:vm.overcommit_memory"], ["--boots", "0"],
    ["--kernel", "here=host"], ["--suite", "/nowhere"]])
def test_a_wrong_call_boots_nothing(room, words):
    result = kernels(room, "--mode", "exact", *words, base="good", new="same")
    assert result.exit_code == 2 and result.stderr
    assert not (room / "out").exists()


@pytest.mark.parametrize("kernel, said", [
    ("old", "vm.overcommit_memory was to be 2 and is 0"), ("without", "is none that can be read")])
def test_a_setting_that_is_not_in_force_is_a_failure(room, kernel, said):
    result = kernels(room, "--mode", "exact", "--sysctl", "new:vm.overcommit_memory=2", base="good",
                     new=kernel)
    assert result.exit_code == 3 and said in result.stderr and "leave out --sysctl" in result.stderr
    assert [p.name for p in (room / "out/new").iterdir()] == ["boot-1.console"]
    assert (room / "out/base/boot-1.json").exists()


def test_a_setting_is_read_as_the_kernel_writes_it():
    variant = options.Variant("a", "x", sysctls={
        "vm.lowmem_reserve_ratio": "0x40", "kernel.hostname": "a", "kernel.printk": "7"})
    assert variant.sysctl_files == {"vm.lowmem_reserve_ratio": "/proc/sys/vm/lowmem_reserve_ratio",
                                 "kernel.hostname": "/proc/sys/kernel/hostname"}
    variant.must_be_in_force("vm.lowmem_reserve_ratio", "64\t32\t0\n")
    variant.must_be_in_force("kernel.hostname", "a\n")
    with pytest.raises(NoAnswer):
        variant.must_be_in_force("kernel.hostname", "b\n")


def test_a_kernels_argument_with_a_colon_is_no_label():
    [variant] = options.variants(["a=x"], ["console=ttyS1:115200 isolcpus=1"], [])
    assert variant.append == "console=ttyS1:115200 isolcpus=1"
    with pytest.raises(InputError, match="running kernel"):
        options.variants(["a=host"], ["quiet"], [])


def test_a_kernel_that_is_not_there_is_found_before_any_boots(room):
    result = kernels(room, "--mode", "exact", base="good", new="nowhere")
    assert result.exit_code == 2 and "nowhere: no such file" in result.stderr
    assert calls(room) == []


@pytest.mark.parametrize("bad, status, said", [
    ("panics", 3, "| Kernel panic"), ("torn", 3, "left no result"),
    ("misunderstood", 2, "matches")])
def test_of_a_kernel_that_fails_the_others_results_are_kept(room, bad, status, said):
    result = kernels(room, "--mode", "exact", base="good", new=bad)
    assert result.exit_code == status, result.stderr
    assert "new boot 1: " in result.stderr and said in result.stderr
    assert load([room / "out/base/boot-1.json"]).cases
    assert not list((room / "out/new").glob("*.json"))
    assert (room / "out/new/boot-1.console").exists()


def test_failed_cases_leave_a_result_all_the_same(room):
    assert kernels(room, "--mode", "exact", base="broken").exit_code == 0
    assert (room / "out/base/boot-1.json").exists()


def test_without_kvm_there_is_no_time(room):
    result = kernels(room, "--mode", "kvm", base="good", new="same")
    assert result.exit_code == 3 and "failed to set MSR" in result.stderr


def test_results_that_are_there_stay(room):
    assert kernels(room, "--mode", "exact", base="good").exit_code == 0
    before = (room / "out/base/boot-1.json").read_bytes()
    result = kernels(room, "--mode", "exact", base="slow")
    assert result.exit_code == 2 and "boot-1.json exists" in result.stderr
    assert (room / "out/base/boot-1.json").read_bytes() == before


def test_a_directory_has_nothing_but_this_calls(room):
    kernels(room, "--mode", "exact", base="good")
    booted = len(calls(room))
    (room / "out/base/boot-1.json").rename(room / "out/base/boot-7.json")
    write(json.loads((room / "out/base/boot-7.json").read_text()), room / "ours.json")
    for base in ("good", "ours.json"):
        result = kernels(room, "--mode", "exact", base=base, new="slow")
        assert result.exit_code == 2 and "base/boot-7.json exists" in result.stderr
    assert len(calls(room)) == booted
    # What is there may be a side of its own.
    assert kernels(room, base="out/base", new="slow").exit_code == 1


def test_two_calls_do_not_share_a_directory(room):
    with laboratory.exclusive(room / "out"):
        result = kernels(room, "--mode", "exact", base="good")
        assert result.exit_code == 2 and "another forkcost writes" in result.stderr
        assert (room / "out").exists() and not (room / "log").exists()
    assert not (room / "out").exists()


def test_the_running_kernel_is_measured_without_a_boot(room):
    (room / "suite/bin/forkcost-run").unlink()
    run = room / "suite/bin/forkcost-run"
    run.write_text(f"#!/bin/sh\nwhile [ \"$1\" != --out ]; do shift; done\ncp {room}/good \"$2\"\n")
    run.chmod(0o755)
    with pytest.raises(InputError, match="no program for"):  # a script has no architecture
        options.find_suite()
    suite = options.Suite(room / "suite", "x86_64")
    results = laboratory.measure(options.variants(["now=host"], [], []), suite,
                          options.Measuring("auto"), room / "out", lambda line: None)
    assert results.failures == [] and not (room / "log").exists()
    context = load(results.files["now"]).context
    assert context["laboratory"]["mode"] == "host" and "qemu" not in context["laboratory"]


def test_counters_are_asked_for_where_the_emulated_cpu_has_them():
    measuring = options.Measuring("exact")
    assert any("instructions:k" in w for w in measuring.arguments("exact", "aarch64", 1))
    assert not any("instructions:k" in w for w in measuring.arguments("exact", "x86_64", 1))
    assert not any("instructions:k" in w for w in measuring.arguments("kvm", "aarch64", 1))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
@pytest.mark.parametrize("command", ["kernels", "bisect-step"])
def test_nothing_outlives_us(room, number, command, tmp_path_factory):
    scratch = tmp_path_factory.mktemp("scratch")
    words = {"kernels": ["--kernel", f"a={room}/hangs", "--kernel", f"b={room}/hangs", "--mode",
                         "exact", "-o", str(room / "out")],
             "bisect-step": ["--kernel-image", str(room / "hangs"), "--case", FORK, "--good", "1",
                             "--bad", "2"]}[command]
    ours = subprocess.Popen([sys.executable, "-m", "forkcost", command, *words],
                            env=as_module() | {"TMPDIR": str(scratch)},
                            stderr=subprocess.PIPE, text=True,
                            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))
    wanted = 2 if command == "kernels" and len(os.sched_getaffinity(0)) > 1 else 1
    wait_for(lambda: len(list(room.glob("pid-*"))) == wanted)
    ours.send_signal(number)
    _, said = ours.communicate(timeout=30)
    pids = [int(p.name.removeprefix("pid-")) for p in room.glob("pid-*")]
    wait_for(lambda: not any(alive(pid) for pid in pids))
    if number != signal.SIGKILL:
        assert ours.returncode == 128 + number, said
        assert list(scratch.iterdir()) == [] and not list(room.glob("out/**/*.json"))


def test_signals_that_are_ignored_stay_ignored(room):
    """As nohup does, and a shell for what it starts with &."""
    ignored = (signal.SIGHUP, signal.SIGINT)
    ours = subprocess.Popen(
        [sys.executable, "-m", "forkcost", "kernels", "--kernel", f"a={room}/hangs", "--mode",
         "exact", "-o", str(room / "out")], env=as_module(),
        stderr=subprocess.PIPE, text=True,
        preexec_fn=lambda: [signal.signal(number, signal.SIG_IGN) for number in ignored])
    wait_for(lambda: list(room.glob("pid-*")))
    status = Path(f"/proc/{ours.pid}/status").read_text()
    mask = int(re.search(r"^SigIgn:\s*(\w+)$", status, re.MULTILINE)[1], 16)
    for number in (*ignored, signal.SIGTERM):
        ours.send_signal(number)
    assert all(mask >> (number - 1) & 1 for number in ignored)
    _, said = ours.communicate(timeout=30)
    assert ours.returncode == 128 + signal.SIGTERM, said


def alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def wait_for(condition):
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_the_functions_that_account_for_it_are_named(room):
    result = kernels(room, "--mode", "exact", "--functions", "--format", "json", base="sampled",
                     new="sampled-slow")
    assert result.exit_code == 1, result.stderr
    assert all(any(w.startswith("--profile=cpu-clock") for w in words) for words in calls(room))
    [compared] = json.loads(result.stdout)["comparisons"]
    moved = [c for c in compared["causes"] if c["case"] == FORK]  # dup_mmap's is chance
    assert [(c["name"], c["unit"], c["base"], c["new"]) for c in moved] == [
        ("copy_page_ptes", "instructions per operation", 0, 8.5e6),
        ("copy_page_range", "instructions per operation", 5e6, 0)]


def test_functions_are_for_instructions(room):
    result = kernels(room, "--mode", "tcg", "--functions", out="other", base="good", new="slow")
    assert result.exit_code == 2 and "--mode exact" in result.stderr


def test_a_file_of_schema_2_keeps_figures_only(tmp_path):
    document = json.loads(SCHEMA_2.read_text(encoding="utf-8"))
    exact.only_figures(document)
    ours = document["context"]["forkcost"]
    run = load([write(document, tmp_path / "run.json")])
    assert set(ours["quantities"]) == {q for c in run.cases.values() for q in c.quantities}
    assert {q for q, row in ours["quantities"].items() if row["unit"] == "ns"} == {
        "blocked_cpu_ns", "child_cpu_ns", "debt_cpu_ns"}
    assert run.estimator("blocked_cpu_ns") == "min" and run.estimator("debt_cpu_ns") == "p50"
    fork = run.cases["fork/path:fork/heap:256MiB"]
    assert {e["primary"] for e in fork.entries} == {"blocked_cpu_ns"}
    assert all(e["real_time"] == e["cpu_time"] == e["quantities"]["blocked_cpu_ns"]["p50"]
               for e in fork.entries)


def test_the_stored_baseline_compares_with_a_new_exact_run(tmp_path):
    baseline = Path(__file__).parents[3] / "results" / "kernels" / "6.1.json.gz"
    document = json.loads(SCHEMA_2.read_text(encoding="utf-8"))
    exact.only_figures(document)
    document["context"]["forkcost"]["laboratory"] = {"mode": "exact", "kernel": "new"}
    new = write(document, tmp_path / "new.json")
    found = CliRunner(mix_stderr=False).invoke(
        main, ["compare", str(baseline), str(new), "--format", "json"])
    assert found.exit_code in (0, 1), found.stderr
    rows = json.loads(found.stdout)["comparisons"][0]["rows"]
    both = {r["case"] for r in rows if r["change"]["verdict"] not in ("new", "gone")}
    assert both == {"cow/heap:4MiB", "exec/image:nolibc/heap:0", "fork/path:fork/heap:0"}
