"""The guest's files: what the user names, the libraries that its programs need, init and its job."""

import os
import stat
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from posixpath import dirname, join, normpath
from typing import BinaryIO

from .cpio import Writer
from .elf import Elf, read_elf
from .errors import BadCall

PATH = ("/usr/local/bin", "/usr/bin", "/bin", "/usr/sbin", "/sbin")  # init.c sets the same


@dataclass(frozen=True)
class Entry:
    """One name in the guest: of these, one is set; none makes a directory."""

    source: Path | None = None
    link: str | None = None
    data: bytes | None = None


def library_directories(arch: str) -> list[tuple[str, str]]:
    """Where a host keeps that architecture's libraries, and where the guest's loader looks for them.

    Outside they are found by a cache (ld.so.cache) too; the guest has none.
    """
    multiarch = f"{arch}-linux-gnu"
    same = [f"/lib/{multiarch}", f"/usr/lib/{multiarch}", "/lib64", "/usr/lib64", "/lib", "/usr/lib"]
    return [(name, name) for name in same] + [(f"/usr/{multiarch}/lib", "/lib")]


class Initramfs:
    """A tree of guest paths, then an archive of it."""

    def __init__(self, arch: str, library_directories: list[tuple[str, str]]) -> None:
        self._arch = arch
        self._directories = library_directories
        self._entries: dict[str, Entry] = {}
        self.size = 0  # bytes in files

    def __contains__(self, guest: str) -> bool:
        return guest in self._entries

    def _set(self, guest: str, entry: Entry) -> None:
        if (there := self._entries.get(guest)) not in (None, entry) and Entry() in (there, entry):
            raise BadCall(f"{guest} would be both a directory and a file in the guest; mend the --file options")
        if there is None:
            self.size += entry.source.stat().st_size if entry.source else len(entry.data or b"")
        self._entries[guest] = entry
        if guest != "/":
            self._set(dirname(guest), Entry())

    def add(self, source: Path, guest: str) -> None:
        """A file, or a directory and all that is in it. Links in a directory stay links."""
        guest = normpath("/" + guest.lstrip("/"))
        if not source.is_dir():
            if not source.is_file():
                raise BadCall(f"{source} is neither a file nor a directory that can be read")
            if (elf := read_elf(source)) and elf.machine != self._arch:
                raise BadCall(f"{source} is for {elf.machine}, and the guest is {self._arch}")
            self._set(guest, Entry(source=source.resolve()))
            return
        for directory, names, files in os.walk(source):
            names.sort()
            at = join(guest, Path(directory).relative_to(source).as_posix())
            self._set(normpath(at), Entry())
            for name in sorted(files + names):
                path, inside = Path(directory, name), normpath(join(at, name))
                mode = path.lstat().st_mode
                if stat.S_ISLNK(mode):
                    self._set(inside, Entry(link=os.readlink(path)))
                elif stat.S_ISREG(mode):
                    self._set(inside, Entry(source=path))

    def add_libraries(self) -> None:
        """What the programs and libraries here need, and what that needs.

        What dlopen loads is in no header; the user names it.
        """
        missing: dict[str, str] = {}
        for guest, entry in list(self._entries.items()):
            if entry.source and (elf := read_elf(entry.source)) and elf.machine == self._arch:
                self._follow(guest, entry.source, elf, (), missing, set())
        if missing:
            lines = "".join(f"\n  {name}, needed by {by}" for name, by in sorted(missing.items()))
            places = ", ".join(host for host, _ in self._directories)
            raise BadCall(
                f"libraries for {self._arch} that cannot be found:{lines}\n"
                f"looked at RPATH and RUNPATH, and in {places}; install them there, or name their "
                "directory with --library-dir"
            )

    def _follow(
        self, guest: str, host: Path, elf: Elf, rpath: tuple[str, ...], missing: dict[str, str], seen: set[str]
    ) -> None:
        if guest in seen:
            return
        seen.add(guest)
        if elf.interpreter and elf.interpreter not in self._entries:
            if found := self._on_host(Path(elf.interpreter)) or self._in_default(elf.interpreter)[0]:
                self._set(elf.interpreter, Entry(source=found.resolve()))
            else:
                missing[elf.interpreter] = guest
        # As ld.so does: RPATH is inherited, and void where there is a RUNPATH. Expanded where it stands.
        origins = (("$ORIGIN", "${ORIGIN}"), (dirname(guest), str(host.parent)))

        def expand(path: str, place: int) -> str:
            for word in origins[0]:
                path = path.replace(word, origins[1][place])
            return path

        own = tuple((expand(path, 0), expand(path, 1)) for path in (elf.runpath or elf.rpath))
        inherited = () if elf.runpath else own + rpath
        for name in elf.needed:
            found = self._find(name, own if elf.runpath else inherited)
            if found is None:
                missing.setdefault(name, guest)
                continue
            library, source = found
            if source is not None:
                self._set(library, Entry(source=source.resolve()))
            else:
                source = self._entries[library].source
            if source is not None and (needed := read_elf(source)):
                self._follow(library, source, needed, inherited, missing, seen)

    def _find(self, name: str, own: Iterable[tuple[str, str]]) -> tuple[str, Path | None] | None:
        """Its guest path, and the host's file unless the guest has it already."""
        for guest_directory, host_directory in own:
            guest = normpath(join(guest_directory, name))
            if guest in self._entries:
                return guest, None
            if found := self._on_host(Path(host_directory, name)):
                return guest, found
        for _, guest_directory in self._directories:
            if (guest := join(guest_directory, name)) in self._entries:
                return guest, None
        found, guest_directory = self._in_default(name)
        return (join(guest_directory, Path(name).name), found) if found else None

    def _in_default(self, name: str) -> tuple[Path | None, str]:
        for host_directory, guest_directory in self._directories:
            if found := self._on_host(Path(host_directory, Path(name).name)):
                return found, guest_directory
        return None, ""

    def _on_host(self, path: Path) -> Path | None:
        try:
            elf = read_elf(path) if path.is_file() else None
        except OSError:
            return None
        return path if elf and elf.machine == self._arch else None

    def has_command(self, command: str) -> bool:
        """Would init find it?"""
        if "/" in command:
            return normpath(join("/", command)) in self._entries
        return any(join(directory, command) in self._entries for directory in PATH)

    def write(self, out: BinaryIO, init: Path, job: bytes) -> None:
        """The archive, with init and its job; parents come before what is in them."""
        self._set("/init", Entry(source=init))
        self._set("/.forkcost-boot/job", Entry(data=job))
        self._set("/dev", Entry())
        writer = Writer(out)
        for guest, entry in sorted(self._entries.items()):
            name = guest.lstrip("/")
            if not name:
                continue
            if entry.source is not None:
                writer.file(name, entry.source)
            elif entry.link is not None:
                writer.symlink(name, entry.link)
            elif entry.data is not None:
                writer.data(name, entry.data)
            else:
                writer.directory(name)
        # The kernel opens it for init before anything is mounted.
        writer.character_device("dev/console", 5, 1)
        writer.end()
