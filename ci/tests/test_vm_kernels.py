"""forkcost kernels with real kernels: two of Debian, in mode exact, and how it ends.

Needs FORKCOST_BUILD: a build tree of this architecture. vm_python.sh skips it where nothing can be
booted.
"""

import json
import os
import pathlib
import signal
import subprocess
import time

import pytest

BUILD = pathlib.Path(os.environ["FORKCOST_BUILD"]).absolute()
DEBIAN = {"x86_64": "amd64", "aarch64": "arm64"}[os.environ["FORKCOST_ARCH"]]
OLD, NEW = f"debian:linux-image-cloud-{DEBIAN}", f"debian:linux-image-6.12-cloud-{DEBIAN}"
FORK = "fork/path:fork/heap:64MiB"
LIMIT_S = 80  # of two boots at once


def forkcost(*words):
    return subprocess.run([BUILD / "bin/forkcost", *map(str, words)], capture_output=True,
                          text=True, timeout=LIMIT_S, check=False)


@pytest.fixture(scope="module")
def kernels():
    """There may be none of the second package."""
    for kernel in (OLD, NEW):
        done = subprocess.run([BUILD / "bin/forkcost-boot", "--kernel", kernel, "--check", "--file",
                               "debian:busybox-static/bin/busybox:/bin/sh", "--", "sh"],
                              capture_output=True, text=True, check=False)
        if done.returncode != 0:
            if os.environ.get("CI") == "true":
                pytest.fail(done.stderr)
            pytest.skip(done.stderr)
    return OLD, NEW


def children():
    """QEMUs of ours, or nobody's."""
    found = []
    for stat in pathlib.Path("/proc").glob("[0-9]*/stat"):
        try:
            line = stat.read_text()
            words = (stat.parent / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if "(qemu-system" in line and any(b"init=/marked" in word for word in words):
            found.append(int(stat.parent.name))
    return found


def test_two_kernels(kernels, tmp_path):
    done = forkcost("kernels", "--mode", "exact", "--rounds", 1, "-o", tmp_path / "out",
                    "--sysctl", "new:vm.overcommit_memory=1",
                    *(f"--kernel={label}={kernel}"
                      for label, kernel in zip(("base", "new"), kernels)))
    assert done.returncode in (0, 1), done.stdout + done.stderr
    print("\n" + done.stdout)
    figures, overcommit = {}, {}
    for label in ("base", "new"):
        document = json.loads((tmp_path / "out" / label / "boot-1.json").read_text())
        assert document["unmeasured"] == [] and len(document["benchmarks"]) == 10
        ours = document["context"]["forkcost"]
        assert ours["laboratory"]["mode"] == "exact"
        overcommit[label] = ours["environment"]["memory"]["overcommit_memory"]
        entries = {entry["name"]: entry for entry in document["benchmarks"]}
        for entry in entries.values():
            times = {n for n, q in entry["quantities"].items() if q["unit"] == "ns"}
            assert times and times <= {"blocked_cpu_ns", "debt_cpu_ns", "child_cpu_ns"}
        figures[label] = entries[FORK]["quantities"]["blocked_cpu_ns"]["min"]
    assert overcommit == {"base": 0, "new": 1}
    # The newer one copies page tables with about 30% more instructions.
    assert 1.1 < figures["new"] / figures["base"] < 2


def test_a_sysctl_that_the_kernel_refuses(kernels, tmp_path):
    done = forkcost("kernels", "--mode", "exact", "-o", tmp_path / "out", "--sysctl",
                    "vm.overcommit_memory=7", f"--kernel=a={kernels[0]}")
    assert done.returncode == 3 and "'vm.overcommit_memory=7': invalid value" in done.stderr


def test_a_claim_about_a_sysctl(kernels, tmp_path):
    """There is one result only, so nothing is compared, and nothing is news."""
    done = forkcost("kernels", "--mode", "exact", "-o", tmp_path / "out", "--sysctl",
                    "vm.overcommit_memory=2", "--sysctl", "vm.overcommit_ratio=90", "--filter",
                    "^claim/id:big-parent-enomem", "--rounds", 1, f"--kernel=never={kernels[0]}")
    assert done.returncode == 0, done.stderr
    claims = forkcost("claims", tmp_path / "out/never/boot-1.json", "--format", "json")
    [claim] = [c for c in json.loads(claims.stdout) if c["id"] == "big-parent-enomem"]
    assert "overcommit_memory 2: fork refused from" in claim["evidence"], claim


def test_a_step_of_a_bisection(kernels):
    """Of a kernel that is booted by its package's name, which is as good as an image."""
    words = ["bisect-step", "--kernel-image", kernels[0], "--case", FORK]
    done = forkcost(*words, "--good", 1e6, "--bad", 1e3)
    assert done.returncode == 0 and f"{FORK} blocked_cpu_ns: " in done.stdout, done.stderr
    done = forkcost(*words, "--good", 1e6, "--bad", 2e6, "--append", "rdinit=/none")
    assert done.returncode == 125 and "panic" in done.stderr


def test_no_kernel_outlives_it(kernels, tmp_path):
    running = subprocess.Popen(
        [BUILD / "bin/forkcost", "kernels", "--mode", "exact", "-o", tmp_path / "out", "--append",
         "init=/marked", f"--kernel=a={kernels[0]}"], stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 60
    while not children():
        assert time.monotonic() < deadline and running.poll() is None
        time.sleep(0.05)
    running.send_signal(signal.SIGTERM)
    _, said = running.communicate(timeout=30)
    assert running.returncode == 128 + signal.SIGTERM, said
    assert children() == [] and not list((tmp_path / "out").rglob("*.json"))
