"""The files that a CI job keeps: the comparison in each format, beside the result files that it was
made of."""

from pathlib import Path

from forkcost.compare import outputs
from forkcost.files import write_whole

_FORMATS = {"compare.md": "markdown", "compare.html": "html", "compare.json": "json",
            "compare.junit.xml": "junit", "compare.ktap": "ktap", "compare.github": "github"}


def write(comparisons, strict, directory):
    """Raises InputError."""
    for name, form in _FORMATS.items():
        write_whole(Path(directory) / name, outputs.FORMATS[form](comparisons, strict))


def remove(directory):
    """Those of an earlier call, which are no news of this one."""
    for name in _FORMATS:
        (Path(directory) / name).unlink(missing_ok=True)
