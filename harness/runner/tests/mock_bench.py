"""A bench program that measures nothing: the contract of harness/README.md, and its breaches.

Beside the wrapper script that runs it lie `cases.json` (names; what a case does is its axis `mode`)
and `log` (what it was asked to do). A file `block_at` holding N makes its Nth measurement hang.
MODES=n:0=fail,n:1=skip in the environment changes the modes of cases whose names end so, SLOWER=n:0
makes them slower. Files
`answer.json` and `quantity` hold what it declares as its answer, and what it calls its quantity.
"""

import argparse
import json
import os
import signal
import sys
import time

OK, FAILED, USAGE, SKIPPED = 0, 1, 2, 3


def axes_of(name):
    return dict(part.split(":", 1) for part in name.split("/")[1:])


def describe(name):
    case = {"name": name, "benchmark": name.split("/")[0], "axes": axes_of(name), "preset": "smoke"}
    if "core" in case["axes"]:
        case["core"] = ["blocked_ns"]
    if "heap" in case["axes"]:
        case["heap_bytes"] = 1 << 20
    return case


def log(directory, line):
    with open(os.path.join(directory, "log"), "a") as file:
        file.write(line + "\n")


def measurements(directory):
    with open(os.path.join(directory, "log")) as file:
        return sum(line.startswith("begin ") for line in file)


def leave_behind(directory, own_session):
    """A descendant that would live on; in a session of its own if asked."""
    read_end, write_end = os.pipe()
    if os.fork() == 0:
        if own_session:
            os.setsid()
            if os.fork() != 0:
                os._exit(0)
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        log(directory, f"straggler {os.getpid()}")
        os.write(write_end, b"x")
        signal.pause()
    os.read(read_end, 1)


def take_care(directory, name):
    """A caretaker that takes its time once the program is dead (harness/caretaker.h)."""
    read_end, write_end = os.pipe()
    os.set_inheritable(read_end, True)
    script = (f"trap '' TERM; echo blocked {os.getpid()} >>{directory}/log; read -r _ <&{read_end}; "
              f"sleep 0.3; echo tidied {name} >>{directory}/log; exit")
    if os.fork() == 0:
        os.setsid()
        os.close(write_end)
        os.execv("/bin/sh", ["sh", "-c", script, "forkcost-caretaker"])
    signal.pause()  # the caretaker says when it is ready


def begin_to_take_care(directory, name):
    """A caretaker that has made something, and has not come to its exec when the program is killed."""
    if os.fork() == 0:
        os.setsid()
        with open("/proc/self/comm", "w") as comm:
            comm.write("forkcost-caretaker")
        log(directory, f"blocked {os.getppid()}")
        time.sleep(0.5)
        os.execv("/bin/sh", ["sh", "-c", f"echo tidied {name} >>{directory}/log; exit",
                             "forkcost-caretaker"])
    signal.pause()


def take_turns(flag, samples, directory):
    """harness/turns.h: one sample a turn."""
    read, written, place = flag.split(",")
    read, written = os.open(read, os.O_RDONLY), os.open(written, os.O_WRONLY)
    alone = False

    def turn(said):
        nonlocal alone
        os.write(written, said)
        alone = alone or os.read(read, 1) == b"x"

    turn(b"r")
    if place == "second" and not alone:
        alone = os.read(read, 1) == b"x"
    for sample in range(samples):
        log(directory, f"turn {place} {sample}")
        if sample + 1 < samples and not alone:
            turn(b"t")
    os.write(written, b"x")
    while not alone:
        alone = os.read(read, 1) == b"x"


def samples_of(name):
    base = 1000 + len(name)
    slower = os.environ.get("SLOWER")
    base += 100 if slower and name.endswith(slower) else 0
    return [base, base + 10, base + 20]


STEP = 10


def quantity(samples):
    return {"unit": "ns", "min": samples[0], "p50": samples[1], "p90": samples[2],
            "samples": [(sample - samples[0]) // STEP for sample in samples]}


def tables(names, primary):
    """Of --list-cases, and of a result file."""
    row = {"unit": "ns", "better": "lower", "estimator": "min", "step": STEP, "meaning": "a mock"}
    axes = {axis for name in names for axis in axes_of(name)}
    return {"schema": 2,
            "axes": {axis: {"default": None, "meaning": "a mock"} for axis in sorted(axes)},
            "quantities": {primary: row, "blocked_cpu_ns": row}}


def case_row(name):
    return {key: describe(name)[key] for key in ("benchmark", "heap_bytes") if key in describe(name)}


def beside(directory, name, otherwise):
    path = os.path.join(directory, name)
    if not os.path.exists(path):
        return otherwise
    with open(path) as file:
        return file.read()


def ok_entry(name, primary):
    samples = samples_of(name)
    return {"name": name, "run_type": "iteration", "repetitions": 1, "repetition_index": 0,
            "iterations": 3, "real_time": samples[1], "cpu_time": samples[0], "time_unit": "ns",
            "axes": axes_of(name),
            "quantities": {primary: quantity(samples), "blocked_cpu_ns": quantity(samples)},
            "conditions": {"elapsed_ns": 1000}, "pid": os.getpid()}


def unmeasured_entry(name, status):
    return {"name": name, "repetition_index": 0, "axes": axes_of(name),
            "outcome": {"status": status, "reason": f"the mock {status} it"}}


def write_result(path, benchmarks, unmeasured, primary):
    cases = {entry["name"]: {**case_row(entry["name"]), "primary": primary,
                             "primary_cpu": "blocked_cpu_ns", "verification": []}
             for entry in benchmarks}
    cases |= {entry["name"]: case_row(entry["name"]) for entry in unmeasured}
    context = {"date": "2026-01-01T00:00:00+00:00", "host_name": "mock", "executable": "bench_mock",
               "num_cpus": 2, "forkcost": {**tables(cases, primary), "cases": cases, "run": {"cpu": 1},
                                           "clock": {"source": "tsc"},
                                           "environment": {"process": {"uid": 4711}}}}
    with open(path, "w") as file:
        json.dump({"context": context, "benchmarks": benchmarks, "unmeasured": unmeasured}, file)


def measure(name, out, directory):
    primary = beside(directory, "quantity", "blocked_ns")
    mode = axes_of(name)["mode"]
    for other in filter(None, os.environ.get("MODES", "").split(",")):
        case, _, given = other.partition("=")
        mode = given if name.endswith(case) else mode
    if mode in ("straggler", "daemon", "nest"):
        leave_behind(directory, mode != "straggler")
    if mode == "nest":
        log(directory, f"blocked {os.getpid()}")
        signal.pause()
    if mode == "caretaken":
        take_care(directory, name)
    if mode == "caretaking":
        begin_to_take_care(directory, name)
    if mode == "tidy":
        signal.signal(signal.SIGTERM, lambda *_: (log(directory, f"tidied {name}"), sys.exit(1)))
        log(directory, f"blocked {os.getpid()}")
        signal.pause()
    if mode == "hang":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        signal.pause()
    if mode == "crash":
        print("about to crash", file=sys.stderr, flush=True)
        os.kill(os.getpid(), signal.SIGSEGV)
    if mode == "torn":
        with open(out, "w") as file:
            file.write('{"context": {}, "benchmarks": [{"name": "')
        return OK
    if mode == "nofile":
        sys.stderr.buffer.write(b"first\nlast words \xff\xfe\n")
        return 7
    if mode == "liar":  # the figures are there, but the program says that something is wrong
        write_result(out, [ok_entry(name, primary)], [], primary)
        return 66
    if mode in ("skip", "fail"):
        status = {"skip": "skipped", "fail": "failed"}[mode]
        write_result(out, [], [unmeasured_entry(name, status)], primary)
        return {"skip": SKIPPED, "fail": FAILED}[mode]
    write_result(out, [ok_entry(name, primary)], [], primary)
    return OK


def main():
    # One more would be one more for every fork to copy. The listing itself is the fourth.
    descriptors = len(os.listdir("/proc/self/fd")) - 1
    parser = argparse.ArgumentParser()
    for flag in ("--case", "--preset", "--heap", "--max-heap", "--cpu", "--budget-ms",
                 "--time-limit-s", "--samples", "--benchmark_out", "--turns", "--clock"):
        parser.add_argument(flag)
    for flag in ("--counters", "--profile"):
        parser.add_argument(flag, nargs="?", const="default")
    parser.add_argument("--list-cases", action="store_true")
    parser.add_argument("directory")
    arguments = parser.parse_args()
    with open(os.path.join(arguments.directory, "cases.json")) as file:
        names = json.load(file)
    if arguments.counters == "wrong":
        print("wrong: event not found", file=sys.stderr)
        return USAGE
    if arguments.list_cases:
        log(arguments.directory, f"listed {arguments.preset}")
        answer = json.loads(beside(arguments.directory, "answer.json", "[]"))
        primary = beside(arguments.directory, "quantity", "blocked_ns")
        print(json.dumps({"binary": "bench_mock", **tables(names, primary),
                          "cases": [describe(name) for name in names], "answer": answer}))
        return OK
    if arguments.case not in names:
        return USAGE
    log(arguments.directory, f"given {arguments.time_limit_s} {arguments.samples}")
    log(arguments.directory, f"clock {arguments.clock}")
    log(arguments.directory, f"descriptors {descriptors}")
    log(arguments.directory, f"setting {os.environ.get('SETTING')} {arguments.case}")
    log(arguments.directory, f"passes {arguments.counters} {arguments.profile}")
    log(arguments.directory, f"begin {arguments.case} {os.getpid()} {arguments.heap}")
    block_at = os.path.join(arguments.directory, "block_at")
    if os.path.exists(block_at):
        with open(block_at) as file:
            if measurements(arguments.directory) == int(file.read()):
                log(arguments.directory, f"blocked {os.getpid()}")
                signal.pause()
    if arguments.turns:
        log(arguments.directory, f"takes {arguments.turns.split(',')[2]}")
        if axes_of(arguments.case)["mode"] == "crash" or "crash" in os.environ.get("MODES", ""):
            os.kill(os.getpid(), signal.SIGSEGV)
        take_turns(arguments.turns, 3, arguments.directory)
    status = measure(arguments.case, arguments.benchmark_out, arguments.directory)
    log(arguments.directory, f"end {arguments.case}")
    return status


sys.exit(main())
