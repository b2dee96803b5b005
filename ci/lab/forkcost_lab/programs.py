"""Where the suite's programs are."""

import os
import shutil
import sys
from pathlib import Path

from forkcost.errors import InputError


def find(program, variable, remedy):
    """The path of a program of ours: named by the environment's `variable`, else beside the script
    `forkcost` (which says where it is in FORKCOST_BIN), else on PATH. `remedy`: what else to do
    where there is none. Raises InputError."""
    named = os.environ.get(variable)
    if named:
        if shutil.which(named):
            return shutil.which(named)
        raise InputError(f"{named} (from {variable}): no such program: name {program} there, "
                         "or unset it")
    for place in (os.environ.get("FORKCOST_BIN"), Path(sys.argv[0]).resolve().parent):
        beside = shutil.which(program, path=str(place)) if place else None
        if beside:
            return beside
    found = shutil.which(program)
    if found:
        return found
    raise InputError(f"{program}: found neither beside this program nor on PATH: build the suite "
                     f"(ci/bench.sh), name the program in {variable}, or {remedy}")
