"""QEMU: its command line, and a life that ends with ours."""

import os
import platform
import re
import selectors
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ..lifetime import end_with
from .errors import Cannot
from .guest import Console
from .kernel import Kernel

# The first serial port, as the kernel calls it.
CONSOLES = {"x86_64": "ttyS0", "aarch64": "ttyAMA0"}
DRIVERS = {"x86_64": "CONFIG_SERIAL_8250_CONSOLE", "aarch64": "CONFIG_SERIAL_AMBA_PL011_CONSOLE"}
PACKAGES = {"x86_64": "qemu-system-x86", "aarch64": "qemu-system-arm"}
MACHINES = {"x86_64": ["-M", "pc"], "aarch64": ["-M", "virt"]}
# What TCG emulates. x86: no fifth level of page tables, which hardly a machine has and a fork pays
# for; and no "fast" string instructions (ERMS, FSRM), which are one emulated instruction for each byte.
# aarch64: a PMU whose counts are real, and pointer authentication by a cipher that costs little.
CPUS = {"x86_64": "max,la57=off,erms=off,fsrm=off", "aarch64": "max,pmu=on,pauth-impdef=on"}
# When an exact guest begins: the time of day is part of what its kernel seeds itself with.
BIRTH = "2026-01-01T00:00:00"
# A stock kernel comes to init within this, or never will: KVM may be there and hang.
BOOT_LIMIT_S = {"exact": 120.0, "tcg": 120.0, "kvm": 30.0}


@dataclass(frozen=True)
class Machine:
    """What gets booted."""

    kernel: Kernel
    initramfs: Path
    mode: str
    memory_mib: int
    cpus: int
    append: str


def command_line(machine: Machine) -> list[str]:
    """All of QEMU's arguments. Nothing but a CPU, memory and a serial port: no network, no disk."""
    arch = machine.kernel.arch
    program = shutil.which(f"qemu-system-{arch}")
    if program is None:
        raise Cannot(f"there is no qemu-system-{arch} on PATH; as root: apt-get install {PACKAGES[arch]}")
    accelerator = ["-accel", "tcg", "-cpu", CPUS[arch]]
    kernel_says = f"console={CONSOLES[arch]} panic=-1"
    if machine.mode == "exact":
        # Virtual time is executed instructions; chance is seeded; nothing is placed at random.
        accelerator = ["-accel", "tcg,thread=single", "-cpu", CPUS[arch]]
        accelerator += ["-icount", "shift=0,sleep=off", "-rtc", f"base={BIRTH},clock=vm", "-seed", "1"]
        # Nor would yardsticks vary, which in emulated user space are executed instructions, too.
        kernel_says += " nokaslr norandmaps FORKCOST_YARDSTICKS=off"
    elif machine.mode == "kvm":
        accelerator = ["-accel", "kvm", "-cpu", "host"]
        if platform.machine() != arch:
            raise Cannot(f"KVM runs {platform.machine()} kernels here, this one is {arch}; use --mode exact")
        if not os.access("/dev/kvm", os.R_OK | os.W_OK):
            raise Cannot("/dev/kvm cannot be opened, so there is no KVM here; use --mode exact")
    return [
        program,
        *("-nodefaults", "-no-user-config", "-display", "none", "-no-reboot"),
        *MACHINES[arch],
        *accelerator,
        *("-m", f"{machine.memory_mib}M", "-smp", str(machine.cpus)),
        *("-chardev", "stdio,id=console,signal=off", "-serial", "chardev:console"),
        *("-kernel", str(machine.kernel.image), "-initrd", str(machine.initramfs)),
        *("-append", f"{kernel_says} {machine.append}".rstrip()),
    ]


def version(arch: str) -> str:
    """`7.2.22`; `unknown` where it does not say."""
    program = shutil.which(f"qemu-system-{arch}")
    if program is None:
        return "unknown"
    said = subprocess.run([program, "--version"], capture_output=True, text=True, check=False)
    found = re.search(r"version (\S+)", said.stdout)
    return found[1] if found else "unknown"


@dataclass
class Outcome:
    """How QEMU came to its end."""

    status: int | None  # None: we ended it
    said: str  # on its stderr
    limit: str | None = None  # which time limit passed


class _Limits:
    """How long it may take until init starts, and in all."""

    def __init__(self, time_limit_s: float, boot_limit_s: float) -> None:
        self._time_limit_s, self._boot_limit_s = time_limit_s, boot_limit_s
        begin = time.monotonic()
        self._deadline, self._boot_deadline = begin + time_limit_s, begin + boot_limit_s

    def left(self, console: Console) -> float:
        """Seconds until the next limit; at most 0 where it has passed."""
        now = time.monotonic()
        if console.over:
            # It ends by itself, unless the kernel knows no way to.
            self._deadline = min(self._deadline, now + 5)
        return (self._deadline if console.started else min(self._deadline, self._boot_deadline)) - now

    def passed(self, console: Console) -> str | None:
        """The limit that has passed, for people; None where nothing more was waited for."""
        if console.over:
            return None
        if console.started or self._deadline <= self._boot_deadline:
            return f"the time limit of {self._time_limit_s:g} s"
        return f"the boot limit of {self._boot_limit_s:g} s"


def run(
    arguments: list[str],
    keep: list[int],
    console: Console,
    log: Callable[[bytes], None],
    time_limit_s: float,
    boot_limit_s: float,
) -> Outcome:
    """Feeds the console until QEMU ends, or has to. keep: descriptors that QEMU inherits."""
    parent = os.getpid()
    limits = _Limits(time_limit_s, boot_limit_s)
    with subprocess.Popen(
        arguments,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        pass_fds=keep,
        preexec_fn=lambda: end_with(parent, signal.SIGKILL),
        start_new_session=True,  # Ctrl-C is for us; we end QEMU
    ) as qemu, selectors.DefaultSelector() as selector:
        assert qemu.stdout and qemu.stderr
        selector.register(qemu.stdout, selectors.EVENT_READ)
        selector.register(qemu.stderr, selectors.EVENT_READ)
        outcome = Outcome(None, "")
        errors = b""
        try:
            while selector.get_map() and not console.refused:
                left = limits.left(console)
                if left <= 0:
                    outcome.limit = limits.passed(console)
                    break
                for key, _ in selector.select(left):
                    data = os.read(key.fd, 1 << 16)
                    if not data:
                        selector.unregister(key.fileobj)
                    elif key.fileobj is qemu.stderr:
                        errors += data
                    else:
                        log(data)
                        console.feed(data)
            else:
                outcome.status = None if console.refused else qemu.wait()
        finally:
            if qemu.poll() is None:
                qemu.kill()
        console.close()
        outcome.said = errors.decode(errors="replace").strip()
        return outcome
