"""A memory cgroup below our own, for tests of what a small machine can do."""

import contextlib
import errno
import os
import pathlib
import signal
import time

import pytest

ROOT = pathlib.Path("/sys/fs/cgroup")


def own_cgroup():
    """(version, directory) of the memory cgroup that we are in; skips where there is none."""
    paths = {}
    for line in pathlib.Path("/proc/self/cgroup").read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        paths.update({controller: path.lstrip("/") for controller in controllers.split(",")})
    if "memory" in paths:
        return 1, ROOT / "memory" / paths["memory"]
    directory = ROOT / paths.get("", "")
    controllers = directory / "cgroup.subtree_control"
    if not controllers.exists() or "memory" not in controllers.read_text().split():
        pytest.skip(f"no memory controller below {directory}: it takes Delegate=memory, or version 1")
    return 2, directory


class MemoryCgroup:
    def __init__(self, version, directory):
        self.version, self.directory = version, directory

    def join(self):
        """In the child, before its exec."""
        (self.directory / "cgroup.procs").write_text(str(os.getpid()))

    def number(self, name, field=None):
        text = (self.directory / name).read_text()
        if field is None:
            return int(text)
        return int(dict(line.split() for line in text.splitlines())[field])

    def kills(self):
        """How many processes of it the kernel has killed for want of memory."""
        return self.number(*(("memory.oom_control", "oom_kill") if self.version == 1 else
                             ("memory.events", "oom_kill")))

    def peak(self):
        """The most that was charged to it, page cache included."""
        return self.number("memory.max_usage_in_bytes" if self.version == 1 else "memory.peak")


@contextlib.contextmanager
def memory_cgroup(limit_bytes):
    """It is gone afterwards, whatever happens, and so are its processes."""
    version, own = own_cgroup()
    directory = own / f"forkcost-test-{os.getpid()}-{limit_bytes >> 20}MiB"
    try:
        directory.mkdir()
        cgroup = MemoryCgroup(version, directory)
        name = "memory.limit_in_bytes" if version == 1 else "memory.max"
        (directory / name).write_text(str(limit_bytes))
    except OSError as error:
        with contextlib.suppress(OSError):
            directory.rmdir()
        pytest.skip(f"no memory cgroup can be made here: {error}")
    try:
        yield cgroup
    finally:
        remove(directory)


def remove(directory):
    """Its processes are ours: nobody else knows of it."""
    end = time.monotonic() + 30
    while True:
        for pid in map(int, (directory / "cgroup.procs").read_text().split()):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        try:
            directory.rmdir()
            return
        except OSError as error:
            if error.errno != errno.EBUSY or time.monotonic() > end:
                raise
        time.sleep(0.01)
