"""forkcost-boot: the command line."""

import argparse
import errno
import os
import re
import signal
import sys
from contextlib import ExitStack
from pathlib import Path
from types import FrameType
from typing import BinaryIO

from . import qemu
from .elf import read_elf
from .errors import BadCall, Cannot, Problem
from .guest import Console, job
from .initramfs import Initramfs, library_directories
from .kernel import DEBIAN, Kernel, fetch, find_kernel

DESCRIPTION = "Boots a Linux kernel in QEMU with the files that are named, and runs one command there."
EPILOG = """\
Programs and libraries among the files bring the shared libraries that they need. What they load by
dlopen is in no header: name it (--file /usr/lib/aarch64-linux-gnu/libgcc_s.so.1). The guest has
/proc, /sys, /dev, /tmp and /dev/shm, no network, no disk and no shell; one comes from a package:
--file debian:dash/bin/dash:/bin/sh. What the command prints goes to stdout.

exact is emulation in which time is executed instructions: the same job gives the same figures on every
machine. Its clock is no measure of time. tcg is emulation as fast as it can; kvm is the host's CPU.

Exit status: 0 the command ended with 0; 1 it did not, or did not write a file; 2 the call is wrong; 3
it could not be run: no QEMU, a kernel that does not boot, a panic, a time limit, too little memory.

Downloaded and unpacked packages stay in $FORKCOST_CACHE (~/.cache/forkcost/kernels)."""


def size_mib(text: str) -> int:
    """1G, 512M"""
    if not (match := re.fullmatch(r"(\d+)([MG])", text)) or int(match[1]) == 0:
        raise argparse.ArgumentTypeError(f"'{text}' is no size; say 1G or 512M")
    return int(match[1]) * (1024 if match[2] == "G" else 1)


def seconds(text: str) -> float:
    """More than none."""
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < 1e6:
        raise argparse.ArgumentTypeError(f"'{text}' is no number of seconds")
    return value


def cpus(text: str) -> int:
    """At least one."""
    if not text.isdigit() or not 0 < int(text) <= 64:
        raise argparse.ArgumentTypeError(f"'{text}' is no number of CPUs from 1 to 64")
    return int(text)


def parse(arguments: list[str]) -> argparse.Namespace:
    """Ends with status 2 when the call is wrong."""
    parser = argparse.ArgumentParser(
        prog="forkcost-boot",
        description=DESCRIPTION,
        epilog=EPILOG,
        usage="%(prog)s --kernel KERNEL [options] -- COMMAND [ARGUMENTS…]",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--kernel", required=True, help="bzImage or Image, x.deb, or debian:PACKAGE[:ARCH], downloaded")
    add("--arch", choices=sorted(DEBIAN), help="default: the kernel's")
    add(
        "--file",
        action="append",
        default=[],
        metavar="SRC[:DEST]",
        help="a file or directory for the guest, there at the same path unless DEST says otherwise; SRC "
        "may be debian:PACKAGE/PATH",
    )
    add(
        "--out",
        action="append",
        default=[],
        metavar="GUEST:HOST",
        help="a file that the command writes in the guest, and where it goes",
    )
    add(
        "--library-dir",
        action="append",
        default=[],
        metavar="DIR",
        help="further directory with the guest's libraries, looked at first",
    )
    add("--append", action="append", default=[], metavar="ARGS", help="added to the kernel's command line")
    add("--memory", type=size_mib, default=1024, metavar="SIZE", help="of the guest (1G)")
    add("--cpus", type=cpus, default=1, metavar="N", help="of the guest (1)")
    add("--mode", choices=("exact", "tcg", "kvm"), default="exact", help="default: exact")
    add("--time-limit-s", type=seconds, default=300.0, metavar="S", help="for all of it (300)")
    add(
        "--boot-limit-s",
        type=seconds,
        metavar="S",
        help="until init starts (120; mode kvm: 30)",
    )
    add("--console", type=Path, metavar="FILE", help="everything that the kernel and the guest printed")
    add("--init", type=Path, metavar="FILE", help="the suite's init for the guest's architecture")
    add("--check", action="store_true", help="boot nothing, only see that all of it can be had")
    add("command", nargs="*", metavar="COMMAND", help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if not options.command:
        parser.error("no command to run in the guest; it follows after --")
    for spec in options.out:
        if not re.fullmatch(r"/.+?:.+", spec):
            parser.error(f"--out {spec}: say GUEST:HOST, where GUEST begins with /")
    return options


def find_init(given: Path | None, arch: str) -> Path:
    """Beside this program as it is installed or built, or in the build of the other architecture."""
    here = Path(sys.argv[0]).absolute().parent
    suite = "libexec/forkcost/init"
    places = [
        here.parent / suite,
        here.parent.parent / f"release-{arch}" / suite,
        here.parent / "build/release" / suite,
        here.parent / "build" / f"release-{arch}" / suite,
    ]
    for place in [given] if given else places:
        if place.is_file() and (elf := read_elf(place)) and elf.machine == arch:
            return place
    if given:
        raise BadCall(f"--init {given} is not the suite's init for {arch}")
    raise BadCall(
        f"no {suite} for {arch} beside this program; name that of a suite built for {arch}: --init "
        f"build/release-{arch}/{suite}"
    )


def collect(options: argparse.Namespace, arch: str) -> Initramfs:
    """The guest's files, their libraries, and room for what comes out."""
    own = [(str(Path(name).absolute()), "/lib") for name in options.library_dir]
    files = Initramfs(arch, own + library_directories(arch))
    for spec in options.file:
        source, colon, guest = spec.rpartition(":/")
        guest = "/" + guest
        if not colon:
            source, guest = spec, ""
        if source.startswith("debian:"):
            package, _, inside = source.removeprefix("debian:").partition("/")
            path = fetch(package, DEBIAN[arch]) / inside
            guest = guest or "/" + inside
        else:
            path = Path(source)
            guest = guest or str(path.absolute())
        if not path.exists():
            raise BadCall(f"--file {spec}: {path}: no such file")
        files.add(path, guest)
    files.add_libraries()
    if not files.has_command(options.command[0]):
        raise BadCall(f"the command {options.command[0]} is not among the guest's files; bring it with --file")
    # Once in the archive, once unpacked, which may fill half of the memory.
    need = 2 * (files.size >> 20) + 80
    if need > options.memory:
        raise BadCall(
            f"files of {files.size >> 20} MiB need a guest of at least {need} MiB, not {options.memory}: "
            f"--memory {need}M"
        )
    return files


def memory_file(stack: ExitStack, name: str) -> tuple[BinaryIO, Path]:
    """A file without a name, gone with us; its path is good for a child that inherits it."""
    file = stack.enter_context(os.fdopen(os.memfd_create(name), "wb"))
    return file, Path(f"/proc/self/fd/{file.fileno()}")


def write_whole(path: Path, content: bytes) -> None:
    """All of it or nothing. A new file has no name until it is whole, so a kill leaves nothing; one in
    place of an older file is .NAME.part for a moment, which the next write takes."""
    part = path.with_name(f".{path.name}.part")
    try:
        if not path.exists() and write_nameless(path, content):
            return
        try:
            with open(part, "wb") as new:
                new.write(content)
                new.flush()
                os.fsync(new.fileno())
            part.replace(path)
        except BaseException:
            part.unlink(missing_ok=True)
            raise
    except OSError as error:
        raise Cannot(f"{path} cannot be written: {error.strerror}") from None


def write_nameless(path: Path, content: bytes) -> bool:
    """False where the file system has no nameless files, or somebody took the name meanwhile."""
    parent = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        with open(os.open(".", os.O_TMPFILE | os.O_WRONLY, 0o666, dir_fd=parent), "wb") as new:
            new.write(content)
            new.flush()
            os.fsync(new.fileno())
            # With a directory given, Python calls linkat, which follows the link of /proc.
            os.link(f"/proc/self/fd/{new.fileno()}", path.name, dst_dir_fd=parent, follow_symlinks=True)
    except OSError as error:
        if error.errno not in (errno.EOPNOTSUPP, errno.EISDIR, errno.EINVAL, errno.EEXIST):
            raise
        return False
    finally:
        os.close(parent)
    return True


def failed(console: Console) -> bool:
    """Did the command end in any other way than with 0?"""
    return console.ending is not None and (console.ending.kind, console.ending.detail) != ("status", "0")


def judge(console: Console, outcome: qemu.Outcome, kernel: Kernel, options: argparse.Namespace) -> None:
    """Raises what kept the command from running to its end."""
    if console.refused:
        raise Cannot(f"{kernel.name} says: {console.refused}; correct this sysctl, or leave it out")
    remedy = f"--memory {2 * options.memory}M gives it twice as much"
    if console.finished and not (console.out_of_memory and failed(console)):
        return
    if console.out_of_memory:
        raise Cannot(f"the guest ran out of memory: {console.out_of_memory}; {remedy}")
    if console.panic:
        raise Cannot(f"{kernel.name} panicked: {console.panic}")
    if console.trouble:
        raise Cannot(f"the guest cannot {console.trouble}; {kernel.name} may be built without it")
    if not console.tail and not console.started and not outcome.said:
        raise Cannot(
            f"{kernel.name} printed nothing within {outcome.limit or 'its life'}: it may lack "
            f"{qemu.DRIVERS[kernel.arch]}, or hang before it has a console"
            + ("; KVM may hang where emulation does not: --mode exact" if options.mode == "kvm" else "")
        )
    if outcome.limit and console.started:
        raise Cannot(f"the command still ran after {outcome.limit}; --time-limit-s gives it more")
    if outcome.limit:
        raise Cannot(
            f"{kernel.name} did not come to init within {outcome.limit}; "
            + ("try --mode exact" if options.mode == "kvm" else "--boot-limit-s and --time-limit-s give it more")
        )
    if outcome.status:
        raise Cannot(
            f"QEMU ended with status {outcome.status}: {outcome.said or 'it does not say why'}"
            + ("; --mode exact does without KVM" if options.mode == "kvm" else "")
        )
    raise Cannot(f"the guest ended before its command did; {kernel.name} may have restarted")


def deliver(console: Console, options: argparse.Namespace) -> int:
    """The files, and our status."""
    status = 0
    for number, spec in enumerate(options.out):
        guest, _, host = spec.partition(":")
        if number in console.files:
            write_whole(Path(host), console.files[number])
        elif number in console.missing:
            say(f"{guest}: no such file came out of the guest: {console.missing[number]}")
            status = 1
        else:
            why = console.damaged.get(number, "it was not sent")
            raise Cannot(f"{guest} did not come out whole: {why}; run it again, and keep its --console")
    if failed(console):
        say(f"in the guest, {options.command[0]} {console.ending}")
        status = 1
    return status


def say(text: str) -> None:
    """To the user."""
    print(f"forkcost-boot: {text}", file=sys.stderr, flush=True)


def machine_of(options: argparse.Namespace, kernel: Kernel, initramfs: Path) -> qemu.Machine:
    """As the options say."""
    append = " ".join(options.append)
    return qemu.Machine(kernel, initramfs, options.mode, options.memory, options.cpus, append)


def boot(options: argparse.Namespace) -> int:
    """From the call to our status."""
    kernel = find_kernel(options.kernel, options.arch)
    files = collect(options, kernel.arch)
    key, instructions = job(options.command, [spec.partition(":")[0] for spec in options.out])

    def print_line(line: bytes) -> None:
        sys.stdout.buffer.write(line + b"\n")
        sys.stdout.buffer.flush()

    console = Console(key, print_line)
    init = find_init(options.init, kernel.arch)
    with ExitStack() as stack:
        archive, path = memory_file(stack, "initramfs")
        if options.check:
            qemu.command_line(machine_of(options, kernel, path))
            return 0
        files.write(archive, init, instructions)
        archive.flush()
        log = stack.enter_context(open(options.console or os.devnull, "wb", buffering=0))
        outcome = qemu.run(
            qemu.command_line(machine_of(options, kernel, path)),
            [archive.fileno()],
            console,
            lambda data: log.write(data) and None,
            options.time_limit_s,
            options.boot_limit_s or qemu.BOOT_LIMIT_S[options.mode],
        )
    try:
        judge(console, outcome, kernel, options)
        return deliver(console, options)
    except Cannot as problem:
        tail = "\n".join(f"  | {line}" for line in console.tail)
        raise Cannot(f"{problem}\n  the end of the console:\n{tail}" if tail else str(problem)) from None


class Interrupted(BaseException):
    """By a signal that would end us; QEMU is to be ended first."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.status = 128 + number


def interrupt(number: int, _: FrameType | None) -> None:
    """A signal handler."""
    raise Interrupted(number)


def main(arguments: list[str] | None = None) -> int:
    """The program."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) != signal.SIG_IGN:  # nohup, or a shell's &
            signal.signal(number, interrupt)
    try:
        return boot(parse(sys.argv[1:] if arguments is None else arguments))
    except Problem as problem:
        say(str(problem))
        return problem.status
    except Interrupted as interrupted:
        say("interrupted")
        return interrupted.status
    except OSError as error:
        say(f"{error.filename or 'forkcost-boot'}: {error.strerror or error}")
        return 3
