"""What a comparison is written as. A module here is a format, and its name is what --format takes:

document(comparisons, strict)  the text of a list of Comparison (several: N ways). `strict`: what is
                               unclear is a regression
ARTIFACT                       the file that the laboratory leaves it in; without, in none

A further format is a further module."""

import importlib
import pkgutil

NAMES = tuple(sorted(module.name for module in pkgutil.iter_modules(__path__)))


def document(name, comparisons, strict=False):
    """Of one of NAMES."""
    return _module(name).document(comparisons, strict)


def artifacts():
    """{file's name: format} of those that are left as a file."""
    found = {name: getattr(_module(name), "ARTIFACT", None) for name in NAMES}
    return {file: name for name, file in found.items() if file}


def _module(name):
    return importlib.import_module(f"{__name__}.{name}")
