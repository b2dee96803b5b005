"""One self-contained HTML page of a run, and its figures as SVG and PNG."""

import itertools
import os
import shlex
from pathlib import Path

import jinja2
from markupsafe import Markup

from forkcost import (__version__, answers, counters, files, functions, functions_output,
                      library_answers, processes, titles, units)
from forkcost.claims import judge
from forkcost.claims.formats import summary
from forkcost.errors import InputError, NoAnswer
from forkcost.load import Looks
from forkcost.plots import FIGURES, SECTIONS, common
from forkcost.plots.claims import bars

_COLUMNS = ("min", "p50", "p90", "p99", "max")


def write(run, directory, progress=lambda what: None):
    """Writes DIRECTORY/index.html and DIRECTORY/figures; returns the path of index.html.

    `progress` is called with what is being made. Everything is made in a directory beside the
    target first, index.html moves last: a failure leaves no half page. Raises InputError (the
    target cannot be written), NoAnswer (the run has no figures).
    """
    if not run.cases:
        raise NoAnswer(f"{run.paths[0]}: no case was measured ({_why(run)}): see the reasons in "
                       "`unmeasured`, or run forkcost-run --doctor")
    directory = Path(directory)
    try:
        directory.mkdir(parents=True, exist_ok=True)
        with files.scratch_directory(directory) as scratch:
            (scratch / "figures").mkdir()
            page = render(run, scratch / "figures", progress)
            (scratch / "index.html").write_text(page, encoding="utf-8")
            target = directory / "figures"
            target.mkdir(exist_ok=True)
            for stem in FIGURES:  # those of an older report must not stay beside the new page
                for suffix in (".svg", ".png"):
                    made = scratch / "figures" / (stem + suffix)
                    if made.exists():
                        os.replace(made, target / made.name)
                    else:
                        (target / made.name).unlink(missing_ok=True)
            os.replace(scratch / "index.html", directory / "index.html")
    except OSError as error:
        raise InputError(f"{directory}: cannot be written: {error.strerror}: give another "
                         "directory with -o") from error
    return directory / "index.html"


def _why(run):
    statuses = [status for status in ("skipped", "failed") if run.outcomes(status)]
    return " and ".join(f"{len(run.outcomes(s))} {s}" for s in statuses) or "none were tried"


def render(run, figure_directory, progress=lambda what: None):
    """The page as text; the figures go to `figure_directory`."""
    made, looks = _made(run, figure_directory, progress)
    progress("page")
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("forkcost"), autoescape=True, undefined=jinja2.StrictUndefined,
        trim_blocks=True, lstrip_blocks=True)
    environment.filters |= {"size": units.size, "called": titles.case}
    return environment.get_template("report.html.j2").render(
        version=__version__, run=run, sections=_sections(made), machine=_machine(run),
        commands=_commands(run), settings=_settings(run), columns=_COLUMNS,
        in_no_figure=run.in_no_figure(looks), percent=units.percent, many=units.many, number=units.number,
        **{name: made[name] for name in _PARTS})


def _answers(run):
    """Whether the run can be trusted comes last."""
    *first, trust = answers.answers(run)
    return [*first, *library_answers.answers(run), trust]


def _made(run, directory, progress):
    """{stem: figure for the page} of FIGURES and {name: value} of _PARTS; and the Looks of all."""
    run.table  # of which all are made: once, not in each process

    jobs = {stem: (title, lambda stem=stem, draw=draw: _figure(draw(run), stem, directory))
            for stem, (title, draw) in FIGURES.items()}
    jobs |= {name: (name, lambda part=part: part(run)) for name, part in _PARTS.items()}
    titles, works = zip(*jobs.values())
    made = processes.spread(lambda i: (works[i](), run.looks), len(works),
                            lambda i: progress(titles[i]))
    looks = Looks()
    for _, of_process in made:
        looks.add(of_process)
    return dict(zip(jobs, (found for found, _ in made))), looks


def _figure(drawing, stem, directory):
    if isinstance(drawing, str):
        return {"absent": drawing}
    svg = common.save(drawing, stem, directory)
    return {"svg": Markup(svg), "message": drawing.message, "basis": drawing.basis}


def _sections(made):
    """Title -> the section's figures, numbered on from section to section; none of them has an
    `svg` where the run has nothing for any."""
    numbers = itertools.count(1)
    return {heading: [{"stem": stem, "title": title, "number": next(numbers)} | made[stem]
                      for stem, (title, _) in entries.items()]
            for heading, entries in SECTIONS.items()}


def _claims(run):
    """For the section "what is shared": `groups`: [(heading, [(Judged, its picture or None)])] of
    the claims that the run could test; `untested`: [(reason, [ids])]; `summary`: one line."""
    judged = judge(run)
    groups, untested = {}, {}
    for j in judged:
        if j.testable:
            picture = Markup(bars(j.picture)) if j.picture else None
            groups.setdefault(j.group, []).append((j, picture))
        else:
            untested.setdefault(j.reason, []).append(j.id)
    return {"groups": list(groups.items()), "untested": list(untested.items()),
            "count": sum(map(len, untested.values())), "summary": summary(judged)}


def _why_it_costs(run):
    """For the section of that name: `tables` and `missing` of the counters; `profile`: how it was
    taken, or why there is none; `cases`: counters and kernel functions case by case."""
    tables, missing = counters.tables(run)
    sampled = functions.sampled(run)
    profile = (functions.statement(sampled) if sampled else
               f"No kernel functions: {functions.why_none(run.cases.values())}.")
    return {"tables": tables, "missing": missing, "profile": profile,
            "cases": functions_output.page(run)}


def _machine(run):
    """One line for the captions: CPU, kernel."""
    environment = run.context.get("environment", {})
    machine = environment.get("machine", {})
    parts = [machine.get("cpu_model"), f"{machine['cpus_online']} CPUs" if "cpus_online" in machine
             else None, f"under {machine['hypervisor']}" if machine.get("hypervisor") not in
             (None, "", "none") else None,
             f"Linux {environment['kernel']['release']}" if "release" in
             environment.get("kernel", {}) else None]
    return ", ".join(str(p) for p in parts if p) or "a machine that the file does not describe"


def _commands(run):
    """The commands that made the run, for a shell."""
    made = (c.get("run", {}).get("command") or [] for c in run.contexts)
    return [shlex.join(str(word) for word in command) for command in made if command]


def _settings(run):
    """[(group, [(name, text)])]: all that the file says about the set-up."""
    context = run.context
    groups = {name: context.get(name) for name in ("suite", "run", "clock")}
    groups["estimators"] = {name: row["estimator"] for name, row in run.quantities.items()}
    groups |= context.get("environment", {})
    return [(name, [(key, _text(key, value)) for key, value in group.items()])
            for name, group in groups.items() if isinstance(group, dict) and group]


def _text(key, value):
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, dict):
        return ", ".join(f"{k}: {v}" for k, v in value.items()) or "none"
    if isinstance(value, list):
        return " ".join(str(v) for v in value)
    if key.endswith("_bytes") and isinstance(value, (int, float)):
        return units.size(value) if value else "0"
    return str(value)


def _cases(run):
    """The table of all cases: {case: [((title, quantity), n, rounds, [figures], interval)]}."""
    found = {}
    for row in run.table.to_dict("records"):
        quantity = (titles.quantity(row["quantity"], run.quantities), row["quantity"])
        interval = "–"
        if row["low"] == row["low"]:
            words = {"ns": units.time_range, "bytes": units.amount_range}.get(row["unit"], units.number_range)
            interval = words(row["low"], row["high"])
        found.setdefault(row["name"], []).append((quantity, row["n"], row["rounds"], [
            units.value(row[c], row["unit"]) for c in _COLUMNS], interval))
    return found


# What the page has beside its figures, name -> how it is made.
_PARTS = {"claims": _claims, "answers": _answers, "loading": library_answers.tables,
          "why": _why_it_costs, "cases": _cases, "summaries": answers.summaries,
          "trust": answers.trusted}


def available(path):
    """Checks before any work that `path` can be the report's directory; raises InputError."""
    path = Path(path)
    if path.exists() and not path.is_dir():
        raise InputError(f"{path}: is a file, not a directory: give another one with -o")
    if path.is_dir() and not os.access(path, os.W_OK):
        raise InputError(f"{path}: cannot be written: Permission denied: give another directory "
                         "with -o")
