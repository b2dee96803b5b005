"""Processes, and what a killed run may have left on this machine."""

import contextlib
import glob
import os
import pathlib
import signal
import time

PATIENCE = 60  # seconds until what is still there counts as left: the machine may be busy

SETTINGS = ("/proc/sys/vm/*", "/proc/sys/kernel/perf_event_*", "/proc/sys/kernel/kptr_restrict",
            "/proc/sys/kernel/randomize_va_space", "/sys/kernel/mm/hugepages/*/nr_*hugepages",
            "/sys/kernel/mm/transparent_hugepage/*", "/sys/kernel/mm/transparent_hugepage/*/enabled",
            "/sys/kernel/mm/ksm/run", "/sys/kernel/mm/lru_gen/enabled")
# What reads otherwise without anybody having set it, or does something when it is read.
NO_SETTINGS = {"drop_caches", "stat_refresh", "compact_memory"}


def read(path):
    try:
        return pathlib.Path(path).read_text(errors="replace")
    except OSError:
        return ""


def children_of(pid):
    return [int(child) for child in read(f"/proc/{pid}/task/{pid}/children").split()]


def descendants_of(pid):
    return [p for child in children_of(pid) for p in (child, *descendants_of(child))]


def exe_of(pid):
    try:
        return os.path.basename(os.readlink(f"/proc/{pid}/exe"))
    except OSError:
        return ""


def kind_of(pid, parent):
    if "\0forkcost-caretaker\0" in read(f"/proc/{pid}/cmdline"):
        return "caretaker"
    if read(f"/proc/{pid}/comm").strip() == "forkcost-keeper":
        return "keeper"
    if exe_of(pid).startswith("bench_") and exe_of(parent) == "forkcost-run":
        return "bench program"
    return "other process"


def find(kind, runner):
    """All processes of this kind below the runner."""
    found, parents = [], [runner]
    while parents:
        parent = parents.pop()
        for child in children_of(parent):
            parents.append(child)
            if kind_of(child, parent) == kind:
                found.append(child)
    return found


def kill(pid):
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def reap():
    """What was reparented to us and is dead."""
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0] > 0:
            pass


# What is to be as it was


def settings():
    files = {file for pattern in SETTINGS for file in glob.glob(pattern)}
    return {file: read(file) for file in files if os.path.basename(file) not in NO_SETTINGS}


def named_files():
    """Names of ours outside of the directories that the programs were given."""
    names = {f"{place}/{name}" for place in ("/tmp", "/var/tmp", "/dev/shm")
             if os.path.isdir(place) for name in os.listdir(place)}
    return {name for name in names if "forkcost" in name}


def machine(private):
    cgroups = {path for path, _, _ in os.walk("/sys/fs/cgroup") if "forkcost" in path}
    mounts = read("/proc/self/mountinfo").splitlines()
    state = {"settings": settings(), "mounts": set(mounts), "cgroups": cgroups}
    # Without a /tmp of our own its files may be anybody's.
    state["files"] = {f for f in named_files() if private or not f.startswith("/tmp/")}
    return state


def differences(before, after):
    found = [f"{file} is {after['settings'].get(file)!r}, was {value!r}"
             for file, value in before["settings"].items() if after["settings"].get(file) != value]
    for what in ("mounts", "cgroups", "files"):
        found += [f"{what}: {item}" for item in after[what] - before[what]]
        found += [f"{what}: {item} is gone" for item in before[what] - after[what]]
    return found


def settled(look):
    """What `look` still finds after it had time to go away."""
    end = time.monotonic() + PATIENCE
    while (found := look()) and time.monotonic() < end:
        time.sleep(0.005)
    return found
