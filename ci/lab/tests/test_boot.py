"""forkcost-boot around a stand-in for QEMU, and its parts. vm_boot.sh boots for real."""

import base64
import hashlib
import io
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from forkcost_lab.boot import cli, cpio, elf, guest, kernel
from forkcost_lab.boot.errors import BadCall, Cannot
from forkcost_lab.boot.initramfs import Initramfs, library_directories
from kernel_room import fake_elf

CI = Path(__file__).resolve().parents[2]
NATIVE = os.uname().machine


def read_archive(data: bytes) -> dict[str, tuple[int, bytes]]:
    """Mode and content of all that a newc archive has."""
    found, at = {}, 0
    while True:
        assert data[at : at + 6] == b"070701"
        fields = [int(data[at + 6 + 8 * i : at + 14 + 8 * i], 16) for i in range(13)]
        name = data[at + 110 : at + 110 + fields[11] - 1].decode()
        content = (at + 110 + fields[11] + 3) // 4 * 4
        if name == "TRAILER!!!":
            return found
        found[name] = (fields[1], data[content : content + fields[6]])
        at = (content + fields[6] + 3) // 4 * 4


def fake_image(arch: str) -> bytes:
    """As much of a kernel as its header."""
    at, magic = {"aarch64": (0x38, b"ARM\x64"), "x86_64": (0x202, b"HdrS")}[arch]
    return (b"\0" * at + magic).ljust(4096, b"\0")


# The archive and what goes into it.


def test_an_archive_has_what_was_written(tmp_path: Path) -> None:
    (tmp_path / "program").write_bytes(b"12345")
    (tmp_path / "program").chmod(0o755)

    def written() -> bytes:
        out = io.BytesIO()
        archive = cpio.Writer(out)
        archive.directory("bin")
        archive.file("bin/program", tmp_path / "program")
        archive.symlink("bin/link", "program")
        archive.data("empty", b"")
        archive.character_device("dev/console", 5, 1)
        archive.end()
        return out.getvalue()

    assert read_archive(written()) == {
        "bin": (0o040755, b""),
        "bin/program": (0o100755, b"12345"),
        "bin/link": (0o120777, b"program"),
        "empty": (0o100644, b""),
        "dev/console": (0o020600, b""),
    }
    before = written()
    os.utime(tmp_path / "program", (1, 1))
    assert written() == before


def test_a_tree_keeps_links_and_has_parents_first(tmp_path: Path) -> None:
    (tmp_path / "tree/deep").mkdir(parents=True)
    (tmp_path / "tree/deep/file").write_text("x", encoding="ascii")
    (tmp_path / "tree/link").symlink_to("deep/file")
    (tmp_path / "init").write_bytes(b"init")
    files = Initramfs("x86_64", [])
    files.add(tmp_path / "tree", "/suite")
    out = io.BytesIO()
    files.write(out, tmp_path / "init", b"job")
    entries = read_archive(out.getvalue())
    assert entries["suite/link"] == (0o120777, b"deep/file")
    assert entries[".forkcost-boot/job"] == (0o100644, b"job")
    names = list(entries)
    assert names.index("suite") < names.index("suite/deep") < names.index("suite/deep/file")
    assert files.has_command("/suite/deep/file") and not files.has_command("file")
    with pytest.raises(BadCall, match="both a directory and a file"):
        files.add(tmp_path / "init", "/suite/deep")
    (tmp_path / "foreign").write_bytes(fake_elf(183))
    with pytest.raises(BadCall, match="for aarch64, and the guest is x86_64"):
        files.add(tmp_path / "foreign", "/bin/foreign")


@pytest.mark.skipif(not shutil.which("cc"), reason="no compiler")
@pytest.mark.parametrize("tags", ["--enable-new-dtags", "--disable-new-dtags"])
def test_libraries_are_found_as_the_loader_does(tmp_path: Path, tags: str) -> None:
    def build(name: str, source: str, *flags: str) -> None:
        (tmp_path / "source.c").write_text(source, encoding="ascii")
        command = ["cc", str(tmp_path / "source.c"), "-o", str(tmp_path / name), f"-Wl,{tags}", *flags]
        subprocess.run(command, check=True)

    for directory in ("bin", "lib", "inner"):
        (tmp_path / directory).mkdir()
    library = ("-shared", "-fPIC", f"-L{tmp_path}/inner")
    build("inner/libinner.so", "int inner(void) { return 1; }", *library)
    # With RPATH the program's is the library's, too; with RUNPATH each has its own.
    own = ["-Wl,-rpath,$ORIGIN/../inner"] if tags == "--enable-new-dtags" else []
    build("lib/libouter.so", "int inner(void); int outer(void) { return inner(); }", *library, "-linner", *own)
    path = "-Wl,-rpath,$ORIGIN/../lib" + ("" if own else ":$ORIGIN/../inner")
    link = (f"-L{tmp_path}/lib", "-louter", "-Wl,--allow-shlib-undefined", path)
    build("bin/program", "int outer(void); int main(void) { return outer(); }", *link)

    files = Initramfs(NATIVE, library_directories(NATIVE))
    files.add(tmp_path / "bin/program", "/suite/bin/program")
    files.add_libraries()
    assert "/suite/lib/libouter.so" in files and "/suite/inner/libinner.so" in files
    program = elf.read_elf(tmp_path / "bin/program")
    assert program and program.interpreter in files and program.machine == NATIVE

    (tmp_path / "inner/libinner.so").unlink()
    files = Initramfs(NATIVE, library_directories(NATIVE))
    files.add(tmp_path / "bin/program", "/suite/bin/program")
    with pytest.raises(BadCall, match=r"libinner.so, needed by /suite/lib/libouter.so"):
        files.add_libraries()


def test_the_header_tells_the_architecture(tmp_path: Path) -> None:
    image = tmp_path / "image"
    for arch in ("x86_64", "aarch64"):
        image.write_bytes(fake_image(arch))
        assert kernel.image_arch(image) == arch
    compressed = subprocess.run(["gzip", "-c", image], capture_output=True, check=True).stdout
    image.write_bytes(compressed)
    assert kernel.image_arch(image) == "aarch64"
    for nothing in (b"", b"\x1f\x8bnonsense", b"#!/bin/sh\n", fake_elf(62)):
        image.write_bytes(nothing)
        assert kernel.image_arch(image) is None


# The console.


def sent(content: bytes, size: int | None = None, checksum: str | None = None) -> list[bytes]:
    """The lines of a file as init sends them."""
    encoded = base64.b64encode(content)
    lines = [encoded[i : i + 76] for i in range(0, len(encoded), 76)]
    checksum = checksum or hashlib.sha256(content).hexdigest()
    end = f"@@key sent 0 {len(content) if size is None else size} {checksum}"
    return [b"", b"@@key file 0", *lines, b"", end.encode(), b""]


def listen(lines: list[bytes], step: int = 7) -> tuple[guest.Console, bytes]:
    """The console after these lines, in pieces, and what the command printed."""
    printed: list[bytes] = []
    console = guest.Console("key", printed.append)
    text = b"\n".join(lines)
    for i in range(0, len(text), step):
        console.feed(text[i : i + step])
    console.close()
    return console, b"\n".join(printed)


def test_a_file_comes_out_whole() -> None:
    content = bytes(range(256)) * 3
    lines = [b"[    0.1] Linux", b"", b"@@key start", b"one\r", b"", b"two", b"@@key status 3"]
    console, printed = listen([*lines, *sent(content), b"@@key end", b""])
    assert console.finished and console.started and not console.damaged
    assert str(console.ending) == "ended with status 3"
    assert console.files == {0: content}
    assert printed == b"one\n\ntwo"
    assert list(console.tail) == ["[    0.1] Linux", "one", "two"]


@pytest.mark.parametrize(
    ("lines", "why"),
    [
        (sent(b"x" * 100, checksum="0" * 64), "SHA-256"),
        (sent(b"x" * 100, size=200), "100 of 200 bytes"),
        ([*sent(b"x" * 100)[:3], b"[    1.5] watchdog: stall", *sent(b"x" * 100)[3:]], "watchdog: stall"),
    ],
)
def test_a_damaged_file_is_found_out(lines: list[bytes], why: str) -> None:
    console, _ = listen([b"@@key start", b"", b"@@key status 0", *lines, b"@@key end", b""])
    assert console.finished and not console.files
    assert why in console.damaged[0]


def test_the_console_tells_what_went_wrong() -> None:
    assert listen([b"[ 1.0] Kernel panic - not syncing: VFS: no root"])[0].panic
    assert listen([b"Out of memory: Killed process 7 (bench)", b""])[0].out_of_memory
    assert listen([b"@@ cannot read /.forkcost-boot/job: gone", b""])[0].trouble
    assert listen([b"@@other start", b""])[0].started is False
    console, _ = listen([b"@@key missing 0 No such file", b""])
    assert console.missing == {0: "No such file"}


# The program, around a stand-in for QEMU.


@pytest.fixture(name="boot")
def fixture_boot(tmp_path: Path) -> Callable[..., subprocess.Popen[str]]:
    """Starts forkcost-boot; its QEMU is this script, in which $key is what init's lines begin with."""
    (tmp_path / "image").write_bytes(fake_image("aarch64"))
    (tmp_path / "init").write_bytes(fake_elf(183))
    (tmp_path / "command").write_text("", encoding="ascii")
    (tmp_path / "bin").mkdir()
    (tmp_path / "tmp").mkdir()

    def start(script: str, *arguments: str, outs: tuple[str, ...] = ()) -> subprocess.Popen[str]:
        key, _ = guest.job(["/command"], [out.partition(":")[0] for out in outs])
        program = tmp_path / "bin/qemu-system-aarch64"
        program.write_text(f"#!/bin/sh\nkey=@@{key}\n{script}\n", encoding="utf-8")
        program.chmod(0o755)
        path = f"{tmp_path / 'bin'}:{os.environ['PATH']}"
        return subprocess.Popen(
            [
                *(sys.executable, str(CI / "forkcost-boot"), "--kernel", str(tmp_path / "image")),
                *("--init", str(tmp_path / "init"), "--file", f"{tmp_path / 'command'}:/command"),
                *(f"--out={out}" for out in outs),
                *arguments,
                *("--", "/command"),
            ],
            env={**os.environ, "PATH": path, "TMPDIR": str(tmp_path / "tmp"), "WORK": str(tmp_path)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    return start


START = 'echo "$key start"; '
END = 'echo "$key status 0"; echo "$key end"'


@pytest.mark.parametrize(
    ("script", "arguments", "status", "said"),
    [
        (START + END, (), 0, ""),
        (START + 'echo "$key status 5"; echo "$key end"', (), 1, "/command ended with status 5"),
        (START + 'echo "$key signal 11"; echo "$key end"', (), 1, "/command ended with signal 11"),
        ("echo '[ 1] Kernel panic - not syncing: no init'", (), 3, "image panicked: [ 1] Kernel panic"),
        (
            "echo '[ 1] Kernel panic - not syncing: no init'; exec sleep 60",
            ("--time-limit-s", "2"),
            3,
            "image panicked",
        ),
        ("exec sleep 60", ("--boot-limit-s", "0.5"), 3, "printed nothing within the boot limit of 0.5 s"),
        ("echo booting; exec sleep 60", ("--boot-limit-s", "0.5"), 3, "did not come to init within the boot limit of 0.5 s"),
        (START + "exec sleep 60", ("--time-limit-s", "0.5"), 3, "the command still ran after the time limit of 0.5 s"),
        ("echo no such machine >&2; exit 1", (), 3, "QEMU ended with status 1: no such machine"),
        ("echo booting", (), 3, "the guest ended before its command did"),
        (START + 'echo "$key cannot mount /proc: No such device"', (), 3, "the guest cannot mount /proc"),
        (
            "echo \"[ 1] Failed to set sysctl parameter 'vm.x=3': parameter not found\"; " + START + "exec sleep 60",
            (),
            3,
            "image says: Failed to set sysctl parameter 'vm.x=3': parameter not found; correct this sysctl",
        ),
        (START + "echo Failed to set sysctl parameter; " + END, (), 0, ""),
        (
            START + "echo 'Out of memory: Killed process 7 (x)'; echo \"$key signal 9\"; echo \"$key end\"",
            ("--memory", "256M"),
            3,
            "ran out of memory: Out of memory: Killed process 7 (x); --memory 512M",
        ),
        (START, ("--memory", "64M"), 2, "--memory 80M"),
        (START, ("--arch", "x86_64"), 2, "is for aarch64, and --arch says x86_64"),
        (START, ("--mode", "kvm"), 3, "--mode exact") if NATIVE != "aarch64" else (START + END, (), 0, ""),
        (START, ("--kernel", "/no-such-image"), 2, "no such file"),
        (START, ("--memory", "much"), 2, "is no size"),
        (START, ("--out", "relative:x"), 2, "say GUEST:HOST"),
        (START, ("--file", "/no-such-file"), 2, "no such file"),
    ],
)
def test_exit_statuses(boot: Callable, tmp_path: Path, script: str, arguments: tuple, status: int, said: str) -> None:
    with boot(script, *arguments) as process:
        _, errors = process.communicate(timeout=30)
        assert process.returncode == status, errors
    assert said in errors
    if status == 3 and "echo '[ 1]" in script:
        assert "the end of the console:\n  | [ 1] Kernel panic" in errors
    assert not list((tmp_path / "tmp").iterdir())


def test_a_file_is_written_whole_or_not_at_all(boot: Callable, tmp_path: Path) -> None:
    out = tmp_path / "out"
    checksum = hashlib.sha256(b"content\n").hexdigest()
    for size, status in ((9, 3), (8, 0)):
        script = f'{START} echo "$key file 0"; echo Y29udGVudAo=; echo "$key sent 0 {size} {checksum}"; {END}'
        with boot(script, outs=(f"/tmp/x:{out}",)) as process:
            _, errors = process.communicate(timeout=30)
            assert process.returncode == status, errors
        assert out.exists() == (status == 0)
        assert ("8 of 9 bytes arrived" in errors) == (status == 3)
    assert out.read_text(encoding="ascii") == "content\n"
    with boot(f'{START} echo "$key missing 0 gone"; {END}', outs=(f"/tmp/x:{out}",)) as process:
        assert "/tmp/x: no such file came out of the guest: gone" in process.communicate(timeout=30)[1]
        assert process.returncode == 1


def test_a_written_file_has_no_other_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a kill in between would leave."""
    out = tmp_path / "out"
    seen = []
    sync = os.fsync
    monkeypatch.setattr(os, "fsync", lambda file: (seen.append(sorted(p.name for p in tmp_path.iterdir())), sync(file)))
    cli.write_whole(out, b"one")
    cli.write_whole(out, b"two")  # it takes a name, always the same
    monkeypatch.setattr(os, "O_TMPFILE", os.O_WRONLY | os.O_DIRECTORY)  # EISDIR, as an old kernel says
    (tmp_path / ".other.part").write_bytes(b"left by a kill")
    cli.write_whole(tmp_path / "other", b"three")
    assert seen == [[], [".out.part", "out"], [".other.part", "out"]]
    assert {p.name: p.read_bytes() for p in tmp_path.iterdir()} == {"out": b"two", "other": b"three"}
    with pytest.raises(Cannot, match="No such file"):
        cli.write_whole(tmp_path / "none" / "out", b"x")


def test_it_takes_nothing_but_python() -> None:
    """Where a kernel is booted by hand there may be no numpy: -S is without any other package."""
    words = [sys.executable, "-I", "-S", str(CI / "forkcost-boot")]
    done = subprocess.run([*words, "--help"], capture_output=True, text=True, check=False)
    assert done.returncode == 0 and "usage: forkcost-boot" in done.stdout, done.stderr


def test_without_qemu_it_says_what_to_install(boot: Callable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path / "nothing"))
    process = boot(START)
    (tmp_path / "bin/qemu-system-aarch64").unlink()
    _, errors = process.communicate(timeout=30)
    assert process.returncode == 3
    assert "apt-get install qemu-system-arm" in errors


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_no_qemu_outlives_it(boot: Callable, tmp_path: Path, number: signal.Signals) -> None:
    with boot('echo $$ >"$WORK/pid.new"; mv "$WORK/pid.new" "$WORK/pid"; exec sleep 60') as process:
        deadline = time.monotonic() + 20
        while not (tmp_path / "pid").exists():
            assert time.monotonic() < deadline
            time.sleep(0.02)
        process.send_signal(number)
        process.communicate(timeout=30)
        assert process.returncode == (-9 if number == signal.SIGKILL else 128 + number)
    stat = Path("/proc", (tmp_path / "pid").read_text(encoding="ascii").strip(), "stat")
    while stat.exists() and stat.read_text(encoding="ascii").split()[2] != "Z":
        assert time.monotonic() < deadline, "QEMU is still there"
        time.sleep(0.02)
    assert not list((tmp_path / "tmp").iterdir())


def test_signals_that_are_ignored_stay_ignored(boot: Callable, tmp_path: Path) -> None:
    """As nohup does, and a shell for what it starts with &."""
    ignored = (signal.SIGHUP, signal.SIGINT)
    before = [signal.signal(number, signal.SIG_IGN) for number in ignored]
    try:
        process = boot('touch "$WORK/here"; exec sleep 60')
    finally:
        for number, handler in zip(ignored, before):
            signal.signal(number, handler)
    with process:
        deadline = time.monotonic() + 20
        while not (tmp_path / "here").exists():
            assert time.monotonic() < deadline
            time.sleep(0.02)
        for number in (*ignored, signal.SIGTERM):
            process.send_signal(number)
        process.communicate(timeout=30)
        assert process.returncode == 128 + signal.SIGTERM


@pytest.mark.skipif(not shutil.which("dpkg-deb"), reason="no dpkg-deb")
def test_packages_are_unpacked_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = tmp_path / "root"
    (root / "DEBIAN").mkdir(parents=True)
    (root / "boot").mkdir()
    (root / "boot/vmlinuz-1").write_bytes(fake_image("aarch64"))
    (root / "big").write_bytes(b"module")
    control = "Package: linux-image-1-arm64\nVersion: 1:1\nArchitecture: arm64\nMaintainer: x <x@example.org>\n"
    (root / "DEBIAN/control").write_text(control + "Description: x\n", encoding="ascii")
    package = tmp_path / "x.deb"
    subprocess.run(["dpkg-deb", "-b", str(root), str(package)], check=True, capture_output=True)
    monkeypatch.setenv("FORKCOST_CACHE", str(tmp_path / "cache"))

    found = kernel.find_kernel(str(package), None)
    assert found.arch == "aarch64" and found.image.read_bytes() == fake_image("aarch64")
    assert not (found.image.parent.parent / "big").exists()

    tools = tmp_path / "tools"
    tools.mkdir()
    fields = "Package: linux-image-1-arm64\nVersion: 1:1"
    meta = "Package: linux-image-arm64\nVersion: 1\nDepends: linux-image-1-arm64 (= 1:1)"
    for name, script in {
        "apt-cache": f'case $3 in *-1-arm64:*) echo "{fields}" ;; linux-image-arm64:*) echo "{meta}" ;; *) exit 100 ;; esac',
        "apt-get": f'echo "$*" >>{tmp_path}/downloads; cp {package} .',
        "dpkg": "case $1 in --print-arch*) echo amd64 ;; esac",
    }.items():
        (tools / name).write_text(f"#!/bin/sh\n{script}\n", encoding="ascii")
        (tools / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tools}:{os.environ['PATH']}")
    leftover = tmp_path / "cache/linux.forkcost-new"
    leftover.mkdir()
    for _ in range(2):
        found = kernel.find_kernel("debian:linux-image-arm64", "aarch64")
        assert found.name == "linux-image-1-arm64_1%3a1_arm64"
    asked = (tmp_path / "downloads").read_text(encoding="ascii").splitlines()
    assert len(asked) == 1 and asked[0].endswith("linux-image-1-arm64:arm64=1:1")
    assert not leftover.exists()
    with pytest.raises(kernel.Cannot, match="dpkg --add-architecture arm64"):
        kernel.find_kernel("debian:nonsense", "aarch64")
    with pytest.raises(BadCall, match="for which architecture"):
        kernel.find_kernel("debian:linux-image-generic", None)
