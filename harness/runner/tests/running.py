"""What the tests of forkcost-run share: a run against a mock bench program, and waiting.

Needs the environment variable FORKCOST_RUN: the path of the program (ctest sets it).
"""

import json
import os
import pathlib
import shlex
import subprocess
import sys
import time

MOCK = pathlib.Path(__file__).with_name("mock_bench.py")
PATIENCE = 20  # seconds until a test gives up: far more than anything here takes


def write_mock(directory):
    mock = directory / "bench_mock"
    mock.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -I -S '
                    f'{shlex.quote(str(MOCK))} {shlex.quote(str(directory))} "$@"\n')
    mock.chmod(0o755)


class Runner:
    def __init__(self, tmp_path):
        self.program = os.environ["FORKCOST_RUN"]
        self.bin_dir = tmp_path / "bin"
        self.bin_dir.mkdir()
        self.temporary = tmp_path / "tmp"
        self.temporary.mkdir()
        self.out = tmp_path / "run.json"
        self.journal = tmp_path / "run.json.journal"
        write_mock(self.bin_dir)
        (self.bin_dir / "bench_notes.txt").write_text("not a program")
        self.set_cases("a/mode:ok")

    def set_cases(self, *names):
        (self.bin_dir / "cases.json").write_text(json.dumps(names))

    def command(self, *arguments):
        return [self.program, "--bin-dir", str(self.bin_dir), "--out", str(self.out), *arguments]

    def environment(self):
        return {**os.environ, "TMPDIR": str(self.temporary)}

    def run(self, *arguments, **kwargs):
        done = subprocess.run(self.command(*arguments), env=self.environment(), timeout=PATIENCE,
                              capture_output=True, **kwargs)
        done.out = done.stdout.decode(errors="strict")
        done.err = done.stderr.decode(errors="strict")
        assert list(self.temporary.iterdir()) == [], "a temporary file was left"
        return done

    def start(self, *arguments, **kwargs):
        return subprocess.Popen(self.command(*arguments), env=self.environment(),
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, **kwargs)

    def block_at(self, number):
        (self.bin_dir / "block_at").write_text(str(number))

    def unblock(self):
        (self.bin_dir / "block_at").unlink()

    def logged(self, word):
        log = self.bin_dir / "log"
        lines = log.read_text().splitlines() if log.exists() else []
        return [line.split(" ")[1:] for line in lines if line.startswith(word + " ")]

    def forget_log(self):
        (self.bin_dir / "log").unlink()

    def result(self):
        return json.loads(self.out.read_text())

    def outcomes(self):
        document = self.result()
        return {entry["name"]: entry["outcome"] for entry in document["unmeasured"]}


def is_alive(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def wait_until(condition, what):
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, f"waited in vain until {what}"
        time.sleep(0.02)


def many(count):
    return [f"a/mode:ok/n:{i}" for i in range(count)]
