"""One run of forkcost-run, from its start to its end, and the kills on the way."""

import contextlib
import itertools
import json
import os
import re
import signal
import subprocess
import time

from kill_traces import (PATIENCE, children_of, descendants_of, differences, exe_of, find, kill,
                         machine, read, reap, settled)

BAD_NEWS, CANNOT = 1, 3
ROUNDS = 2
CASES = 3  # of a run

VICTIMS = {"runner": 8, "group": 6, "bench program": 8, "keeper": 4, "caretaker": 4,
           "other process": 4, "everything": 4, "program alone": 8}
ALONE = "program alone"
SIDES = "ab"  # of an interleaved run: in its journal and in the names of its files
SCRATCH = re.compile(r"forkcost-[0-9a-f]{6}-[0-9a-f]{8}-[0-9a-f]{4}")


class Run:
    """`left` is what was left by a kill, in words."""

    def __init__(self, campaign, place, rng, is_trial=False, is_alone=False):
        self.campaign, self.rng = campaign, rng
        self.tmp, self.out = place / "tmp", place / "out"
        self.tmp.mkdir(parents=True)
        self.out.mkdir()
        self.file, self.journal = self.out / "run.json", self.out / "run.json.journal"
        self.files = [self.file]
        if campaign.other_side and not is_alone:
            self.files = [self.out / f"run-{side}.json" for side in SIDES]
        programs = sorted(campaign.programs)
        self.cases = programs if is_trial else rng.sample(programs, CASES)
        self.changes_settings = is_trial or rng.random() < 0.5
        self.old = "an older result" if not is_trial and rng.random() < 0.3 else None
        if self.old:
            for file in self.files:
                file.write_text(self.old)
        self.kept = {}  # of (side, case, round): its process in the first journal that held it
        self.status = None
        self.output = ""

    def environment(self):
        return {**os.environ, "TMPDIR": str(self.tmp),
                "FORKCOST_CHANGE_SETTINGS": "1" if self.changes_settings else "0"}

    def begin(self, command):
        self.log = (self.out.parent / "log").open("w+")
        return subprocess.Popen(command, env=self.environment(), stdin=subprocess.DEVNULL,
                                stdout=self.log, stderr=subprocess.STDOUT, process_group=0)

    def start(self):
        command = [self.campaign.bin / "forkcost-run", "--preset", "full", "--out", self.file,
                   "--rounds", str(ROUNDS), "--time-limit-s", "20", "--filter",
                   "^(" + "|".join(case.replace(".", "\\.") for case in self.cases) + ")$"]
        if self.campaign.other_side:
            command += ["--interleave", self.campaign.bin, self.campaign.other_side]
        command += ["--force"] if self.old else []
        command += ["--resume"] if self.journal.exists() else []
        return self.begin(command)

    def start_alone(self):
        case = self.cases[0]
        return self.begin([self.campaign.bin / self.campaign.programs[case], "--case", case,
                           f"--benchmark_out={self.file}", "--time-limit-s", "20"])

    def end(self, process):
        self.status = process.wait(timeout=10 * PATIENCE)
        self.log.seek(0)
        self.output = self.log.read()
        self.log.close()

    def draw(self):
        """A victim and a moment."""
        victims = {v: n for v, n in VICTIMS.items() if v != ALONE
                   and (v != "everything" or not self.changes_settings)}
        victim = self.rng.choices(list(victims), victims.values())[0]
        return victim, self.rng.uniform(0, self.campaign.seconds_per_case * CASES * ROUNDS
                                        * len(self.files) + self.campaign.seconds_to_begin)

    def strike(self, process, victim, moment):
        """Kills, or finds that there is nobody to kill before the run ends."""
        end = time.monotonic() + moment
        while time.monotonic() < end:
            if process.poll() is not None:
                return False
            time.sleep(min(0.01, max(0, end - time.monotonic())))
        while process.poll() is None:
            if victim in ("runner", ALONE):
                kill(process.pid)
            elif victim == "group":
                os.killpg(process.pid, signal.SIGKILL)
            elif victim == "everything":
                for pid in (*find("caretaker", process.pid), process.pid,
                            *descendants_of(process.pid)):
                    kill(pid)
            elif found := find(victim, process.pid):
                kill(self.rng.choice(found))
            else:
                continue
            return True
        return False

    def remember_journal(self):
        held = {}
        for line in read(self.journal).splitlines():
            with contextlib.suppress(ValueError):  # torn
                record = json.loads(line)
                if "entry" in record:
                    key = record.get("side", ""), record["entry"]["name"], record["round"]
                    held[key] = record["entry"].get("pid")
        for (side, *of), pid in held.items():
            # Half a pair is measured again, both halves of it.
            if not side or all((each, *of) in held for each in SIDES):
                self.kept.setdefault((side, *of), pid)

    def look(self, victim):
        """What is left, when all had its time."""
        def processes():
            reap()
            return children_of(os.getpid())
        left = [f"process {pid}: {exe_of(pid)} {read(f'/proc/{pid}/cmdline')!r}"
                for pid in settled(processes)]
        for pid in descendants_of(os.getpid()):
            kill(pid)
        swept_later = SCRATCH.fullmatch if victim == "everything" else lambda name: None
        left += [f"file {path}" for path in self.tmp.iterdir() if not swept_later(path.name)]
        left += [f"file {path}" for path in self.out.iterdir()
                 if path not in (*self.files, self.journal)]
        left += settled(lambda: differences(self.campaign.before, machine(self.campaign.private)))
        return left

    def lost(self):
        """What the finished run has not, in words."""
        if self.could_not_list():
            return []
        if self.status not in (0, BAD_NEWS) and not self.is_finished():
            return [f"the run ended with {self.status}: {self.output[-600:]}"]
        if self.journal.exists() or [*self.tmp.iterdir()]:
            return ["the journal, or a file in TMPDIR, is there after the end"]
        entries = {}  # of (side, case, round)
        sides = SIDES if len(self.files) > 1 else [""]
        for side, file in zip(sides, self.files):
            document = json.loads(file.read_text())
            entries |= {(side, e["name"], e.get("repetition_index", 0)): e
                        for e in document["benchmarks"] + document["unmeasured"]}
        skipped = {case for (_, case, _), e in entries.items()
                   if e.get("outcome", {}).get("status") == "skipped"}
        lost = [f"round {key} is missing" for key in itertools.product(sides, self.cases, range(ROUNDS))
                if key not in entries and key[1] not in skipped]
        return lost + [f"round {key} was measured again, though the journal held it"
                       for key, pid in self.kept.items()
                       if key not in entries or entries[key].get("pid") != pid]

    def could_not_list(self):
        """A program was killed when it was asked for its cases: there is no run yet."""
        return (self.status == CANNOT and "--list-cases was killed by signal 9" in self.output
                and not self.journal.exists()
                and all(self.old in (None, read(file)) for file in self.files))

    def is_finished(self):
        """The kill came behind the last step, the removal of the journal: there is nothing to resume,
        and a new start finds its result in the way."""
        return (self.status == -signal.SIGKILL and not self.journal.exists()
                and all(read(file) not in ("", self.old) for file in self.files))

    def is_whole(self):
        """Each result, after a kill: an old file or a whole one, nothing in between."""
        return all(self.is_old_or_whole(file) for file in (*self.files, self.file))

    def is_old_or_whole(self, file):
        text = read(file)
        if text in ("", self.old):
            return text != "" or not file.exists()
        with contextlib.suppress(ValueError):
            return "benchmarks" in json.loads(text)
        return False
