"""The program `forkcost`. Exit status: 0 fine, 2 the call or its input is wrong, 3 the input cannot
answer what was asked."""

import sys
from pathlib import Path

import click
from rich.console import Console

from forkcost import __version__, units
from forkcost.errors import ForkcostError

_FILES = click.Path(path_type=Path)


class _Command(click.Group):
    """Turns our errors into a line on stderr and their exit status."""

    def invoke(self, ctx):
        try:
            return super().invoke(ctx)
        except ForkcostError as error:
            click.echo(f"forkcost: {error}", err=True)
            ctx.exit(error.exit_status)


@click.group(cls=_Command, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="forkcost")
def main():
    """What forkcost's result files mean. They are written by forkcost-run."""


@main.command()
@click.argument("runs", nargs=-1, required=True, type=_FILES, metavar="RUN.json...")
@click.option("-o", "--output", type=_FILES, default="report", show_default=True, metavar="DIR",
              help="Directory of the report; made if it is not there.")
def report(runs, output):
    """Make one HTML page with all figures of a run.

    Several files of one machine and kernel are put together. The last line printed is the path of
    the page."""
    from forkcost import load, report as page  # drawing takes a second to import: not for --help

    page.available(output)
    run = load.load(runs)
    console = Console(stderr=True)
    with console.status("") as status:
        index = page.write(run, output, lambda what: status.update(f"making: {what}"))
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

    text = table.markdown(table.compare([load.load([path]) for path in runs]))
    if output is None:
        sys.stdout.write(text)
        return
    table.write(text, output)
    click.echo(output)
