"""Files that are read, those that are written whole or not at all, and directories that a kill leaves only until the
next call."""

import contextlib
import errno
import fcntl
import os
import re
import shutil
import tempfile
from pathlib import Path

from forkcost.errors import InputError

_PREFIX = "forkcost-scratch-"
_DEAD = re.compile(r"\.?" + _PREFIX + "[a-z0-9_]{8}")  # as tempfile names them


@contextlib.contextmanager
def scratch_directory(place=None):
    """A directory in `place` (hidden), or where temporary files are made, for the length of a
    `with`. It is locked: the next call in the same place removes those that are not, whose process
    was killed."""
    parent = Path(place or tempfile.gettempdir())
    _remove_dead(parent)
    while True:
        made = Path(tempfile.mkdtemp(prefix=("." if place else "") + _PREFIX, dir=parent))
        with contextlib.suppress(FileNotFoundError):  # somebody took it for a dead one's, unlocked
            lock = os.open(made, os.O_RDONLY | os.O_DIRECTORY)
            if _locked(lock) and made.is_dir():
                break
            os.close(lock)
    try:
        yield made
    finally:
        shutil.rmtree(made, ignore_errors=True)
        os.close(lock)


def content(source, remedy):
    """The bytes of a file, or of one of the package's resources. `remedy`: what else to give. Raises
    InputError."""
    try:
        return source.read_bytes()
    except OSError as error:
        raise InputError(f"{source}: cannot be read: {error.strerror}: give {remedy}") from error


def write_whole(path, text):
    """Writes a file whole or not at all. A new one has no name until it is whole; one in place of
    an older file is for a moment .NAME.part beside it, which the next write removes. What is no
    file, like /dev/null, is written to. Raises InputError."""
    try:
        _write(Path(path), text)
    except OSError as error:
        raise InputError(f"{path}: cannot be written: {error.strerror}: give another path with "
                         "-o") from error


def _write(path, text):
    if _is_special(path):
        with path.open("a", encoding="utf-8") as stream:
            stream.write(text)
        return
    parent = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        with _nameless(parent) as file:
            if file is not None:
                file.write(text)
                file.flush()
                try:
                    _link(file, path.name, parent)
                    return
                except FileExistsError:
                    pass
        part = path.with_name(f".{path.name}.part")
        try:
            part.unlink(missing_ok=True)
            # In /tmp it may be somebody else's link, to a file of ours.
            with part.open("x", encoding="utf-8") as file:
                file.write(text)
            part.replace(path)
        except OSError:
            part.unlink(missing_ok=True)
            raise
    finally:
        os.close(parent)


def _is_special(path):
    """A device, a pipe, a terminal: nothing to rename over. Whatever lies in /dev or /proc counts, as
    /dev/stdout looks like a file where it leads to one, and a rename would replace the link."""
    if path.exists() and not path.is_file() and not path.is_dir():
        return True
    return str(path).startswith(("/dev/", "/proc/")) and not str(path).startswith("/dev/shm/")


@contextlib.contextmanager
def _nameless(parent):
    """A file without a name in that directory; None where its file system has none."""
    try:
        descriptor = os.open(".", os.O_TMPFILE | os.O_WRONLY, 0o666, dir_fd=parent)
    except OSError as error:
        if error.errno not in (errno.EOPNOTSUPP, errno.EISDIR, errno.EINVAL, errno.ENOENT):
            raise
        yield None
        return
    with open(descriptor, "w", encoding="utf-8") as file:
        yield file


def _link(file, name, parent):
    # With a directory given, Python calls linkat, which follows the link of /proc; else link, which
    # does not.
    os.link(f"/proc/self/fd/{file.fileno()}", name, dst_dir_fd=parent, follow_symlinks=True)


def _locked(descriptor):
    """Whether we have the lock now. Where there are no locks nobody removes anything."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        pass
    return True


def _remove_dead(parent):
    try:
        paths = list(parent.iterdir())
    except OSError:  # whoever makes something there says why; one may be written to and not listed
        return
    for path in paths:
        if not _DEAD.fullmatch(path.name):
            continue
        with contextlib.suppress(OSError):  # not ours to open, or gone: as we want it
            descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if os.fstat(descriptor).st_uid == os.geteuid():
                    shutil.rmtree(path, ignore_errors=True)
            finally:
                os.close(descriptor)
