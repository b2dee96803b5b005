"""A room for the kernel laboratory: a suite, and a stand-in for forkcost-boot, whose kernels are
named for what they do, and hold the result file that comes out. ci/tests/test_vm_kernels.py boots
for real."""

import os
import struct
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

import forkcost
import forkcost_lab
import synthetic
from conftest import write
from forkcost.cli import main


BOOT = """#!{python}
import os, sys, time
from pathlib import Path

words = sys.argv[1:]
def given(option):
    return words[words.index(option) + 1]
kernel = Path(given("--kernel"))
with open("{log}", "a") as log:
    log.write(repr(words) + "\\n")
def end(status, text):
    print(text, file=sys.stderr)
    sys.exit(status)
if not kernel.is_file():
    end(2, f"forkcost-boot: --kernel {{kernel}}: no such file")
if kernel.name == "unfit":
    end(3, "forkcost-boot: unfit: there is no room for it")
if given("--mode") == "kvm":
    end(3, "forkcost-boot: QEMU ended with status -6: failed to set MSR")
if "--check" in words:
    sys.exit(0)
Path(given("--console")).write_text("Linux version 6.1\\n")
if kernel.name == "panics":
    end(3, "forkcost-boot: panics panicked: it says\\n  the end of the console:\\n  | Kernel panic")
if kernel.name == "hangs":
    Path("{log}").with_name(f"pid-{{os.getpid()}}").touch()
    time.sleep(600)
if kernel.name == "misunderstood":
    print("no case of preset quick matches")
    end(1, "forkcost-boot: in the guest, forkcost-run ended with status 2")
Path(given("--out").partition(":")[2]).write_text(kernel.read_text())
for out in (word for word in words if word.startswith("--out=/proc/sys/")):
    guest, _, host = out.partition("=")[2].partition(":")
    key = guest.removeprefix("/proc/sys/").replace("/", ".")
    [line] = [word for word in words if word.startswith("--append=")]
    value = "0" if kernel.name == "old" else line.partition(f"sysctl.{{key}}=")[2].split()[0]
    if kernel.name != "without":
        Path(host).write_text(value)
if kernel.name == "broken":
    sys.exit(1)
"""
FORMS = ["compare.github", "compare.html", "compare.json", "compare.junit.xml", "compare.ktap",
         "compare.md"]
FORK = "fork/path:fork/heap:64MiB"


def fake_elf(machine):
    """A header without segments."""
    return (b"\x7fELF\x02\x01\x01".ljust(16, b"\0")
            + struct.pack("<HHI", 2, machine, 1).ljust(48, b"\0"))


def as_module():
    """The environment of `python3 -m forkcost` with the laboratory."""
    return os.environ | {"PYTHONPATH": os.pathsep.join(
        str(Path(package.__file__).parents[1]) for package in (forkcost, forkcost_lab))}


def document(scale=1.0):
    """Two cases with CPU time, and one that has nothing but a wall clock."""
    maker = synthetic.Maker(rounds=3, samples=5, noise=1e-6)
    for heap, size in {"16MiB": 16 << 20, "64MiB": 64 << 20}.items():
        cpu = scale * (140_000 + size / 4096 * 125)
        axes = {"path": "fork", "heap": heap, "backing": "4k", "placement": "same-cpu"}
        maker.case("fork", axes, [{"blocked_ns": maker.around(3 * cpu),
                                   "blocked_cpu_ns": maker.around(cpu),
                                   "child_minor_faults": [12.0] * 5} for _ in range(3)],
                   heap_bytes=size)
    maker.case("dlopen", {"libraries": "16"}, [{"dlopen_ns": maker.around(1e6),
                                                "minor_faults": [70.0] * 5} for _ in range(3)],
               primary="dlopen_ns")
    made = maker.document()
    for entry in made["benchmarks"]:
        entry["primary_cpu"] = "blocked_cpu_ns" if entry["benchmark"] == "fork" else "dlopen_ns"
    return made


def sampled(made, **functions):
    """With a profile of each fork: 10 operations a round, a sample every 50,000 ns."""
    for entry in made["benchmarks"]:
        if entry["benchmark"] == "fork":
            entry["profile"] = {
                "event": "cpu-clock", "period": 50_000, "unit": "ns", "scope": "cpus",
                "quantity": "total_ns", "operations": 10, "operations_left_out": 0, "lost": 0,
                "throttled": 0, "samples": sum(functions.values()), "images": [],
                "functions": [{"name": n, "samples": s} for n, s in functions.items()]}
    return made


@pytest.fixture
def room(tmp_path, monkeypatch):
    """A directory with a suite, kernels of all kinds, and a log of forkcost-boot's calls."""
    suite = tmp_path / "suite"
    for name in ("bin/forkcost-run", "bin/bench_fork", "libexec/forkcost/init",
                 "libexec/forkcost/nolibc", "libexec/forkcost/other"):
        (suite / name).parent.mkdir(parents=True, exist_ok=True)
        (suite / name).write_bytes(fake_elf(62))
        (suite / name).chmod(0o755)
    boot = tmp_path / "forkcost-boot"
    boot.write_text(BOOT.format(python=sys.executable, log=tmp_path / "log"))
    boot.chmod(0o755)
    monkeypatch.setenv("FORKCOST_BOOT", str(boot))
    monkeypatch.setenv("FORKCOST_RUN", str(suite / "bin" / "forkcost-run"))
    for name in ("good", "same", "panics", "hangs", "misunderstood", "broken", "unfit", "old",
                 "without"):
        write(document(), tmp_path / name)
    write(document(1.27), tmp_path / "slow")
    write(sampled(document(), copy_page_range=1000, dup_mmap=500), tmp_path / "sampled")
    write(sampled(document(1.27), copy_page_ptes=1700, dup_mmap=510), tmp_path / "sampled-slow")
    (tmp_path / "torn").write_text('{"context": {')
    return tmp_path


def calls(room):
    """The arguments of forkcost-boot's calls, those that only check left out."""
    every = [eval(line) for line in (room / "log").read_text().splitlines()]
    return [words for words in every if "--check" not in words]


def kernels(room, *words, out="out", **kernel):
    named = [f"--kernel={label}={room / name}" for label, name in kernel.items()]
    return CliRunner(mix_stderr=False).invoke(
        main, ["kernels", *named, *map(str, words), "-o", str(room / out)])
