"""The program `forkcost`. Exit status: 0 fine, 1 a regression, 2 the call or its input is wrong, or
a file or the output cannot be used, 3 the input cannot answer what was asked, or the program is at
fault (with a traceback)."""

import io
import os
import signal
import sys
import traceback
from pathlib import Path

import click
from rich.console import Console

from forkcost import __version__, plugins, units
from forkcost.compare import formats
from forkcost.errors import ForkcostError, InputError, NoAnswer, give_up, say

_FILES = click.Path(path_type=Path)
_FUNCTIONS = click.option("--functions", "table", type=_FILES, metavar="FILE.toml",
                          help="Group kernel functions by this table, not by ours.")


class _Program(plugins.Group):
    """Turns errors into a line on stderr and their exit status. Python's own status for what nobody
    caught, and click's for an interrupt or a closed pipe, is 1: here a regression, so none of them
    may end us."""

    def main(self, args=None, prog_name=None, **extra):
        for name in ("stdout", "stderr"):
            if getattr(sys, name) is None:  # it was closed when we were started
                setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))
        sys.exit(_written(self._status(sys.argv[1:] if args is None else args, prog_name, extra)))

    def _status(self, args, prog_name, extra):
        try:
            with self.make_context(prog_name, list(args), **extra) as context:
                self.invoke(context)
        except click.exceptions.Exit as end:
            return end.exit_code
        except SystemExit as end:
            return end.code or 0
        except click.ClickException as error:
            return _explained(error)
        except ForkcostError as error:
            say(f"forkcost: {error}")
            return error.exit_status
        except (KeyboardInterrupt, click.Abort):
            _die_of(signal.SIGINT)
        except (OSError, UnicodeError) as error:
            return _unusable(error)
        except Exception:
            say(traceback.format_exc().rstrip())
            return NoAnswer.exit_status
        return 0


def _explained(error):
    """The exit status of what click does not understand, which is said."""
    with io.StringIO() as text:
        error.show(text)
        say(text.getvalue().rstrip())
    return error.exit_code


def _unusable(error):
    """The exit status for an error of the system that nobody foresaw, which is said."""
    if isinstance(error, BrokenPipeError):
        _die_of(signal.SIGPIPE)
    if isinstance(error, UnicodeEncodeError):
        said = (f"the output cannot be written in the encoding {error.encoding}: set "
                "PYTHONIOENCODING=utf-8, or write it to a file with -o")
    elif isinstance(error, OSError):
        said = (f"{getattr(error, 'filename', None) or 'the output'}: cannot be used: "
                f"{error.strerror or error}: give another path, or make room")
    else:
        said = str(error)
    say(f"forkcost: {said}")
    return InputError.exit_status


def _written(status):
    """The status, once all output is out: what is left in the buffer can fail too."""
    try:
        sys.stdout.flush()
    except OSError as error:
        give_up(sys.stdout)
        return status if status > 1 else _unusable(error)
    return status


def _die_of(number):
    """As a program that has no handler: a shell that runs a script then ends it too."""
    signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)


def _put(text, output):
    """The text on stdout, or in a file whose path is said."""
    from forkcost.files import write_whole

    if output is None:
        sys.stdout.write(text)
    else:
        write_whole(output, text)
        click.echo(output)


@click.group(cls=_Program, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="forkcost")
def main():
    """Analyse result files, which forkcost-run writes."""


@main.command()
@click.argument("runs", nargs=-1, required=True, type=_FILES, metavar="RUN.json...")
@click.option("-o", "--output", type=_FILES, default="report", show_default=True, metavar="DIR",
              help="Directory of the report; made if it is not there.")
@_FUNCTIONS
def report(runs, output, table):
    """Make one HTML page with all figures of a run.

    Several files of one machine and kernel are put together. The last line printed is the path of
    the page."""
    from forkcost import load, report as page  # drawing takes a second to import: not for --help

    page.available(output)
    run = load.load(runs, table)
    status = Console(stderr=True).status("")

    def progress(what):
        status.update(f"making: {what}")
        status.start()  # its thread must not be there when processes are forked, which is before

    try:
        index = page.write(run, output, progress)
    finally:
        status.stop()
    for status_name in ("failed", "skipped"):
        found = run.outcomes(status_name)
        if found:
            click.echo(f"{units.many([len(found)], 'case')} {status_name}: the report gives the "
                       "reasons")
    click.echo(index)


@main.command()
@click.argument("runs", nargs=-1, required=True, type=_FILES, metavar="RUN.json...")
@click.option("-o", "--output", type=_FILES, metavar="FILE.md", help="Write here, not to stdout.")
def estimators(runs, output):
    """Find the estimator that repeats best, per quantity.

    Needs three or more runs of the same preset on one machine."""
    from forkcost import estimators as table, load

    _put(table.markdown(table.compare([load.load([path]) for path in runs])), output)


@main.command()
@click.argument("run", type=_FILES, metavar="RUN.json")
@click.argument("cases", default="", metavar="[CASE-REGEX]")
@click.option("--top", type=click.IntRange(1), metavar="N",
              help="So many functions per case.  [default: 20; with --json all]")
@click.option("--json", "as_json", is_flag=True, help="JSON for programs.")
@_FUNCTIONS
def functions(run, cases, top, as_json, table):
    """Show the kernel functions that a case's time is spent in.

    Needs a run with profiles (forkcost-run --profile). Prints the groups of functions, then the
    functions, of every case whose name has CASE-REGEX in it. User code is one line per image."""
    from forkcost import functions_output as output, load

    loaded = load.load([run], table)
    found = output.chosen(loaded, cases)
    if as_json:
        sys.stdout.write(output.as_json(found, loaded.groups, top))
    else:
        output.show(found, loaded.groups, Console(width=None if sys.stdout.isatty() else 100),
                    top or output.TOP)


@main.command()
@click.argument("runs", nargs=-1, type=_FILES, metavar="[RUN.json...]")
@click.option("--run", "measured", is_flag=True,
              help="Measure now what the claims need, with forkcost-run.")
@click.option("--preset", metavar="NAME",
              help="With --run: forkcost-run's preset.  [default: quick]")
@click.option("--save", type=_FILES, metavar="FILE", help="With --run: keep the result file.")
@click.option("-o", "--output", type=_FILES, metavar="FILE", help="Write here, not to stdout.")
@click.option("--format", "form", type=click.Choice(["text", "json", "ktap"]), default="text",
              show_default=True)
def claims(runs, measured, preset, save, output, form):
    """Test what people say about fork, copy-on-write and shared code.

    Prints each claim with its evidence and its verdict: holds; holds, but (with the limit that was
    found); does not hold here; not testable here (with the reason). Needs result files or --run.
    Exit status 0 when at least one claim was tested, whatever came out; 3 when none could be."""
    if bool(runs) == measured:
        raise InputError("give either result files (forkcost claims RUN.json) or --run, which "
                         "measures now" + (": not both" if runs else ""))
    if not measured and (preset or save):
        raise InputError("--preset and --save are about measuring: they need --run")
    from forkcost import load
    from forkcost.claims import formats as forms, judge

    if measured:
        with plugins.measurement("claims --run")(preset or "quick", save) as path:
            judged = judge(load.load([path]))
    else:
        judged = judge(load.load(runs))
    if output is None and form == "text" and sys.stdout.isatty():
        forms.show(judged, Console())
    else:
        _put(forms.made(judged, form), output)
    if not any(j.testable for j in judged):
        raise NoAnswer("no claim could be tested: the reasons are given above"
                       if output is None else
                       f"no claim could be tested: the reasons are in {output}")


@main.command()
@click.argument("files", nargs=-1, required=True, metavar="[LABEL=]FILE...")
@click.option("--base-label", metavar="LABEL", help="The side that others are compared with.  "
              "[default: the first]")
@click.option("--threshold", metavar="3%",
              help="The smallest change worth telling, for all quantities.  [default: 1%]")
@click.option("--thresholds", "table", type=_FILES, metavar="FILE.toml",
              help="The same by quantity: this table, not ours.")
@click.option("--quantity", default="", metavar="REGEX", help="Only these quantities.")
@click.option("--case", default="", metavar="REGEX", help="Only these cases.")
@click.option("--alpha", metavar="1%",
              help="The chance of status 1 although nothing changed.  [default: 1%; of executed "
                   "instructions 5%]")
@click.option("--noise", type=_FILES, metavar="FILE.json",
              help="What runs of this machine differ by, as forkcost aa wrote it.  [default: "
                   "forkcost-noise.json beside the files]")
@click.option("--accept", type=_FILES, metavar="FILE.toml",
              help="Known changes, which are told and give no status 1.")
@click.option("--all", "everything", is_flag=True,
              help="Status 1 also for what moved outside the core.")
@click.option("--strict", is_flag=True, help="Treat unclear results of the core as regressions.")
@click.option("--force", is_flag=True, help="Compare runs that are not comparable.")
@click.option("--explain", is_flag=True,
              help="Show counters and kernel functions that moved, where both sides have them.")
@click.option("--format", "form", default="text", show_default=True,
              type=click.Choice(formats.NAMES))
@click.option("-o", "--output", type=_FILES, metavar="FILE", help="Write here, not to stdout.")
@click.pass_context
def compare(ctx, files, base_label, threshold, table, quantity, case, alpha, noise, accept, everything,
            strict, force, explain, form, output):
    """Did it change? A verdict for each case and quantity of two sides.

    Give OLD.json NEW.json; or LABEL=FILE for each file, with as many files per label as there are
    runs of the same thing, and as many labels as there are things: the first is the base. A
    directory stands for its *.json. Google Benchmark's own files will do.

    The core decides: the cases that the files mark as such, or those that --case, or the runs'
    --filter, selected. Primary quantities of other cases decide from 20% on; everything else is
    told. Between runs, not --interleave, what all cases moved together is judged by itself, by what
    runs of the machine differ by (forkcost aa).

    Exit status: 0 no regression, 1 a regression, 2 bad input, 3 the sides cannot be compared or
    have nothing in common."""
    from forkcost.compare import accept as known, engine, thresholds

    limits = thresholds.read(table, None if threshold is None else thresholds.parsed(threshold))
    error = None if alpha is None else thresholds.parsed(alpha)
    if error is not None and error >= 0.5:
        raise InputError(f"--alpha {alpha}: is the chance of a false alarm; give less than 50%")
    found, without = engine.comparisons(
        files, base_label, limits, case=case, quantity=quantity, force=force, explained=explain,
        alpha=error, known_noise=noise, everything=everything,
        accepted=known.read(accept) if accept else ())
    _put(formats.document(form, found, strict), output)
    if without:
        raise NoAnswer("\n".join(without))
    ctx.exit(max(c.exit_status(strict) for c in found))


@main.command()
@click.argument("runs", nargs=-1, type=_FILES, metavar="[RUN.json...]")
@click.option("--preset", metavar="NAME",
              help="Without files: forkcost-run's preset.  [default: gate]")
@click.option("--runs", "count", type=click.IntRange(3), metavar="N",
              help="Without files: so many runs, one after the other.  [default: 10]")
@click.option("-o", "--output", type=_FILES, metavar="FILE.json", help="Write here, not to stdout.")
def aa(runs, preset, count, output):
    """Measure what runs of the same thing on this machine differ by.

    Of result files, or without any by measuring now. compare takes it into account where it lies
    beside the files that are compared, by the name forkcost-noise.json, or by --noise."""
    from forkcost.compare import aa as noise

    if runs and (preset or count):
        raise InputError("--preset and --runs are about measuring: give them without files")
    if runs:
        found = noise.of_files(runs)
    else:
        with plugins.measurement("aa without files")(preset or "gate", count or 10) as measured:
            found = noise.of_files(measured)
    click.echo(noise.says(found), err=True)
    _put(noise.text(found), output)
