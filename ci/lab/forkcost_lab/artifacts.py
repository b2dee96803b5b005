"""The files that a CI job keeps: the comparison in each format, beside the result files that it was
made of."""

from pathlib import Path

from forkcost.compare import formats
from forkcost.files import write_whole


def write(comparisons, strict, directory):
    """Raises InputError."""
    for name, form in formats.artifacts().items():
        write_whole(Path(directory) / name, formats.document(form, comparisons, strict))


def remove(directory):
    """Those of an earlier call, which are no news of this one."""
    for name in formats.artifacts():
        (Path(directory) / name).unlink(missing_ok=True)
