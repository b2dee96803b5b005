"""The commands `kernels`, `bisect-step` and `resolution` of the program `forkcost`."""

import sys
import traceback
from pathlib import Path

import click

from forkcost.compare import formats
from forkcost.errors import ForkcostError, InputError, Interrupted, NoAnswer, say

_FILES = click.Path(path_type=Path)


def _say(text):
    say(f"forkcost: {text}")


def _of_laboratory(command):
    """The options that `kernels` and `bisect-step` share."""
    for option in reversed((
        click.option("--suite", type=_FILES, metavar="DIR", help="A suite that was built or "
                     "installed, for the kernels' architecture.  [default: this program's]"),
        click.option("--memory", default="1G", show_default=True, metavar="SIZE",
                     help="Of a guest."),
        click.option("--time-limit-s", type=click.FloatRange(1), default=600, show_default=True,
                     metavar="S", help="For one boot with all of its cases."))):
        command = option(command)
    return command


@click.command()
@click.option("--kernel", "named", multiple=True, required=True, metavar="LABEL=KERNEL",
              help="A bzImage or Image, a .deb, debian:PACKAGE, or host, the running kernel; or in "
                   "place of one what an earlier call wrote for it (DIR/LABEL, or a .json). The "
                   "first is what the others are compared with.")
@click.option("-o", "--output", type=_FILES, required=True, metavar="DIR",
              help="For DIR/LABEL/boot-N.json, with what the guest printed beside it, and for the "
                   f"comparison in each format: {', '.join(formats.artifacts())}.")
@click.option("--preset", metavar="NAME", help="forkcost-run's preset.")
@click.option("--filter", "pattern", metavar="REGEX", help="Only cases whose name this finds.  "
              "[default in mode exact: fork of four sizes, a COW fault, vfork, posix_spawn, three "
              "execs]")
@click.option("--heap", metavar="SIZES",
              help="These heap sizes in place of the preset's: 64MiB,66MiB")
@click.option("--rounds", type=click.IntRange(1), metavar="N",
              help="Processes of each case.  [default in mode exact: 3; else the preset's]")
@click.option("--boots", type=click.IntRange(1, 100), default=1, show_default=True, metavar="N",
              help="Of each kernel: what differs between boots is then part of the interval.")
@click.option("--until", "size", metavar="2%",
              help="In the modes of time: boots in turns until each figure of the core is known to be "
                   "the same, slower or faster at that size, at least 4 of each kernel and at most 40.")
@click.option("--max-time", type=click.FloatRange(0.1), metavar="MIN",
              help="With --until: no further boots after so many minutes.  [default: 10]")
@click.option("--mode", type=click.Choice(["auto", "exact", "kvm", "tcg"]), default="auto",
              show_default=True, help="exact: executed instructions, which repeat; kvm: time; "
              "auto: kvm where it works, else exact; tcg: time of an emulator.")
@click.option("--append", "appends", multiple=True, metavar="[LABEL:]ARGS",
              help="Added to the kernel's command line: new:mitigations=off")
@click.option("--sysctl", "sysctls", multiple=True, metavar="[LABEL:]KEY=VALUE",
              help="Set at boot: new:vm.overcommit_memory=2")
@click.option("--functions", "by_function", is_flag=True, help="In mode exact: which kernel "
              "functions execute the instructions that one kernel has more.")
@click.option("--strict", is_flag=True, help="Treat unclear results as regressions.")
@click.option("--format", "form", default="text", show_default=True,
              type=click.Choice(formats.NAMES), help="Of the comparison, on stdout.")
@_of_laboratory
def kernels(named, output, preset, pattern, heap, rounds, boots, size, max_time, mode, appends, sysctls,
            by_function, strict, form, suite, memory, time_limit_s):
    """Measure the same cases on several kernels, and compare.

    Each kernel is booted in QEMU (forkcost-boot), which takes no root and ends with this program.
    The same kernel twice, with another --append or --sysctl for one of them, compares two settings.
    A kernel that does not boot has the end of its console printed, and the others' results are
    kept. More can be asked of the files by forkcost compare LABEL=DIR/LABEL…

    Exit status: 0 no regression, 1 a regression, 2 the call or its input is wrong, 3 a kernel did
    not boot, or there is nothing to compare."""
    from forkcost_lab import laboratory
    from forkcost_lab.options import Measuring, find_suite, variants

    until = _until(size, max_time, boots)
    chosen, found = variants(named, appends, sysctls), find_suite(suite)
    if until and any(variant.stored for variant in chosen):
        raise InputError("--until boots all kernels in turns, and a stored result has no further "
                         "boots: name kernels alone")
    measuring = Measuring(mode, preset, pattern, heap, rounds, boots, memory, time_limit_s,
                          by_function)
    status = 0
    with laboratory.exclusive(output):
        results = laboratory.measure(chosen, found, measuring, output, _say, until)
        try:
            status = _compare(results.files, by_function, form, strict, output, until)
        except (InputError, NoAnswer) as error:
            results.failures.append(str(error))
            results.bad_call |= isinstance(error, InputError)
    _say(f"the results are in {output}")
    if results.failures:
        raise (InputError if results.bad_call else NoAnswer)("\n".join(results.failures))
    sys.exit(status)


def _until(size, max_time, boots):
    """The until.Until of these options, or None. Raises InputError."""
    from forkcost.compare import thresholds
    from forkcost_lab.until import Until

    if size is None:
        if max_time is not None:
            raise InputError("--max-time goes with --until, which says when it is settled")
        return None
    if boots != 1:
        raise InputError("--until says itself how many boots there are: leave --boots out")
    return Until(thresholds.parsed(size), 60 * (10 if max_time is None else max_time))


def _compare(files, by_function, form, strict, directory, until):
    """Prints how all variants that have results compare with the first of them, and writes that in
    all formats into the directory. Gives the exit status."""
    from forkcost.compare import engine, thresholds
    from forkcost_lab import artifacts

    words = [f"{label}={path}" for label, paths in files.items() for path in paths]
    if sum(bool(paths) for paths in files.values()) < 2:
        return 0
    looked = {"alpha": until.share, "repeated": True} if until else {}
    found, without = engine.comparisons(
        words, None, thresholds.read(None, until.size if until else None), explained=by_function,
        **looked)
    artifacts.write(found, strict, directory)  # first: stdout may be closed or full
    sys.stdout.write(formats.document(form, found, strict))
    if without:
        raise NoAnswer("\n".join(without))
    return max(comparison.exit_status(strict) for comparison in found)


class _BisectStep(click.Command):
    """git bisect takes a status from 1 to 127, but for 125, for a bad kernel: all that is no
    verdict on the kernel ends with 128 or more, which ends the bisection."""

    def make_context(self, *words, **named):
        try:
            return super().make_context(*words, **named)
        except click.ClickException as error:
            error.exit_code = 128
            raise

    def invoke(self, ctx):
        try:
            status = super().invoke(ctx)
            sys.stdout.flush()
        except Interrupted as error:
            _say(error)
            status = error.exit_status
        except NoAnswer as error:
            _say(f"{error}\nskip")
            status = 125
        except (ForkcostError, click.ClickException) as error:
            _say(error)
            status = 128
        except KeyboardInterrupt:
            status = 130
        except Exception:  # whatever it is, it is no verdict
            say(traceback.format_exc().rstrip())
            status = 128
        ctx.exit(status)


@click.command("bisect-step", cls=_BisectStep)
@click.option("--kernel-image", required=True, metavar="KERNEL",
              help="The bzImage or Image that was just built.")
@click.option("--case", required=True, metavar="NAME",
              help="As forkcost-run --list shows it, or with all axes, as older files have it.")
@click.option("--quantity", metavar="NAME", help="[default: what the result file names as primary]")
@click.option("--good", type=float, required=True, metavar="V",
              help="The figure of a kernel before the change, as `forkcost kernels` prints it.")
@click.option("--bad", type=float, required=True, metavar="V", help="That of one after it.")
@click.option("--mode", type=click.Choice(["exact", "kvm", "tcg"]), default="exact",
              show_default=True)
@click.option("--append", "appends", multiple=True, metavar="ARGS",
              help="Added to the kernel's command line.")
@_of_laboratory
def bisect_step(kernel_image, case, quantity, good, bad, mode, appends, suite, memory,
                time_limit_s):
    """Measure one case on one kernel: a step of git bisect run.

    Exit status 0 when its figure is nearer to --good, 1 when it is nearer to --bad (by ratio); 125,
    which skips this kernel, when it does not boot or the case has no figure on it; 128 or more,
    which ends the bisection, when the call is wrong."""
    from forkcost import units
    from forkcost_lab import bisect
    from forkcost_lab.options import find_suite

    step = bisect.Step(case, quantity, good, bad)
    name, value = bisect.measure(
        kernel_image, step, find_suite(suite),
        bisect.measuring(step, mode=mode, rounds=3, memory=memory, time_limit_s=time_limit_s),
        " ".join(appends), _say)
    verdict = "good" if step.is_good(value) else "bad"
    click.echo(f"{case} {name}: {units.number(value, 7)}: {verdict}")
    return 0 if verdict == "good" else 1


@click.command()
@click.option("-o", "--output", type=_FILES, required=True, metavar="DIR",
              help="For all result files, a copy of the suite, and resolution.md. What is there "
                   "already is kept, so a campaign that was interrupted goes on.")
@click.option("--pairs", type=click.IntRange(0, 100), default=40, show_default=True, metavar="N",
              help="Runs of the preset gate, the build with itself in turns, 2 minutes each.")
@click.option("--runs", type=click.IntRange(0, 100), default=80, show_default=True, metavar="N",
              help="Runs of it by themselves, a minute each.")
@click.option("--aa", "noise", type=click.IntRange(0, 100), default=10, show_default=True,
              metavar="N", help="Further ones, that say what runs of this machine differ by.")
@click.option("--turns", type=click.IntRange(0, 100), default=30, show_default=True, metavar="N",
              help="Runs of 2 seconds beside those of stress-ng, hyperfine and a loop in C.")
@click.option("--only", type=click.Choice(["measure", "report"]),
              help="Measure, or write resolution.md of what is there.")
@click.pass_context
def resolution(ctx, output, pairs, runs, noise, turns, only):
    """Measure what a comparison can see on this machine, for three to four hours.

    One build is measured again and again, in turns and by itself. Nothing changed, so what is called
    news is a false alarm; changes of known size are planted into the files, and counted where they
    are found; other tools' rules are asked about the same data. Prints the path of resolution.md,
    which says what was to be reached and what was.

    Exit status: 0 it is written, 2 the call or its input is wrong, 3 this machine cannot measure it."""
    from forkcost_lab import laboratory
    from forkcost_lab.resolution import campaign, report

    changed = [f"--{p.opts[-1].lstrip('-')} {ctx.params[p.name]}" for p in ctx.command.params
               if p.name in ("pairs", "runs", "noise", "turns") and ctx.params[p.name] != p.default]
    with laboratory.exclusive(output):
        if only != "report":
            campaign.measure(campaign.Place(output), campaign.Counts(pairs, runs, noise, turns), _say)
        if only != "measure":
            click.echo(report(output, " ".join(["forkcost resolution -o DIR", *changed]), _say))
