#!/usr/bin/env python3
"""Kills forkcost-run and its processes at random moments, and looks whether anything is left.

    kill_campaign.py --bin build/release/bin --kills 400 --seed 1 [--interleave] [--user NAME]

A victim is drawn for each kill: the runner, its process group, the keeper, a bench program, a
caretaker, another process of a case, or all of them at once. When the dust has settled no process,
file, mount, huge page pool or setting may differ from before; then `--resume` (which may be killed
in its turn) has to finish with every round that the journal held. Scratch directories that a kill of
everything left are for the next run to remove.

A bench program by itself, without the runner, is a victim too: then its children are on their own.

Everything that the programs start is a descendant of this process, as it is a subreaper: nobody
else's process is looked at or killed. As root it works in a mount namespace of its own, with a
/var/tmp and a /dev/shm (and a /tmp, unless the programs are there) that nobody else writes to; with
--user everything in it runs as that user, and all scratch files are theirs.

With --interleave each run is of two builds in turns: the programs, and a copy of them.

Exit status: 0 nothing was left; 1 something was; 2 the call is wrong; 3 it cannot be tried here.
"""

import argparse
import collections
import contextlib
import ctypes
import getpass
import json
import os
import pathlib
import pwd
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

from kill_run import ALONE, BAD_NEWS, CANNOT, CASES, ROUNDS, VICTIMS, Run
from kill_traces import machine, read

PR_SET_CHILD_SUBREAPER = 36
TMPFS = "forkcost-kills"  # what the mounts of our own are called

# Cases that make files, mounts, servers, daemons, or change a setting; small ones of them.
POOL = (r"^exec/image:script", r"^exec/.*path-dirs:16", r"^share/.*files:copies",
        r"^share/.*files:(hard-links|symlinks)", r"^share/.*files:bind-mounts",
        r"^share/.*files:forks", r"^share/what:file/", r"^zygote/path:fork-server",
        r"^spawn/path:fork-server", r"^switch/between:(forked|exec)/", r"^fork/path:fork/",
        r"^claim/id:text-", r"^claim/.*overcommit:1", r"^load/")
TOO_LARGE = re.compile(r"GiB|MiB/.*MiB|heap:(64|256)MiB|processes:(16|64)|args:1MiB|reflinks|text-64")
OF_EACH = 3


def cannot(why):
    print(f"kill_campaign.py: {why}", file=sys.stderr)
    sys.exit(CANNOT)


class Campaign:
    def __init__(self, options, work, private):
        self.bin, self.work, self.private = options.bin.resolve(), work, private
        self.kills, self.seed = options.kills, options.seed
        self.hits, self.left = collections.Counter(), collections.Counter()
        self.before = machine(private)
        self.other_side = self.copy_suite() if options.interleave else None
        self.choose_cases()

    def copy_suite(self):
        copy = self.work / "copy"
        for part in ("bin", "libexec"):
            shutil.copytree(self.bin.parent / part, copy / part)
        return copy

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
            if not fitting:
                cannot(f"{self.bin} has no case {pattern}, which this is about")
            chosen += rng.sample(fitting, min(OF_EACH, len(fitting)))
        self.programs = {case: listed[case] for case in chosen}
        # Once without a kill: how long it takes, and what can be measured here.
        trial = Run(self, self.work / "trial", rng, is_trial=True)
        begun = time.monotonic()
        trial.end(trial.start())
        if trial.status not in (0, BAD_NEWS):
            print(trial.output, file=sys.stderr)
            sys.exit(CANNOT)
        document = json.loads(trial.files[0].read_text())
        measured = {e["name"] for e in document["benchmarks"]}
        self.programs = {case: listed[case] for case in measured}
        if len(self.programs) < CASES:
            cannot(f"only {len(self.programs)} of {len(chosen)} cases can be measured here")
        self.seconds_to_begin = 0.4
        self.seconds_per_case = max(time.monotonic() - begun - self.seconds_to_begin, 0.1) / (
            ROUNDS * len(self.programs) * len(trial.files))
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
            rng = random.Random(f"{self.seed}.{number}")
            is_alone = rng.random() < VICTIMS[ALONE] / sum(VICTIMS.values())
            run = Run(self, place, rng, is_alone=is_alone)
            (self.alone if is_alone else self.one)(run, f"run {number}")
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
            ended = run.is_finished() or (run.status != -signal.SIGKILL
                                          and not (struck and run.could_not_list()))
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
    places = ["/var/tmp", "/dev/shm", "/tmp"]
    programs = options.bin.resolve()
    places = [p for p in places if os.path.isdir(p) and pathlib.Path(p) not in programs.parents]
    for place in places:
        subprocess.run(["mount", "-t", "tmpfs", "-o", "mode=1777", TMPFS, place], check=True)


def has_own_tmp():
    return any(line.startswith(f"{TMPFS} /tmp ") for line in read("/proc/self/mounts").splitlines())


def become(user):
    """By an exec: a process that only changes its user may not be looked at by that user."""
    words = ["setpriv", "--reuid", user.pw_name, "--regid", str(user.pw_gid), "--init-groups",
             "--inh-caps", "-all", "--bounding-set", "-all", sys.executable, __file__, *sys.argv[1:]]
    os.execvp("setpriv", words)


def put_back(before):
    """What a kill left changed must not stay so on this machine."""
    for file, value in before["settings"].items():
        if read(file) != value:
            with contextlib.suppress(OSError):
                words = re.findall(r"\[(.*?)\]", value)
                pathlib.Path(file).write_text(words[0] if words else value)


def find_user(parser, name):
    if name is None:
        return None
    try:
        user = pwd.getpwnam(name)
    except KeyError:
        parser.error(f"--user {name}: there is no such user; `getent passwd` lists them")
    if os.geteuid() not in (0, user.pw_uid):
        parser.error(f"--user {name}: only root can become another user")
    return user


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bin", type=pathlib.Path, required=True, help="where forkcost-run is")
    parser.add_argument("--kills", type=int, default=40)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--interleave", action="store_true", help="kill runs of two builds in turns")
    parser.add_argument("--user", help="run everything as this user; needs root")
    parser.add_argument("--private", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    user = find_user(parser, options.user)
    in_own_namespace(options)
    if os.geteuid() == 0:
        if options.private:
            mount_private(options)
        if user:
            become(user)
    if not os.access(options.bin / "forkcost-run", os.X_OK):
        parser.error(f"--bin {options.bin}: there is no forkcost-run that "
                     f"{getpass.getuser()} may start")
    private = has_own_tmp()
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
    print(f"{total} kills{' of interleaved runs' * options.interleave} by {getpass.getuser()} in "
          f"{time.monotonic() - begun:.0f} s (seed {options.seed}): {left} left something")
    return BAD_NEWS if left else 0


if __name__ == "__main__":
    sys.exit(main())
