"""forkcost-board on a VM as the board: two kernels of Debian that kexec boots in turns, on a disk that
keeps the results, with a power cut in between; and what compare says of them.

Needs FORKCOST_BUILD: a build tree of this architecture. vm_python.sh skips it where nothing can be
booted.
"""

import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import time

import pytest

CI = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(CI / "lab"))

from forkcost_lab.boot import initramfs, kernel, qemu  # noqa: E402
from forkcost_lab.lifetime import end_with  # noqa: E402

BUILD = pathlib.Path(os.environ["FORKCOST_BUILD"]).absolute()
ARCH = os.environ["FORKCOST_ARCH"]
DEBIAN = kernel.DEBIAN[ARCH]
KERNELS = {"A": f"debian:linux-image-cloud-{DEBIAN}", "B": f"debian:linux-image-6.12-cloud-{DEBIAN}"}
CASE = "fork/path:fork/heap:0"
LIMIT_S = 120  # from power on to its end
SBIN = os.environ["PATH"] + ":/usr/sbin:/sbin"

# The board's whole system: its root is the initramfs, its disk has the kernels and the results.
# `forkcost-board next` is what the hook of every boot calls.
INIT = f"""#!/bin/sh
/bin/busybox --install -s /bin
export PATH=/bin:/suite/bin
mkdir -p /proc /sys /dev /tmp /var/tmp /disk
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
mkdir -p /dev/shm
mount -t tmpfs tmpfs /dev/shm
mount -t tmpfs tmpfs /tmp
for wait in 1 2 3 4 5 6 7 8 9; do [ -b /dev/nvme0n1 ] || sleep 1; done
mount -t ext4 /dev/nvme0n1 /disk || poweroff -f
if [ ! -e /disk/turns/board/plan ]; then
  forkcost-board plan /disk/turns --kernel A=/disk/A --initrd A=/disk/initrd --kernel B=/disk/B \\
    --initrd B=/disk/initrd --append B=nokaslr --boots 3 --settle 0 -- \\
    --filter '^{CASE}$' --rounds 2 --quiet
fi
forkcost-board next /disk/turns
echo "next has ended with status $?"
umount /disk
reboot -f
"""


def libraries_of_kexec():
    """The directories of those that this machine does not have: Debian's kexec knows Xen."""
    words = ("recommends", "suggests", "conflicts", "breaks", "replaces", "enhances")
    said = run("apt-cache", "depends", "--recurse", *(f"--no-{word}" for word in words), "kexec-tools")
    needed = {line for line in said.splitlines() if re.fullmatch(r"lib(xen|yajl|nl-|fdt)[\w.-]+", line)}
    return [path for package in sorted(needed)
            for path in kernel.fetch(package, DEBIAN).glob("**/lib/*-linux-gnu") if path.is_dir()]


@pytest.fixture(scope="module")
def programs():
    """What the board has; the reason is told where something cannot be had."""
    try:
        found = {label: kernel.find_kernel(spec, ARCH) for label, spec in KERNELS.items()}
        kexec = kernel.fetch("kexec-tools", DEBIAN)
        busybox = kernel.fetch("busybox-static", DEBIAN)
        libraries = libraries_of_kexec()
        missing = [name for name in ("mke2fs", "debugfs") if not shutil.which(name, path=SBIN)]
        if missing:
            raise kernel.Cannot(f"there is no {missing[0]}; as root: apt-get install e2fsprogs")
    except kernel.Cannot as reason:
        if os.environ.get("CI") == "true":
            pytest.fail(str(reason))
        pytest.skip(str(reason))
    return found, next(kexec.glob("**/sbin/kexec")), busybox / "bin/busybox", libraries


def run(*words):
    done = subprocess.run([str(word) for word in words], capture_output=True, text=True, check=False,
                          timeout=60, env={**os.environ, "PATH": SBIN})
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


class Board:
    """A machine with a disk, a serial port and a default kernel."""

    def __init__(self, directory, programs):
        self.kernels, kexec, busybox, libraries = programs
        self.directory, self.disk, self.said = directory, directory / "disk", ""
        root, files = directory / "root", initramfs.Initramfs(
            ARCH, [*((str(path), "/lib") for path in libraries), *initramfs.library_directories(ARCH)])
        root.mkdir()
        (directory / "init").write_text(INIT, encoding="ascii")
        (directory / "init").chmod(0o755)
        for source, guest in ((busybox, "/bin/sh"), (busybox, "/bin/busybox"), (kexec, "/bin/kexec"),
                              (CI / "forkcost-board", "/suite/bin/forkcost-board"),
                              (BUILD / "bin/forkcost-run", "/suite/bin/forkcost-run"),
                              (BUILD / "bin/bench_fork", "/suite/bin/bench_fork")):
            files.add(source, guest)
        files.add_libraries()
        self.initrd = root / "initrd"
        with open(self.initrd, "wb") as out:
            files.write(out, directory / "init", b"")
        for label, found in self.kernels.items():
            shutil.copy(found.image, root / label)
        run("mke2fs", "-q", "-t", "ext4", "-d", root, self.disk, "128M")

    def power_on(self, until=None):
        """From the default kernel on, until it restarts, or says `until`: then its power is cut."""
        machine = qemu.Machine(self.kernels["A"], self.initrd, "tcg", 512, 1, "quiet")
        console, since, ours = self.directory / "console", len(self.said), os.getpid()
        with open(console, "wb") as out, subprocess.Popen(
                [*qemu.command_line(machine), "-drive", f"file={self.disk},if=none,id=disk,format=raw",
                 "-device", "nvme,drive=disk,serial=board"],
                stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT,
                preexec_fn=lambda: end_with(ours, signal.SIGKILL)) as running:
            try:
                deadline = time.monotonic() + LIMIT_S
                while running.poll() is None and not (until and until in self._read(console)):
                    assert time.monotonic() < deadline, self._read(console)[-3000:]
                    time.sleep(0.1)
            finally:
                if running.poll() is None:
                    running.kill()
        self.said += self._read(console)
        return self.said[since:]

    @staticmethod
    def _read(console):
        return console.read_text(encoding="utf-8", errors="replace").replace("\r", "")

    def turns(self):
        """The directory of the results, taken from the disk."""
        run("debugfs", "-R", f"rdump /turns {self.directory}", self.disk)
        return self.directory / "turns"


def test_two_kernels_take_turns_on_a_board(programs, tmp_path):
    board = Board(tmp_path, programs)
    assert "measures boot 2 of A" in board.power_on(until="measures boot 2 of A")
    said = board.power_on()
    assert "ended while it was measured, and is measured anew" in said, said[-3000:]
    assert "all 6 boots are measured" in said and "next has ended with status 0" in said, said[-3000:]
    turns = board.turns()
    log = (turns / "board/log").read_text(encoding="utf-8")
    print("\n" + log)
    # A's second boot was measured once more, in another boot.
    assert re.findall(": measures boot (.) of (.): ", board.said) == [
        ("1", "A"), ("1", "B"), ("2", "B"), ("2", "A"), ("2", "A"), ("3", "A"), ("3", "B")]
    boots, releases = set(), {}
    for label, series in (("A", "6.1."), ("B", "6.12.")):
        found = sorted((turns / label).glob("*"))
        assert [path.name for path in found] == [
            f"boot-{number}.{ends}" for number in (1, 2, 3) for ends in ("json", "log")]
        for number, path in enumerate(found[::2], 1):
            document = json.loads(path.read_text(encoding="utf-8"))
            ours = document["context"]["forkcost"]
            ran = ours["environment"]["kernel"]
            assert [entry["name"] for entry in document["benchmarks"]] == 2 * [CASE]
            assert ours["run"]["label"] == {"kernel": label, "boot": str(number)}
            assert ran["release"].startswith(series) and f"forkcost.kernel={label}" in ran["command_line"]
            assert ("nokaslr" in ran["command_line"].split()) == (label == "B")
            boots.add(ran["boot_id"])
            releases[label] = ran["release"]
    assert len(boots) == 6

    words = [BUILD / "bin/forkcost", "compare", f"A={turns}/A", f"B={turns}/B", "--format", "details"]
    done = subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)
    print(done.stdout)
    assert done.returncode in (0, 1), done.stdout + done.stderr
    told = " ".join(done.stdout.split())
    assert "The unit of replication is the boot (3 of A, 3 of B)." in told
    for label, release in releases.items():
        assert f"{label}: kernel={label}, {release}, 3 boots, " in told
    assert "of one boot" not in told
