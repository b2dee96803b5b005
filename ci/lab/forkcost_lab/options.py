"""What is to be booted and measured: the arguments of the call, understood and checked."""

import re
from dataclasses import dataclass, field
from pathlib import Path

from forkcost.errors import InputError, NoAnswer
from forkcost.reader import files_in, is_result
from forkcost_lab import programs
from forkcost_lab.boot.elf import MACHINES, read_elf

HOST = "host"  # in place of a kernel: the one that runs here

# What exact mode measures unless it is told otherwise: few cases, each of which is one cause.
EXACT_HEAPS = "0,4MiB,16MiB,64MiB"
EXACT_FILTER = "|".join((
    "^fork/path:fork/heap:[^/]+$", "^cow/heap:4MiB$",
    "^spawn/path:(vfork|posix_spawn)/image:nolibc/heap:0$",
    "^exec/image:(nolibc|static|dynamic)/heap:0$"))
_EXACT_IMAGES = ("nolibc", "static", "dynamic")
EXACT_ROUNDS = 3

# Samples by virtual time, which is executed instructions. (The emulated PMU of aarch64 would count
# them, but its overflows come only when the kernel is left.) A sample's own interrupt is about
# 3,000 instructions, 6% of this period.
_PROFILE = "--profile=cpu-clock:period=50021"

_LABEL = r"\w[\w.-]*"


@dataclass(frozen=True)
class Variant:
    """What is measured and compared: a kernel as it is booted, the running one, or what an earlier
    call stored. `append`: added to the command line, without the sysctls."""

    label: str
    kernel: str
    append: str = ""
    sysctls: dict = field(default_factory=dict)

    @property
    def stored(self):
        """Result files of an earlier call, in place of a kernel; [] where this is one."""
        if self.kernel == HOST:
            return []  # also where a directory has that name
        path = Path(self.kernel)
        if is_result(path):
            return [path]
        return files_in(path) if path.is_dir() else []

    @property
    def name(self):
        """Of the kernel, without its directory."""
        return self.kernel if self.kernel.startswith("debian:") else Path(self.kernel).name

    @property
    def command_line(self):
        """A sysctl is set by the kernel itself (since 5.8), before the first process."""
        return " ".join(filter(None, (self.append, *(
            f"sysctl.{key}={value}" for key, value in self.sysctls.items()))))

    @property
    def sysctl_files(self):
        """In the guest, by sysctl. Not kernel.printk: init has set that before it sends a file."""
        files = {key: f"/proc/sys/{key.replace('.', '/')}" for key in self.sysctls}
        return {key: file for key, file in files.items() if file != "/proc/sys/kernel/printk"}

    def must_be_in_force(self, key, text):
        """`text`: of the guest's file of a sysctl. Raises NoAnswer. A kernel before 5.8 knows no
        sysctl on its command line, and does not complain either."""
        wanted = self.sysctls[key]
        # Of a vector only the first is set.
        found = (text or "").split()[:1]
        if not found or _number(found[0]) != _number(wanted):
            raise NoAnswer(f"the sysctl {key} was to be {wanted} and is "
                           f"{found[0] if found else 'none that can be read'} in the guest; a "
                           f"kernel before 5.8 cannot set it at boot: leave out --sysctl {key}, or "
                           "correct it")


def _number(text):
    """0x10 is 16; what is no number stays a text."""
    try:
        return int(text, 0)
    except ValueError:
        return text


def variants(kernels, appends, sysctls):
    """The Variants of `LABEL=KERNEL`…, `[LABEL:]ARGS`… and `[LABEL:]KEY=VALUE`…."""
    named = {}
    for word in kernels:
        label, equals, kernel = word.partition("=")
        if not (equals and kernel and re.fullmatch(_LABEL, label, re.ASCII)):
            raise InputError(f"--kernel {word}: say LABEL=KERNEL, as in base=vmlinuz-6.1; a label "
                             "has letters, digits, dots and dashes")
        if label in named:
            raise InputError(f"--kernel {word}: there is a kernel labelled {label} already; give "
                             "this one another label")
        if kernel != HOST and Path(kernel).is_dir() and not Variant(label, kernel).stored:
            raise InputError(f"--kernel {word}: {kernel} has no *.json; name a kernel, or a "
                             "directory with result files of an earlier call")
        named[label] = kernel
    lines, settings = {label: [] for label in named}, {label: {} for label in named}
    for word in appends:
        for label, text in _labelled("--append", word, named):
            lines[label].append(text)
    for word in sysctls:
        for label, text in _labelled("--sysctl", word, named):
            key, equals, value = text.partition("=")
            if not (equals and re.fullmatch(r"[\w./-]+", key) and re.fullmatch(r"\S+", value)):
                raise InputError(f"--sysctl {word}: say KEY=VALUE, as in vm.overcommit_memory=2")
            settings[label][key] = value
    for label, kernel in named.items():
        if kernel != HOST and Variant(label, kernel).stored and (lines[label] or settings[label]):
            raise InputError(f"{label} was measured already, as its command line and sysctls were; "
                             "name the label that is meant: --append LABEL:…")
        if kernel == HOST and (lines[label] or settings[label]):
            raise InputError(f"{label} is the running kernel: its command line and its sysctls are "
                             "as they are; name a kernel to boot, or the label that is meant: "
                             "--append LABEL:…")
    return [Variant(label, kernel, " ".join(lines[label]), settings[label])
            for label, kernel in named.items()]


def _labelled(option, word, labels):
    """[(label, text)] of a word that is for one label, or for all."""
    label, colon, text = word.partition(":")
    if colon and label in labels:
        return [(label, text)]
    if colon and re.fullmatch(_LABEL, label, re.ASCII):  # `console=ttyS0:…` is no label
        raise InputError(f"{option} {word}: no kernel is labelled {label}; there are "
                         f"{', '.join(labels)}")
    return [(label, word) for label in labels]


@dataclass(frozen=True)
class Suite:
    """A suite as it is built or installed: `root` has bin and libexec."""

    root: Path
    arch: str

    @property
    def run(self):
        return self.root / "bin" / "forkcost-run"

    def files(self, all_images):
        """[(file or directory, where it is in the guest)], as far as the cases need them."""
        found = [p for pattern in ("bench_*", "forkcost-run", "forkcost-events")
                 for p in sorted((self.root / "bin").glob(pattern))]
        if (self.root / "lib" / "forkcost").is_dir():
            found.append(self.root / "lib" / "forkcost")
        images = self.root / "libexec" / "forkcost"
        found += [images] if all_images else [images / name for name in _EXACT_IMAGES]
        return [(path, f"/suite/{path.relative_to(self.root)}") for path in found]

    @property
    def init(self):
        return self.root / "libexec" / "forkcost" / "init"


def find_suite(directory=None):
    """The Suite in a directory, or the one that this program belongs to. Raises InputError."""
    remedy = "name the directory of a suite that was built or installed: --suite build/release"
    if directory is None:
        run = Path(programs.find("forkcost-run", "FORKCOST_RUN", remedy)).absolute()
    else:
        run = Path(directory).absolute() / "bin" / "forkcost-run"
    try:
        elf = read_elf(run)
    except OSError as error:
        raise InputError(f"{run}: {error.strerror}; {remedy}") from error
    if elf is None or elf.machine not in MACHINES.values():
        raise InputError(f"{run} is no program for {' or '.join(MACHINES.values())}; {remedy}")
    return Suite(run.parents[1], elf.machine)


@dataclass(frozen=True)
class Measuring:
    """What forkcost-run is told. None: what it does by itself. `boots`: of each kernel."""

    mode: str
    preset: str | None = None
    filter: str | None = None
    heap: str | None = None
    rounds: int | None = None
    boots: int = 1
    memory: str = "1G"
    time_limit_s: float = 600
    functions: bool = False

    @property
    def selected(self):
        """Whether the call says which cases."""
        return bool(self.preset or self.filter or self.heap)

    def arguments(self, mode, arch, seed):
        """Arguments of forkcost-run. `seed`: of the order of cases: another one in every boot, as
        what ran before a case moves its figures a little; the same one for all variants."""
        exact = mode == "exact"
        arguments = ["--quiet", "--seed", str(seed)]
        for flag, value, otherwise in (
                ("--preset", self.preset, None),
                ("--filter", self.filter, EXACT_FILTER if exact and not self.selected else None),
                ("--heap", self.heap, EXACT_HEAPS if exact and not self.selected else None),
                ("--rounds", self.rounds, EXACT_ROUNDS if exact else None)):
            if value or otherwise:
                arguments += [flag, str(value or otherwise)]
        if exact and arch == "aarch64":  # its PMU is real; QEMU has none for x86_64
            arguments.append("--counters=instructions:k,instructions:u,minor-faults")
        if self.functions:
            arguments.append(_PROFILE)
        return arguments
