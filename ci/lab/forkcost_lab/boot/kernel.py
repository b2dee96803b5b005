"""Kernels: an image, a Debian package file, or a package's name. Nothing gets installed."""

import fcntl
import hashlib
import json
import os
import re
import shutil
import subprocess
import time
import zlib
from dataclasses import dataclass
from pathlib import Path

from .errors import BadCall, Cannot

DEBIAN = {"x86_64": "amd64", "aarch64": "arm64"}


@dataclass(frozen=True)
class Kernel:
    """An image that QEMU's -kernel takes."""

    image: Path
    arch: str
    name: str


def image_arch(path: Path) -> str | None:
    """From the header: x86's boot protocol, arm64's Image, also gzip'ed. None for everything else."""
    with open(path, "rb") as file:
        head = file.read(4096)
    if head[:2] == b"\x1f\x8b":
        try:
            head = zlib.decompressobj(wbits=31).decompress(head, 4096)
        except zlib.error:
            return None
    if head[0x202:0x206] == b"HdrS":
        return "x86_64"
    if head[0x38:0x3C] == b"ARM\x64":
        return "aarch64"
    return None


def cache_directory() -> Path:
    """Made on demand, by whoever unpacks."""
    if given := os.environ.get("FORKCOST_CACHE"):
        return Path(given)
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(base, "forkcost", "kernels")


def _run(command: list[str], what: str, cwd: Path | None = None) -> str:
    """Its output; `what` says what could not be done."""
    if shutil.which(command[0]) is None:
        raise Cannot(
            f"{what}: there is no {command[0]}; name a kernel image or, with dpkg-deb, a package file"
        )
    environment = {**os.environ, "LC_ALL": "C"}
    done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise Cannot(f"{what}: {' '.join(command)} failed:\n{(done.stderr or done.stdout).strip()}")
    return done.stdout


def unpack(package: Path, name: str, only: str = ".") -> Path:
    """The package's files in the cache, from now on under `name`."""
    cache = cache_directory()
    wanted = cache / name
    if wanted.is_dir():
        return wanted
    new = cache / f"{name}.forkcost-new"
    new.mkdir()
    archive = ["dpkg-deb", "--fsys-tarfile", str(package)]
    with subprocess.Popen(archive, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as reader:
        # Nobody's owners: this need not be root.
        writer = subprocess.run(
            ["tar", "-x", "--no-same-owner", "-C", str(new), only],
            stdin=reader.stdout,
            capture_output=True,
            check=False,
        )
        complaint = reader.stderr.read() if reader.stderr else b""
    if reader.returncode != 0 or writer.returncode != 0:
        shutil.rmtree(new, ignore_errors=True)
        said = (complaint + writer.stderr).decode(errors="replace").strip()
        raise Cannot(f"{package} cannot be unpacked into {cache}: {said}")
    new.rename(wanted)
    return wanted


class Lock:
    """One at a time fetches; who comes second finds what the first one has fetched."""

    def __enter__(self) -> None:
        cache = cache_directory()
        try:
            cache.mkdir(parents=True, exist_ok=True)
            self._file = open(cache / "lock", "w", encoding="ascii")
        except OSError as error:
            raise Cannot(
                f"{cache} cannot be written: {error.strerror}; FORKCOST_CACHE names another place"
            ) from None
        fcntl.flock(self._file, fcntl.LOCK_EX)
        # Left by one that was killed.
        for leftover in cache.glob("*.forkcost-new"):
            shutil.rmtree(leftover, ignore_errors=True)

    def __exit__(self, *_: object) -> None:
        self._file.close()


def _describe(package: str, debian: str) -> dict[str, str]:
    """The fields of the candidate version."""
    what = f"debian:{package} for {debian} cannot be had"
    try:
        out = _run(["apt-cache", "show", "--no-all-versions", f"{package}:{debian}"], what)
    except Cannot as problem:
        foreign = _run(["dpkg", "--print-foreign-architectures"], what).split()
        native = _run(["dpkg", "--print-architecture"], what).strip()
        add = "" if debian in (*foreign, native) else f"dpkg --add-architecture {debian} && "
        raise Cannot(f"{problem}\nas root: {add}apt-get update") from None
    return dict(re.findall(r"^([A-Z][\w-]*): (.*)$", out, re.MULTILINE))


def _candidate(package: str, debian: str) -> tuple[str, str]:
    """Name and version of what apt would install; a metapackage is followed to its kernel.

    apt takes a second for each such answer, and answers the same until its lists change.
    """
    note = cache_directory() / f"{package}_{debian}.json"
    lists = Path("/var/lib/apt/lists")
    stamp = lists.stat().st_mtime_ns if lists.is_dir() else time.time_ns()
    try:
        remembered = json.loads(note.read_text(encoding="utf-8"))
        if remembered["stamp"] == stamp:
            return remembered["name"], remembered["version"]
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        pass
    fields = _describe(package, debian)
    if real := re.search(r"linux-image-\d\S*", fields.get("Depends", "")):
        fields = _describe(real[0], debian)
    found = {"stamp": stamp, "name": fields["Package"], "version": fields["Version"]}
    note.write_text(json.dumps(found), encoding="utf-8")
    return found["name"], found["version"]


def fetch(package: str, debian: str, only: str = ".") -> Path:
    """The files of a package that apt knows, downloaded the first time."""
    with Lock():
        name, version = _candidate(package, debian)
        kept = f"{name}_{version.replace(':', '%3a')}_{debian}"
        if (cache_directory() / kept).is_dir():
            return cache_directory() / kept
        download = cache_directory() / f"{kept}.download.forkcost-new"
        download.mkdir()
        try:
            _run(
                # As the user that we are: no other one may be able to read the cache.
                [
                    *("apt-get", "download", "-q", "-o", "APT::Sandbox::User=", "-o", "Acquire::Retries=3"),
                    f"{name}:{debian}={version}",
                ],
                f"{name} {version} cannot be downloaded (is there a network? apt-get update?)",
                cwd=download,
            )
            return unpack(next(download.glob("*.deb")), kept, only)
        finally:
            shutil.rmtree(download, ignore_errors=True)


def _image_in(directory: Path, spec: str) -> Path:
    images = sorted(directory.glob("boot/vmlinu[xz]*"))
    if len(images) != 1:
        raise BadCall(f"{spec}: a kernel's package has one boot/vmlinuz-…, this one has {len(images)}")
    return images[0]


def find_kernel(spec: str, arch: str | None) -> Kernel:
    """spec: as --kernel takes it. arch: what it has to be, or None for whatever it is."""
    if spec.startswith("debian:"):
        package, _, debian = spec.removeprefix("debian:").partition(":")
        if not debian and arch:
            debian = DEBIAN[arch]
        if not debian:
            debian = next((d for d in DEBIAN.values() if package.endswith("-" + d)), "")
        if not debian or not re.fullmatch(r"[a-z0-9][a-z0-9+.-]+", package):
            raise BadCall(f"{spec}: for which architecture? Say debian:PACKAGE:arm64, or --arch")
        directory = fetch(package, debian, "./boot")
        image = _image_in(directory, spec)
        name = directory.name
    elif not (path := Path(spec)).is_file():
        raise BadCall(f"--kernel {spec}: no such file (a package of apt's is debian:{Path(spec).name})")
    elif path.open("rb").read(8) == b"!<arch>\n":
        with open(path, "rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        with Lock():
            image = _image_in(unpack(path, f"{path.stem}_{digest[:16]}", "./boot"), spec)
        name = path.name
    else:
        image, name = path, path.name
    found = image_arch(image)
    if found is None:
        raise BadCall(f"{image} is no kernel that QEMU boots: neither x86's bzImage nor arm64's Image")
    if arch and found != arch:
        raise BadCall(f"{image} is for {found}, and --arch says {arch}")
    return Kernel(image, found, name)
