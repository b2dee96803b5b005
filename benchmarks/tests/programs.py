"""What the tests of the bench binaries share: calling a program, finding its processes, waiting."""

import contextlib
import ctypes
import json
import os
import pathlib
import struct
import subprocess
import sys
import time

import pytest

BIN = pathlib.Path(os.environ["FORKCOST_BIN"])
NOBODY = 65534

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="changes the user id: needs root")


def run(program, *arguments, **options):
    return subprocess.run(
        [BIN / program, *arguments], capture_output=True, text=True, timeout=120, **options
    )


def measure(tmp_path, program, *arguments, **options):
    """Runs a program with a result file; returns the finished process and the document."""
    out = tmp_path / f"{program}.json"
    done = run(program, f"--benchmark_out={out}", *arguments, **options)
    assert out.exists(), done.stderr
    return done, unpacked(json.loads(out.read_text()))


def unpacked(document):
    """Each entry with all that results/FORMAT.md says of it: its case's row, all of its checks, its name
    with all axes, the values of its quantities, and how many they are."""
    tables = document["context"]["forkcost"]
    for entry in document["benchmarks"] + document["unmeasured"]:
        axes = "".join(f"/{axis}:{value}" for axis, value in entry["axes"].items())
        entry["full_name"] = tables["cases"][entry["name"]]["benchmark"] + axes
    for entry in document["benchmarks"]:
        row = dict(tables["cases"][entry["name"]])
        own = {check["check"] for check in entry.get("verification", [])}
        checks = [c for c in row.pop("verification") if c["check"] not in own]
        entry["verification"] = checks + entry.get("verification", [])
        entry |= {**row, "outcome": entry.get("outcome", {"status": "ok"})}
        for name, quantity in entry["quantities"].items():
            unpack(quantity, tables["quantities"][name].get("step"))
        for event in entry.get("counters", {}).get("events", {}).values():
            for who in ("parent", "child", "family", "cpu"):
                if who in event:
                    unpack(event[who], event.get("step"))
    for entry in document["unmeasured"]:
        row = tables["cases"][entry["name"]]
        entry |= {key: value for key, value in row.items() if key != "verification"}
    return document


def unpack(quantity, step):
    if "histogram" in quantity:
        quantity["n"] = sum(sum(run[1:]) for run in quantity["histogram"])
        return
    least = quantity["min"]
    if "n" in quantity:
        assert least == quantity["p50"] == quantity["p90"]
        quantity["samples"] = [least] * quantity["n"]
    elif step:
        assert min(quantity["samples"]) == 0 and all(isinstance(s, int) for s in quantity["samples"])
        quantity["samples"] = [least + step * sample for sample in quantity["samples"]]
    quantity |= {"n": len(quantity["samples"]), "max": max(quantity["samples"])}
    assert quantity["p50"] in quantity["samples"], "a value that was really seen"


def checks_of(entry):
    return {check["check"]: check["observed"] for check in entry["verification"]}


def medians_of(entry):
    return {name: quantity["p50"] for name, quantity in entry["quantities"].items()}


def children_of(pid):
    try:
        return [int(p) for p in pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except FileNotFoundError:
        return []


def has_ended(pid):
    """Also when its new parent, a slow init, has not reaped it."""
    try:
        stat = pathlib.Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return True
    return stat.rpartition(")")[2].split()[0] in "ZX"


def wait_for(condition, what, seconds=30):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        found = condition()
        if found:
            return found
        time.sleep(0.001)
    raise AssertionError(f"{what}: not within {seconds} s")


@contextlib.contextmanager
def evicting(*files):
    """Meanwhile another process puts these files out of the page cache, over and over."""
    code = """if True:
        import os, sys
        files = [os.open(file, os.O_RDONLY) for file in sys.argv[1:]]
        os.close(1)
        while True:
            for file in files:
                os.posix_fadvise(file, 0, 0, os.POSIX_FADV_DONTNEED)
    """
    process = subprocess.Popen([sys.executable, "-c", code, *files], stdout=subprocess.PIPE)
    try:
        process.stdout.read()  # until it is there: on a busy machine all would be over before
        yield
    finally:
        assert process.poll() is None
        process.kill()
        process.wait()


def check_smoke(program, tmp_path):
    """All smoke cases are measured and verified; every quantity has figures."""
    done, document = measure(tmp_path, program, "--preset=smoke")
    assert done.returncode == 0, done.stdout + done.stderr
    assert document["unmeasured"] == []
    listed = json.loads(run(program, "--list-cases", "--preset=smoke").stdout)
    assert [b["name"] for b in document["benchmarks"]] == [c["name"] for c in listed["cases"]]
    for entry in document["benchmarks"]:
        assert entry["outcome"]["status"] == "ok"
        assert entry["verification"] and all(check["ok"] for check in entry["verification"])
        assert entry["real_time"] > 0 and entry["cpu_time"] > 0 and entry["iterations"] >= 3
        for name, quantity in entry["quantities"].items():
            assert quantity["min"] <= quantity["p50"] <= quantity["max"], name
            assert len(quantity.get("samples", quantity.get("histogram"))) > 0, name
    context = document["context"]["forkcost"]
    assert context["schema"] == 2
    assert {"suite", "run", "clock", "environment"} <= context.keys()
    assert context["quantities"].keys() == {q for b in document["benchmarks"] for q in b["quantities"]}
    assert context["axes"].keys() == {axis for b in document["benchmarks"] for axis in b["axes"]}


EPERM_RETURNED, KILLED = 0x00050001, 0x80000000


def forbid(*calls, action=EPERM_RETURNED):
    """A seccomp filter as container engines have it: the calls fail with EPERM. With KILLED who makes
    one is killed."""
    numbers = {"x86_64": {"perf_event_open": 298, "clone3": 435, "unshare": 272, "execveat": 322,
                          "kcmp": 312},
               "aarch64": {"perf_event_open": 241, "clone3": 435, "unshare": 97, "execveat": 281,
                           "kcmp": 272}}[os.uname().machine]
    program = [struct.pack("HBBI", 0x20, 0, 0, 0)]  # load the number of the call
    for call in calls:
        program += [struct.pack("HBBI", 0x15, 0, 1, numbers[call]),
                    struct.pack("HBBI", 0x06, 0, 0, action)]
    program.append(struct.pack("HBBI", 0x06, 0, 0, 0x7FFF0000))  # allow
    code = ctypes.create_string_buffer(b"".join(program))

    def install():
        libc = ctypes.CDLL(None, use_errno=True)
        header = struct.pack("HxxxxxxP", len(program), ctypes.addressof(code))
        if libc.prctl(38, 1, 0, 0, 0) or libc.prctl(22, 2, ctypes.create_string_buffer(header), 0, 0):
            os._exit(99)
    return install
