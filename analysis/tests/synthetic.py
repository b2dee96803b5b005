"""Makes result files (results/FORMAT.md) of which the truth is known.

TRUTH holds what the figures are drawn from; noise is lognormal with median 1, so that the planted
values are the medians. `python3 synthetic.py OUT.json [SEED]` writes one to look at.
"""

import datetime
import json
import sys

import numpy as np

MIB, GIB = 2**20, 2**30
HEAPS = {"0": 0, "16MiB": 16 * MIB, "64MiB": 64 * MIB, "256MiB": 256 * MIB, "1GiB": GIB}
PER_GIB = 13e6  # ns of fork per GiB of 4k pages
TRUTH = {
    "floor": {"fork": 47e3, "_Fork": 46e3, "clone3": 49e3, "vfork": 33e3, "clone-vm": 31e3},
    "per_gib": {"fork": PER_GIB, "_Fork": PER_GIB, "clone3": PER_GIB, "vfork": 0, "clone-vm": 0},
    "backing": {"4k": 1.0, "thp": 1 / 90, "hugetlb": 1 / 110},
    "spawn": {"fork": (560e3, 1), "vfork": (505e3, 0), "posix_spawn": (515e3, 0),
              "posix_spawn-actions": (525e3, 0), "clone-vm": (503e3, 0),
              "clone3-pidfd": (512e3, 0), "system": (1450e3, 0), "popen": (1480e3, 0),
              "fork-server": (640e3, 0)},  # ns to main in an empty process, copies the heap?
    "image": {"nolibc": 0, "static": 90e3, "dynamic": 420e3},
    "touch": {"first": 2100, "after-other": 700, "alone": 720, "second": 30},
}


def noise(directory, deviation, common=None, name="forkcost-noise.json"):
    """Writes what runs of the synthetic machine differ by, as forkcost aa does."""
    made = {"machine": ["synthetic", "Synthetic CPU @ 2.1 GHz", "6.18.0-synthetic"],
            "suite": "0.1.0", "made": datetime.datetime.now(datetime.timezone.utc).isoformat(),
            "runs": 10, "common": {"sd": deviation if common is None else common, "df": 30},
            "own": {"default": {"sd": deviation, "df": 30}}}
    (directory / name).write_text(json.dumps(made))
    return directory / name


class Maker:
    def __init__(self, seed=1, rounds=5, samples=20, noise=0.03, machine="synthetic"):
        self.rng = np.random.default_rng(seed)
        self.rounds, self.samples, self.noise = rounds, samples, noise
        self.machine = machine
        self.benchmarks, self.unmeasured = [], []

    def noisy(self, n):
        values = np.exp(self.rng.normal(0, self.noise, n))
        tail = self.rng.random(n) < 0.02
        return np.where(tail, values * self.rng.uniform(1.2, 2.5, n), values)

    def around(self, median, n=None):
        """One round's samples."""
        shift = np.exp(self.rng.normal(0, self.noise / 2))
        return median * shift * self.noisy(n or self.samples)

    def case(self, benchmark, axes, rounds, primary="blocked_ns", heap_bytes=None):
        """`rounds`: one {quantity: samples or ("histogram", values)} per round."""
        name = "/".join([benchmark, *(f"{k}:{v}" for k, v in axes.items())])
        for index, values in enumerate(rounds):
            quantities = {k: quantity(k, v) for k, v in values.items()}
            disturbed = bool(self.rng.random() < 0.04)
            entry = {
                "name": name, "run_name": name, "run_type": "iteration",
                "repetitions": len(rounds), "repetition_index": index, "threads": 1,
                "iterations": self.samples, "real_time": quantities[primary]["p50"],
                "cpu_time": quantities[primary]["p50"], "time_unit": "ns",
                "benchmark": benchmark, "axes": axes, "primary": primary,
                "quantities": quantities, "outcome": {"status": "ok"}, "warmup": 2,
                "pid": 1000 + index,
                "verification": [{"check": "minor faults", "expected": "4096", "observed": "4096",
                                  "ok": True},
                                 {"check": "no huge pages", "expected": "0", "observed": "0",
                                  "ok": True}],
                "conditions": {"elapsed_ns": 10**8, "steal_ns": 0, "involuntary_switches": 1,
                               "migrations": 0, "misplaced": 0, "disturbed": disturbed,
                               "reasons": ["steal time 3% of the round"] if disturbed else []}}
            if heap_bytes is not None:
                entry["heap_bytes"] = heap_bytes
            self.benchmarks.append(entry)

    def not_measured(self, benchmark, axes, status, reason, heap_bytes=None):
        name = "/".join([benchmark, *(f"{k}:{v}" for k, v in axes.items())])
        for index in range(self.rounds):
            entry = {"name": name, "benchmark": benchmark, "axes": axes, "repetition_index": index,
                     "verification": [], "outcome": {"status": status, "reason": reason}}
            if heap_bytes is not None:
                entry["heap_bytes"] = heap_bytes
            self.unmeasured.append(entry)

    def fork(self, paths=tuple(TRUTH["floor"]), heaps=HEAPS, backings=("4k", "thp"),
             placement="other-cpu"):
        for path in paths:
            for backing in backings if path == "fork" else backings[:1]:
                for heap, size in heaps.items():
                    copy = TRUTH["per_gib"][path] * size / GIB * TRUTH["backing"][backing]
                    shares = path in ("vfork", "clone-vm")
                    rounds = []
                    for _ in range(self.rounds):
                        blocked = self.around(TRUTH["floor"][path] + copy)
                        teardown = self.around(40e3 + copy)
                        start = blocked * (0.6 if shares else 1.02) + 4e3
                        rounds.append({
                            "blocked_ns": blocked, "blocked_cpu_ns": blocked * 0.95,
                            "child_start_ns": start, "teardown_ns": teardown,
                            "total_ns": start + 2e3 + teardown,
                            "child_cpu_ns": self.around(30e3 + copy)})
                    axes = {"path": path, "heap": heap, "backing": backing, "placement": placement}
                    self.case("fork", axes, rounds, heap_bytes=size)
        return self

    def spawn(self, paths=tuple(TRUTH["spawn"]), heaps=HEAPS, images=("nolibc", "dynamic")):
        for image in images:
            for path in paths:
                for heap, size in heaps.items():
                    floor, copies = TRUTH["spawn"][path]
                    copy = copies * PER_GIB * size / GIB
                    rounds = []
                    for _ in range(self.rounds):
                        exec_ns = self.around(60e3 + copy)
                        rest = self.around(floor - 60e3)
                        main = exec_ns + rest + TRUTH["image"][image]
                        teardown = self.around(70e3)
                        values = {"blocked_ns": self.around(47e3 + copy) if copies else main * 0.5,
                                  "main_start_ns": main, "teardown_ns": teardown,
                                  "total_ns": main + 5e3 + teardown}
                        values["blocked_cpu_ns"] = values["blocked_ns"] * 0.9
                        if path in ("fork", "vfork", "clone-vm", "clone3-pidfd"):
                            values["exec_ns"] = exec_ns
                        if image != "dynamic":
                            values["image_start_ns"] = exec_ns + rest * 0.98
                        rounds.append(values)
                    axes = {"path": path, "image": image, "heap": heap, "backing": "4k",
                            "placement": "other-cpu" if path == "fork-server" else "same-cpu"}
                    self.case("spawn", axes, rounds, "main_start_ns", heap_bytes=size)
        return self

    def touches(self, median, slow=0.15):
        """Touches of pages: a second mode at five times the time, as where memory must be found."""
        n = 20000
        values = median * np.exp(self.rng.normal(0, 0.08, n))
        return np.where(self.rng.random(n) < slow, values * 5, values)

    def pages(self, benchmark, axes, median, size, slow=0.15):
        rounds = []
        for _ in range(self.rounds):
            touch = self.touches(median, slow)
            debt = touch.mean() * size / 4096 * self.noisy(self.samples)
            rounds.append({"touch_ns": ("histogram", touch), "debt_ns": debt,
                           "debt_cpu_ns": debt * 0.97,
                           "faults": np.full(self.samples, size // 4096)})
        self.case(benchmark, axes, rounds, "debt_ns", heap_bytes=size)

    def huge(self, benchmark, axes, median, size):
        """One fault of a huge page for many touches: fault_ns in place of touch_ns."""
        faults = size // (2 * MIB)
        rounds = []
        for _ in range(self.rounds):
            fault = self.around(median)
            rounds.append({"fault_ns": fault, "debt_ns": fault * faults,
                           "debt_cpu_ns": fault * faults * 0.97,
                           "faults": np.full(self.samples, faults)})
        self.case(benchmark, axes, rounds, "debt_ns", heap_bytes=size)

    def cow(self, heaps=("64MiB", "256MiB")):
        for heap in heaps:
            for state, median in TRUTH["touch"].items():
                for writer in ("parent", "child"):
                    axes = {"writer": writer, "state": state, "access": "write",
                            "pattern": "sequential", "heap": heap, "backing": "4k"}
                    self.pages("cow", axes, median, HEAPS[heap], 0.15 if state == "first" else 0)
        axes = {"writer": "parent", "state": "first", "access": "write", "pattern": "sequential",
                "heap": heaps[-1], "backing": "thp"}
        self.pages("cow", axes, 2600, HEAPS[heaps[-1]])
        return self

    def reference_cases(self, heap="256MiB"):
        size = HEAPS[heap]
        self.pages("zero-page", {"access": "read", "heap": heap}, 430, size, 0)
        self.pages("zero-page", {"access": "write", "heap": heap}, 1500, size)
        self.pages("first-touch", {"heap": heap, "backing": "4k"}, 1100, size)
        self.huge("first-touch", {"heap": heap, "backing": "thp"}, 95e3, size)
        self.pages("copy-page", {"heap": heap}, 260, size, 0)
        for entry in self.benchmarks[-self.rounds:]:
            del entry["quantities"]["faults"]  # both pages are there
        return self

    def harness(self):
        for figure, median in (("stamp", 1.004), ("vfork-exit", 1.011)):
            rounds = [{"overhead_ratio": np.full(5, median)} for _ in range(self.rounds)]
            self.case("harness", {"figure": figure}, rounds, "overhead_ratio")
        return self

    def skipped(self):
        self.not_measured("fork", {"path": "fork", "heap": "256MiB", "backing": "hugetlb",
                                   "placement": "other-cpu"}, "skipped",
                          "needs 128 free huge pages of 2 MiB, there are 0: sysctl "
                          "vm.nr_hugepages=128", 256 * MIB)
        return self

    def failed(self):
        self.not_measured("fork", {"path": "fork", "heap": "4GiB", "backing": "4k",
                                   "placement": "other-cpu"}, "failed",
                          "AnonHugePages is 2048 kB, expected 0", 4 * GIB)
        return self

    def document(self):
        environment = {
            "kernel": {"release": "6.18.0-synthetic", "version": "#1 SMP", "command_line": "quiet"},
            "machine": {"architecture": "x86_64", "cpu_model": "Synthetic CPU @ 2.1 GHz",
                        "cpus_online": 2, "cpus_allowed": 2, "hypervisor": "kvm",
                        "memory_bytes": 8 * GIB, "page_size": 4096,
                        "mitigations": {"meltdown": "Not affected"}},
            "memory": {"thp_enabled": "madvise", "overcommit_memory": 0, "hugepages_free": {}},
            "process": {"aslr": 2, "uid": 0, "pagemap_frames": True},
            "software": {"libc": "glibc 2.36", "compiler": "gcc 12.2", "build_type": "Release"},
            "load": {"loadavg": [0.5, 0.4, 0.3], "users": 1, "steal_share": 0.001}}
        return {
            "context": {
                "date": "2024-05-01T12:00:00+00:00", "host_name": self.machine, "num_cpus": 2,
                "forkcost": {
                    "schema": 1, "suite": {"version": "0.1.0", "revision": "abc1234"},
                    "run": {"program": "forkcost-run",
                            "command": ["forkcost-run", "--preset", "quick", "--out", "run.json"],
                            "preset": "quick", "seed": 7, "rounds": self.rounds,
                            "rounds_done": self.rounds, "cpu": 1,
                            "started": "2024-05-01T12:00:00Z", "seconds": 240.0,
                            "interrupted": False},
                    "estimators": {"blocked_ns": "min", "main_start_ns": "p50"},
                    "clock": {"source": "tsc", "hz": 2.1e9, "resolution_ns": 1,
                              "stamp_cost_ns": 11, "cpu_clock_cost_ns": 310},
                    "environment": environment,
                    "warnings": [{"id": "hypervisor",
                                  "message": "this is a virtual machine: its host can disturb "
                                             "every figure",
                                  "remedy": "measure on bare metal, or look at the steal share"}]}},
            "benchmarks": self.benchmarks, "unmeasured": self.unmeasured}


def quantity(name, values):
    unit = ("ns" if name.endswith("_ns") else "bytes" if name.endswith("_bytes") else
            "ratio" if "ratio" in name else "1")
    result = {"unit": unit, "better": "lower"}
    if isinstance(values, tuple):
        raw = np.asarray(values[1])
        result["histogram"] = histogram(raw)
    else:
        raw = np.asarray(values, dtype=float)
        result["samples"] = [None if np.isnan(v) else float(v) for v in raw]
        raw = raw[~np.isnan(raw)]
    result["n"] = len(raw)
    if len(raw):
        p50, p90, p99 = np.quantile(raw, [0.5, 0.9, 0.99], method="inverted_cdf")
        result |= {"min": float(raw.min()), "p50": float(p50), "p90": float(p90),
                   "p99": float(p99), "max": float(raw.max()), "mean": float(raw.mean())}
    return result


def histogram(values):
    """64 bins per factor of two (1.6% wide at most), at least 1 ns."""
    edges = np.unique(np.floor(2 ** (np.arange(0, 40 * 64) / 64)))
    counts, _ = np.histogram(values, edges)
    return [[float(edges[i]), float(edges[i + 1]), int(counts[i])] for i in np.flatnonzero(counts)]


def full_run(seed=1, **keywords):
    maker = Maker(seed, **keywords)
    return maker.fork().spawn().cow().reference_cases().harness().skipped()


if __name__ == "__main__":
    with open(sys.argv[1], "w", encoding="utf-8") as out:
        json.dump(full_run(int(sys.argv[2]) if len(sys.argv) > 2 else 1).document(), out)
