#!/usr/bin/env python3
"""Kills forkcost-run and its processes at random moments, and looks whether anything is left.

    kill_campaign.py --bin build/release/bin --kills 400 --seed 1

A victim is drawn for each kill: the runner, its process group, the keeper, a bench program, a
caretaker, another process of a case, or all of them at once. When the dust has settled no process,
file, mount, huge page pool or setting may differ from before; then `--resume` (which may be killed
in its turn) has to finish with every round that the journal held. Scratch directories that a kill of
everything left are for the next run to remove.

A bench program by itself, without the runner, is a victim too: then its children are on their own.

Everything that the programs start is a descendant of this process, as it is a subreaper: nobody
else's process is looked at or killed. As root it works in a mount namespace of its own, with a
/var/tmp and a /dev/shm (and a /tmp, unless the programs are there) that nobody else writes to.

Exit status: 0 nothing was left; 1 something was; 2 the call is wrong; 3 it cannot be tried here.
"""

import argparse
import collections
import contextlib
import ctypes
import glob
import json
import os
import pathlib
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

BAD_NEWS, USAGE, CANNOT = 1, 2, 3
PATIENCE = 60  # seconds until what is still there counts as left: the machine may be busy
ROUNDS = 2
PR_SET_CHILD_SUBREAPER = 36

# Cases that make files, mounts, servers, strangers, or change a setting; small ones of them.
POOL = (r"^exec/image:script", r"^exec/.*path-dirs:16", r"^share/.*files:copies",
        r"^share/.*files:(hard-links|symlinks)", r"^share/.*files:bind-mounts",
        r"^share/.*files:forks", r"^share/what:file/", r"^zygote/path:fork-server",
        r"^spawn/path:fork-server", r"^switch/between:processes", r"^fork/path:fork/",
        r"^claim/id:text-", r"^claim/.*overcommit:1", r"^load/")
TOO_LARGE = re.compile(r"GiB|MiB/.*MiB|heap:(64|256)MiB|processes:(16|64)|args:1MiB|reflinks|text-64")
OF_EACH = 3
CASES = 3  # of a run

VICTIMS = {"runner": 8, "group": 6, "bench program": 8, "keeper": 4, "caretaker": 4,
           "other process": 4, "everything": 4, "program alone": 8}
ALONE = "program alone"
SCRATCH = re.compile(r"forkcost-[0-9a-f]{6}-[0-9a-f]{8}-[0-9a-f]{4}")

SETTINGS = ("/proc/sys/vm/*", "/proc/sys/kernel/perf_event_*", "/proc/sys/kernel/kptr_restrict",
            "/proc/sys/kernel/randomize_va_space", "/sys/kernel/mm/hugepages/*/nr_*hugepages",
            "/sys/kernel/mm/transparent_hugepage/*", "/sys/kernel/mm/transparent_hugepage/*/enabled",
            "/sys/kernel/mm/ksm/run", "/sys/kernel/mm/lru_gen/enabled")
# What reads otherwise without anybody having set it, or does something when it is read.
NO_SETTINGS = {"drop_caches", "stat_refresh", "compact_memory"}


# Processes


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


# One run, from its start to its end, and the kills on the way


class Run:
    """`left` is what was left by a kill, in words."""

    def __init__(self, campaign, place, rng, is_trial=False):
        self.campaign, self.rng = campaign, rng
        self.tmp, self.out = place / "tmp", place / "out"
        self.tmp.mkdir(parents=True)
        self.out.mkdir()
        self.file, self.journal = self.out / "run.json", self.out / "run.json.journal"
        programs = sorted(campaign.programs)
        self.cases = programs if is_trial else rng.sample(programs, CASES)
        self.changes_settings = is_trial or rng.random() < 0.5
        self.old = "an older result" if not is_trial and rng.random() < 0.3 else None
        if self.old:
            self.file.write_text(self.old)
        self.kept = {}  # of (case, round): its process in the first journal that held it
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
                                        + self.campaign.seconds_to_begin)

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
        for line in read(self.journal).splitlines():
            with contextlib.suppress(ValueError):  # torn
                record = json.loads(line)
                if "entry" in record:
                    key = record["entry"]["name"], record["round"]
                    self.kept.setdefault(key, record["entry"].get("pid"))

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
                 if path not in (self.file, self.journal)]
        left += settled(lambda: differences(self.campaign.before, machine(self.campaign.private)))
        return left

    def lost(self):
        """What the finished run has not, in words."""
        if self.could_not_list():
            return []
        if self.status not in (0, BAD_NEWS):
            return [f"the run ended with {self.status}: {self.output[-600:]}"]
        if self.journal.exists() or [*self.tmp.iterdir()]:
            return ["the journal, or a file in TMPDIR, is there after the end"]
        document = json.loads(self.file.read_text())
        entries = document["benchmarks"] + document["unmeasured"]
        rounds = {(e["name"], e.get("repetition_index", 0)): e for e in entries}
        skipped = {e["name"] for e in entries if e.get("outcome", {}).get("status") == "skipped"}
        lost = [f"round {key} is missing" for key in
                ((case, i) for case in self.cases for i in range(ROUNDS))
                if key not in rounds and key[0] not in skipped]
        return lost + [f"round {key} was measured again, though the journal held it"
                       for key, pid in self.kept.items()
                       if key not in rounds or rounds[key].get("pid") != pid]

    def could_not_list(self):
        """A program was killed when it was asked for its cases: there is no run yet."""
        return (self.status == CANNOT and "--list-cases was killed by signal 9" in self.output
                and not self.journal.exists() and self.old in (None, read(self.file)))

    def is_whole(self):
        """Result and journal, after a kill: an old file or a whole one, nothing in between."""
        text = read(self.file)
        if text in ("", self.old):
            return text != "" or not self.file.exists()
        with contextlib.suppress(ValueError):
            return "benchmarks" in json.loads(text)
        return False


class Campaign:
    def __init__(self, options, work, private):
        self.bin, self.work, self.private = options.bin.resolve(), work, private
        self.kills, self.seed = options.kills, options.seed
        self.hits, self.left = collections.Counter(), collections.Counter()
        self.before = machine(private)
        self.choose_cases()

    def list_cases(self):
        """The program of each case."""
        programs = {}
        for program in sorted(self.bin.glob("bench_*")):
            listed = subprocess.run([program, "--list-cases", "--preset", "full"], check=True,
                                    capture_output=True, text=True).stdout
            programs |= {case["name"]: program.name for case in json.loads(listed)["cases"]}
        return programs

    def choose_cases(self):
        listed = self.list_cases()
        rng = random.Random(self.seed)
        chosen = []
        for pattern in POOL:
            fitting = [c for c in listed if re.search(pattern, c) and not TOO_LARGE.search(c)]
            chosen += rng.sample(fitting, min(OF_EACH, len(fitting)))
        self.programs = {case: listed[case] for case in chosen}
        if len(self.programs) < 5 * CASES:
            sys.exit(f"kill_campaign.py: {self.bin} has not the cases that this is about")
        # Once without a kill: how long it takes, and what can be measured here.
        trial = Run(self, self.work / "trial", rng, is_trial=True)
        begun = time.monotonic()
        trial.end(trial.start())
        if trial.status not in (0, BAD_NEWS):
            print(trial.output, file=sys.stderr)
            sys.exit(CANNOT)
        document = json.loads(trial.file.read_text())
        measured = {e["name"] for e in document["benchmarks"]}
        self.programs = {case: listed[case] for case in measured}
        self.seconds_to_begin = 0.4
        self.seconds_per_case = max(time.monotonic() - begun - self.seconds_to_begin, 0.1) / (
            ROUNDS * len(self.programs))
        left = trial.look("nobody")
        if left:
            print("left without any kill:", *left, sep="\n  ", file=sys.stderr)
            sys.exit(BAD_NEWS)
        print(f"{len(self.programs)} cases of {len(listed)}, {self.seconds_per_case:.2f} s each",
              flush=True)

    def run(self):
        number = 0
        while (kills := sum(self.hits.values())) < self.kills:
            number += 1
            place = self.work / str(number)
            run = Run(self, place, random.Random(f"{self.seed}.{number}"))
            share = VICTIMS[ALONE] / sum(VICTIMS.values())
            (self.alone if run.rng.random() < share else self.one)(run, f"run {number}")
            shutil.rmtree(place)
            if sum(self.hits.values()) // 20 > kills // 20:
                print(f"{sum(self.hits.values())} kills, {sum(self.left.values())} left something",
                      flush=True)

    def judge(self, run, name, victim, moment, struck, left):
        """Whether all is well."""
        if not run.is_whole():
            left.append("a result file that is not whole")
        if struck:
            self.hits[victim] += 1
        if left:
            self.left[victim] += 1
            print(f"{name}, {victim} after {moment:.3f} s ({' '.join(run.cases)}):",
                  *left, sep="\n    ", flush=True)
        return not left

    def alone(self, run, name):
        moment = run.rng.uniform(0, self.seconds_per_case)
        process = run.start_alone()
        struck = run.strike(process, ALONE, moment)
        run.end(process)
        self.judge(run, name, ALONE, moment, struck, run.look(ALONE))

    def one(self, run, name):
        """Start and resume it, with a kill each time, until chance says that it may finish."""
        victim = None
        while True:
            process = run.start()
            spare = victim is not None and (
                run.rng.random() < 0.65 or sum(self.hits.values()) >= self.kills)
            victim, moment = ("nobody", 0) if spare else run.draw()
            struck = not spare and run.strike(process, victim, moment)
            run.end(process)
            run.remember_journal()
            left = run.look(victim)
            ended = run.status != -signal.SIGKILL and not (struck and run.could_not_list())
            if ended:
                left += run.lost()
            if not self.judge(run, name, victim, moment, struck, left) or ended:
                return


def in_own_namespace(options):
    """Never comes back where it can have one; the process that it becomes has --private."""
    if options.private or os.geteuid() != 0 or not shutil.which("unshare"):
        return
    if subprocess.run(["unshare", "-m", "true"], capture_output=True).returncode != 0:
        return
    os.execvp("unshare", ["unshare", "-m", "--propagation", "private", sys.executable, __file__,
                          *sys.argv[1:], "--private"])


def mount_private(options):
    """Whether /tmp is our own, too."""
    places = ["/var/tmp", "/dev/shm", "/tmp"]
    programs = options.bin.resolve()
    places = [p for p in places if os.path.isdir(p) and pathlib.Path(p) not in programs.parents]
    for place in places:
        subprocess.run(["mount", "-t", "tmpfs", "-o", "mode=1777", "forkcost-kills", place], check=True)
    return "/tmp" in places


def put_back(before):
    """What a kill left changed must not stay so on this machine."""
    for file, value in before["settings"].items():
        if read(file) != value:
            with contextlib.suppress(OSError):
                words = re.findall(r"\[(.*?)\]", value)
                pathlib.Path(file).write_text(words[0] if words else value)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bin", type=pathlib.Path, required=True, help="where forkcost-run is")
    parser.add_argument("--kills", type=int, default=40)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--private", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if not os.access(options.bin / "forkcost-run", os.X_OK):
        parser.error(f"--bin {options.bin}: there is no forkcost-run")
    in_own_namespace(options)
    private = mount_private(options) if options.private else False
    if ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
        sys.exit(CANNOT)
    begun = time.monotonic()
    # On a disk where there is one: on tmpfs nothing is put out of the page cache.
    work = pathlib.Path(tempfile.mkdtemp(prefix="kills-", dir=os.environ.get("TMPDIR")))
    try:
        campaign = Campaign(options, work, private)
        try:
            campaign.run()
        finally:
            put_back(campaign.before)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    total, left = sum(campaign.hits.values()), sum(campaign.left.values())
    for victim in VICTIMS:
        print(f"{victim:14} {campaign.hits[victim]:4} killed, {campaign.left[victim]:3} left something")
    print(f"{total} kills in {time.monotonic() - begun:.0f} s (seed {options.seed}): "
          f"{left} left something")
    return BAD_NEWS if left else 0


if __name__ == "__main__":
    sys.exit(main())
