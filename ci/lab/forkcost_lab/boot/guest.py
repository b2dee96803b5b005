"""What the guest says: its console, of which init's lines begin with a key (init.c)."""

import base64
import binascii
import hashlib
import re
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass
class Ending:
    """How the command ended: by a status, by a signal, or it could not be started."""

    kind: str
    detail: str

    def __str__(self) -> str:
        if self.kind == "unstarted":
            return f"could not be started: {self.detail}"
        return f"ended with {self.kind} {self.detail}"


@dataclass
class Console:
    """Takes the console's bytes as they come. `output` gets what the command prints, line by line."""

    key: str
    output: Callable[[bytes], None] = lambda line: None
    started: bool = False
    finished: bool = False
    ending: Ending | None = None
    trouble: str | None = None  # why init gave up
    panic: str | None = None
    refused: str | None = None  # a sysctl of the command line; the kernel goes on without it
    out_of_memory: str | None = None
    files: dict[int, bytes] = field(default_factory=dict)
    missing: dict[int, str] = field(default_factory=dict)  # the command did not write them
    damaged: dict[int, str] = field(default_factory=dict)  # they did not arrive
    tail: deque[str] = field(default_factory=lambda: deque(maxlen=30))
    _line: bytes = b""
    _blank: bool = False
    _encoded: list[bytes] | None = None  # of the file that is arriving

    @property
    def over(self) -> bool:
        """Is there nothing more to wait for?"""
        return bool(self.finished or self.panic or self.trouble)

    def feed(self, data: bytes) -> None:
        *lines, self._line = (self._line + data).split(b"\n")
        for line in lines:
            self._take(line.rstrip(b"\r"))

    def close(self) -> None:
        """What has no end of line: a panicking kernel may be cut off."""
        if self._line:
            self._take(self._line)
            self._line = b""

    def _take(self, line: bytes) -> None:
        mark = b"@@" + self.key.encode() + b" "
        if line.startswith((mark, b"@@ cannot")):  # before init has read its job it knows no key
            self._blank = False
            self._obey(line.partition(b" ")[2].decode(errors="replace"))
        elif self._encoded is not None:
            if line:
                self._encoded.append(line)
        else:
            self._note(line)

    def _note(self, line: bytes) -> None:
        text = re.sub(r"[^\x20-\x7e\t]", "?", line.decode(errors="replace"))
        if text:
            self.tail.append(text)
        # Init begins each of its lines with an empty one; whether this is one of them shows later.
        if self.started and self.ending is None:
            if self._blank:
                self.output(b"")
            self._blank = not line
            if line:
                self.output(line)
        if "Kernel panic - not syncing" in text:
            self.panic = text
        if not self.started and (match := re.search(r"(Failed|Error|Wrote only)\b.* to set sysctl.*", text)):
            self.refused = self.refused or match[0]
        if re.search(r"Out of memory: Killed process \d|Initramfs unpacking failed: write error", text):
            self.out_of_memory = text

    def _obey(self, text: str) -> None:
        word, _, rest = text.partition(" ")
        match word:
            case "start":
                self.started = True
            case "cannot":
                self.trouble = rest
            case "status" | "signal" | "unstarted":
                self.ending = Ending(word, rest)
            case "file":
                self._encoded = []
            case "missing":
                number, _, why = rest.partition(" ")
                self.missing[int(number)] = why
                self._encoded = None
            case "sent":
                number, size, checksum = rest.split(" ")
                self._accept(int(number), int(size), checksum)
            case "end":
                self.finished = True

    def _accept(self, number: int, size: int, checksum: str) -> None:
        encoded, self._encoded = self._encoded or [], None
        try:
            content = base64.b64decode(b"".join(encoded), validate=True)
        except binascii.Error:
            strange = next((e for e in encoded if re.search(rb"[^A-Za-z0-9+/=]", e)), b"")
            self.damaged[number] = f"something else came in between: {strange[:80].decode(errors='replace')!r}"
            return
        if len(content) != size:
            self.damaged[number] = f"{len(content)} of {size} bytes arrived"
        elif hashlib.sha256(content).hexdigest() != checksum:
            self.damaged[number] = "its SHA-256 is not the one that the guest computed"
        else:
            self.files[number] = content


def job(command: list[str], files: list[str]) -> tuple[str, bytes]:
    """The key of the guest's lines, and what init reads.

    The key is made of the job, so that the same job boots the same, instruction by instruction.
    """
    strings = [str(len(command)), *command, *files]
    body = b"".join(s.encode(errors="surrogateescape") + b"\0" for s in strings)
    key = hashlib.sha256(body).hexdigest()[:16]
    return key, key.encode() + b"\0" + body
