"""Reads the files of one side of a comparison: runs of one thing, whose rounds add up."""

from collections import defaultdict
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from forkcost import functions, load, reader, units
from forkcost.compare.result import Side
from forkcost.errors import InputError, NoAnswer
from forkcost.quantity import Quantity

FILES_ARE_UNITS = 3  # so many files (boots, runs) of a side are what is replicated, not rounds
BOOT = "boot"  # a label: which boot of a kernel, from 1
EXACT = "exact"
COUNTED = ("parent", "child", "family")  # whose instructions


@dataclass(frozen=True)
class Files:
    """A side. `documents`: the files, checked; `schemas`: as they say (a newer one only where that
    was forced); `runs`: one per file."""

    label: str
    paths: tuple
    documents: tuple
    schemas: tuple
    runs: tuple

    @property
    def context(self):
        return self.runs[0].context

    @cached_property
    def quantities(self):
        """As Run has them, of all files."""
        return {name: row for run in reversed(self.runs) for name, row in run.quantities.items()}

    @property
    def google(self):
        """Google Benchmark's own context."""
        return self.documents[0]["context"]

    @property
    def mode(self):
        """`exact`, `tcg`, `kvm` or `host`."""
        return self.context.get("laboratory", {}).get("mode", "host")

    @property
    def sessions(self):
        """[(session, side)] per file; None for one that was not interleaved."""
        found = [run.context.get("run", {}).get("interleaved") for run in self.runs]
        return [f and (f.get("session"), f.get("side")) for f in found]

    @property
    def boots(self):
        """Which boot of a machine each file was measured in; None where it does not say. One of the laboratory
        has booted for each, with the same chance in mode exact, so that their ids are one."""
        return [run.context.get("environment", {}).get("kernel", {}).get("boot_id") if self.mode == "host"
                else path for path, run in zip(self.paths, self.runs)]

    @cached_property
    def cases(self):
        """name -> {file's index: Case}."""
        found = defaultdict(dict)
        for index, run in enumerate(self.runs):
            for name, case in run.cases.items():
                found[name][index] = case
        return dict(found)

    @cached_property
    def joined(self):
        """All files as one Run."""
        if len(self.runs) == 1:
            return self.runs[0]
        return load.assemble(self.paths, self.documents, self.runs[0].groups)

    def unmeasured(self, status):
        """name -> [reasons], one per round without figures."""
        found = defaultdict(list)
        for run in self.runs:
            for entry in run.unmeasured:
                if entry["outcome"]["status"] == status:
                    found[entry["name"]].append(entry["outcome"].get("reason", "no reason given"))
        return dict(found)

    def observed(self, name):
        """quantity -> Quantity of a case over all files, with the instructions that were counted."""
        found = defaultdict(dict)
        for index, case in self.cases[name].items():
            for quantity, of_file in _quantities(case).items():
                found[quantity][index] = of_file
        return {q: Quantity.joined(q, of_files) for q, of_files in found.items()}

    @property
    def side(self):
        environment = self.context.get("environment", {})
        machine, run = environment.get("machine", {}), self.context.get("run", {})
        suite, laboratory = self.context.get("suite", {}), self.context.get("laboratory", {})
        boots = 0 if None in self.boots else len(set(self.boots))
        rounds = [len(case.entries) for files in self.cases.values() for case in files.values()]
        said = [*(f"{name}={value}" for name, value in run.get("label", {}).items() if name != BOOT),
                laboratory.get("kernel"), environment.get("kernel", {}).get("release"),
                self._of_boots(boots), machine.get("cpu_model"),
                "CPUs: " + str(machine.get("cpus_online", self.google.get("num_cpus", "?"))),
                f"suite {suite.get('version', '?')} ({suite.get('revision', '?')})" if suite
                else run.get("program"),
                f"preset {run['preset']}" if run.get("preset") else None,
                None if boots > 1 else units.many([len(self.paths)], "file"),
                units.many(sorted({min(rounds), max(rounds)}), "round") if rounds else "no round",
                self._disturbed()]
        return Side(self.label, self.paths, ", ".join(dict.fromkeys(s for s in said if s)), boots)

    def _of_boots(self, boots):
        """Early in the line, as a screen may cut it off."""
        if boots > 1:
            return f"{boots} boots" if boots == len(self.paths) else f"{len(self.paths)} files of {boots} boots"
        return None

    def _disturbed(self):
        marks = [entry["conditions"].get("disturbed", False) for document in self.documents
                 for entry in document["benchmarks"] if "conditions" in entry]
        return f"{units.percent(np.mean(marks))} of rounds disturbed" if marks else None


def _quantities(case):
    found = dict(case.quantities)
    events = getattr(case.counters, "events", {})
    for event in (e for name, e in events.items() if name.startswith("instructions")):
        found |= {f"{event.name} {who}": quantity for who in COUNTED
                  if (quantity := getattr(event, who)) is not None}
    return found


def read(label, paths, force=False):
    """The Files of a side; a directory stands for its result files. Raises InputError, NoAnswer."""
    paths = tuple(path for given in paths for path in _expanded(Path(given)))
    resolved = [path.resolve() for path in paths]
    for path in paths:
        if resolved.count(path.resolve()) > 1:
            raise InputError(f"{path}: is given twice for '{label}', its rounds would count twice: "
                             "name it once")
    groups = functions.read()
    documents, schemas, runs = [], [], []
    for path in paths:
        with load.understood([path]):
            document, schema = _document(path, force)
            documents.append(document)
            schemas.append(schema)
            runs.append(load.assemble([path], [document], groups))
    files = Files(label, paths, tuple(documents), tuple(schemas), tuple(runs))
    for what, of in (("machine or kernel", lambda run: run.machine), ("laboratory", lambda run:
                     str(run.context.get("laboratory", {}).get("mode")))):
        for run in runs[1:]:
            load.must_match(what, (run.paths[0], of(run)), (runs[0].paths[0], of(runs[0])))
    return files


def _expanded(path):
    if not path.is_dir():
        return [path]
    found = reader.files_in(path)
    if not found:
        raise InputError(f"{path}: has no *.json: give a directory with result files")
    return found


def _document(path, force):
    """(a checked document, the schema it names)."""
    try:
        return reader.read(path, foreign=True, force=force)
    except reader.Newer as error:
        raise NoAnswer(f"{error}, or --force to read it as far as that goes") from error
