"""What other packages add to the program `forkcost`. This one only reads files; what boots kernels
and measures is the laboratory's (ci/lab). A package adds by a module of its own in the namespace
package `forkcost_plugins`, which may say:

COMMANDS      click commands
MEASUREMENTS  {what is asked for: function that gives a context manager of result files, which are
              measured now}"""

import importlib
import pkgutil
import traceback

import click

from forkcost.errors import ForkcostError, NoAnswer, say

# Known by name only to say where they come from. git bisect takes a status from 1 to 127 for a bad
# kernel, so a step that cannot be made ends the bisection.
_OF_THE_LABORATORY = {"kernels": NoAnswer.exit_status, "bisect-step": 128,
                      "resolution": NoAnswer.exit_status}
WHERE = ("the laboratory adds that, and is not installed: build the suite (ci/bench.sh) and call "
         "its bin/forkcost, or install the package in ci/lab beside this one")


class Missing(ForkcostError):
    """Nobody added what was asked for."""

    def __init__(self, what, exit_status=NoAnswer.exit_status):
        super().__init__(f"{what}: {WHERE}")
        self.exit_status = exit_status


class Group(click.Group):
    """A group with the commands that were added to it."""

    def list_commands(self, ctx):
        return sorted({*super().list_commands(ctx), *_commands()})

    def get_command(self, ctx, name):
        """What is ours needs no other package, not even one that is broken."""
        ours = super().get_command(ctx, name)
        if ours:
            return ours
        try:
            return _commands().get(name) or _missing(name)
        except Exception:  # of another package: whatever it is
            say(traceback.format_exc().rstrip())
            ctx.exit(_OF_THE_LABORATORY.get(name, NoAnswer.exit_status))

    def format_epilog(self, ctx, formatter):
        super().format_epilog(ctx, formatter)
        if not _OF_THE_LABORATORY.keys() <= _commands().keys():
            with formatter.section("More commands"):
                formatter.write_text(f"{', '.join(_OF_THE_LABORATORY)}: {WHERE}.")


def measurement(what):
    """The function that measures what is asked for. Raises Missing."""
    for module in _modules():
        if what in getattr(module, "MEASUREMENTS", {}):
            return module.MEASUREMENTS[what]
    raise Missing(what)


def _commands():
    return {command.name: command for module in _modules()
            for command in getattr(module, "COMMANDS", ())}


def _missing(name):
    """A command in place of one that nobody added; None where it is not one that we know of."""
    if name not in _OF_THE_LABORATORY:
        return None

    def missing(**_):
        raise Missing(name, _OF_THE_LABORATORY[name])
    return click.Command(name, callback=missing, add_help_option=False, params=[
        click.Argument(["words"], nargs=-1, type=click.UNPROCESSED)],
        context_settings={"ignore_unknown_options": True})


def _modules():
    try:
        import forkcost_plugins
    except ModuleNotFoundError:
        return []
    return [importlib.import_module(f"forkcost_plugins.{found.name}")
            for found in pkgutil.iter_modules(forkcost_plugins.__path__)]
