"""Which shared libraries an ELF program needs, read from the file: it may be of another machine."""

import struct
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

MACHINES = {62: "x86_64", 183: "aarch64"}

PT_LOAD, PT_DYNAMIC, PT_INTERP = 1, 2, 3
DT_NEEDED, DT_STRTAB, DT_RPATH, DT_RUNPATH = 1, 5, 15, 29


@dataclass(frozen=True)
class Elf:
    """What of an ELF file decides on its libraries."""

    machine: str
    interpreter: str | None
    needed: tuple[str, ...]
    rpath: tuple[str, ...]
    runpath: tuple[str, ...]


def _c_string(file: BinaryIO, offset: int) -> str:
    file.seek(offset)
    text = b""
    while b"\0" not in text and (more := file.read(256)):
        text += more
    return text.partition(b"\0")[0].decode(errors="surrogateescape")


def read_elf(path: Path) -> Elf | None:
    """None for everything but a 64-bit little-endian program or library."""
    with open(path, "rb") as file:
        head = file.read(64)
        if len(head) < 64 or head[:6] != b"\x7fELF\x02\x01":
            return None
        kind, machine = struct.unpack_from("<HH", head, 16)
        if kind not in (2, 3):  # ET_EXEC, ET_DYN
            return None
        (table,) = struct.unpack_from("<Q", head, 32)
        size, count = struct.unpack_from("<HH", head, 54)
        if size < 56:  # no program headers, or none that we know
            count = 0
        loads, interpreter, dynamic = [], None, b""
        for i in range(count):
            file.seek(table + i * size)
            header = file.read(56)
            if len(header) < 56:
                return None
            what, _, offset, address, _, in_file = struct.unpack_from("<IIQQQQ", header)
            if what == PT_LOAD:
                loads.append((address, offset, in_file))
            elif what == PT_INTERP:
                interpreter = _c_string(file, offset)
            elif what == PT_DYNAMIC:
                file.seek(offset)
                dynamic = file.read(in_file)
        entries = list(struct.iter_unpack("<QQ", dynamic[: len(dynamic) // 16 * 16]))
        table_address = dict(entries).get(DT_STRTAB, 0)
        strings = next((o + table_address - a for a, o, n in loads if a <= table_address < a + n), 0)

        def names(tag: int) -> tuple[str, ...]:
            return tuple(_c_string(file, strings + value) for key, value in entries if key == tag)

        def directories(tag: int) -> tuple[str, ...]:
            return tuple(part for name in names(tag) for part in name.split(":") if part)

        return Elf(
            machine=MACHINES.get(machine, f"machine {machine}"),
            interpreter=interpreter,
            needed=names(DT_NEEDED),
            rpath=directories(DT_RPATH),
            runpath=directories(DT_RUNPATH),
        )
