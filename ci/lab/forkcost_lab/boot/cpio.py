"""Writes the kernel's initramfs format: cpio, `newc` (Documentation/driver-api/early-userspace)."""

import os
import shutil
from pathlib import Path
from typing import BinaryIO


class Writer:
    """One archive. All times are 0 and inodes count up, so that equal input gives equal bytes."""

    def __init__(self, out: BinaryIO) -> None:
        self._out = out
        self._inode = 0

    def _pad(self) -> None:
        self._out.write(b"\0" * (-self._out.tell() % 4))

    def _header(self, name: str, mode: int, size: int, device: tuple[int, int] = (0, 0)) -> None:
        self._inode += 1
        encoded = os.fsencode(name) + b"\0"
        fields = (self._inode, mode, 0, 0, 1, 0, size, 0, 0, *device, len(encoded), 0)
        self._out.write(b"070701" + b"".join(b"%08X" % field for field in fields) + encoded)
        self._pad()

    def directory(self, name: str) -> None:
        self._header(name, 0o040755, 0)

    def symlink(self, name: str, target: str) -> None:
        self.data(name, os.fsencode(target), 0o120777)

    def character_device(self, name: str, major: int, minor: int) -> None:
        self._header(name, 0o020600, 0, (major, minor))

    def data(self, name: str, content: bytes, mode: int = 0o100644) -> None:
        self._header(name, mode, len(content))
        self._out.write(content)
        self._pad()

    def file(self, name: str, source: Path) -> None:
        """With the source's permissions."""
        with open(source, "rb") as file:
            status = os.fstat(file.fileno())
            if status.st_size >= 1 << 32:
                raise OverflowError(f"{source}: a file of 4 GiB or more does not fit into an initramfs")
            self._header(name, 0o100000 | status.st_mode & 0o777, status.st_size)
            before = self._out.tell()
            shutil.copyfileobj(file, self._out, 1 << 20)
            if self._out.tell() - before != status.st_size:
                raise OSError(f"{source} changed while it was read")
            self._pad()

    def end(self) -> None:
        self._header("TRAILER!!!", 0, 0)
