#!/usr/bin/env python3
"""How long `forkcost` itself takes: its report and comparison of stored runs, --help and --version.

For people who change analysis/: no test asserts these figures, as they are a machine's. Prints, per
command, the median and the least of user + system time, and of the time on the wall. To see what a
change does, give both trees: their runs take turns, so that what the machine does meanwhile hits
both.

usage: ci/tools-speed.py [-n N] [--run RUN.json[.gz]] [TREE…]
"""

import argparse
import gzip
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def perturbed(document):
    """A second run: each time quantity of a round times a factor of its own, seeded."""
    rng = random.Random(7)
    for entry in document["benchmarks"]:
        for quantity in entry["quantities"].values():
            if quantity["unit"] == "ns" and "samples" in quantity and "n" in quantity:  # schema 1
                factor = rng.lognormvariate(0.02, 0.03)
                quantity["samples"] = [v if v is None else round(v * factor)
                                       for v in quantity["samples"]]
            elif quantity["unit"] == "ns" and "samples" in quantity:  # steps above min
                quantity["min"] = round(quantity["min"] * rng.lognormvariate(0.02, 0.03))
    return document


def timed(tree, words, directory):
    """(user + system, wall) in seconds. Ends the program where the command fails: 1 is a
    regression, which perturbed figures may be."""
    before, start = os.times(), time.monotonic()
    done = subprocess.run([sys.executable, "-m", "forkcost", *words], cwd=directory, check=False,
                          env=os.environ | {"PYTHONPATH": str(Path(tree).resolve() / "analysis")},
                          stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    after, end = os.times(), time.monotonic()
    if done.returncode not in (0, 1):
        sys.exit(f"{tree}: forkcost {' '.join(words)}: status {done.returncode}: {done.stderr}")
    used = [getattr(after, f"children_{kind}") - getattr(before, f"children_{kind}")
            for kind in ("user", "system")]
    return sum(used), end - start


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("-n", type=int, default=5, help="runs of each command (default: 5)")
    parser.add_argument("--run", type=Path, default=ROOT / "results/reference/run.json.gz",
                        help="the result file (default: the reference run)")
    parser.add_argument("trees", nargs="*", default=[ROOT], metavar="TREE",
                        help="root of a checkout (default: this one)")
    options = parser.parse_args()
    content = options.run.read_bytes()
    content = gzip.decompress(content) if content[:2] == b"\x1f\x8b" else content
    with tempfile.TemporaryDirectory(prefix="forkcost-") as scratch:
        base, new = (Path(scratch) / name for name in ("base.json", "new.json"))
        base.write_bytes(content)
        new.write_text(json.dumps(perturbed(json.loads(content))), encoding="utf-8")
        commands = (("--version",), ("--help",), ("report", str(base), "-o", "report"),
                    ("compare", str(base), str(new)),
                    ("compare", str(base), str(new), "--format", "json"))
        print(f"{'command':24} {'tree':32} {'user + system':>20} {'wall':>20}   (s: median, least)")
        for words in commands:
            found = {tree: [] for tree in options.trees}
            for _ in range(options.n):
                for tree, times in found.items():
                    times.append(timed(tree, words, scratch))
            name = " ".join(w for w in words if not w.startswith(scratch))
            for tree, times in found.items():
                figures = (f"{statistics.median(t):11.2f} {min(t):8.2f}" for t in zip(*times))
                print(f"{name:24} {str(tree)[-32:]:32} {'  '.join(figures)}", flush=True)


if __name__ == "__main__":
    main()
