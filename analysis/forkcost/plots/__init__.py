"""The figures of a report: a module each, found by what it holds.

FIGURE     its place on the page, title and caption (caption.Figure); its file is the module's name, with - for _
draw(run)  selects rows, has a kind of chart drawn (kinds/), and gives a Drawing; or a string: what the run lacks

A further figure is a further module. Modules without FIGURE are of other pages, or shared.
"""

import importlib
import pkgutil

HEADINGS = ("Calls and copy-on-write", "Exec and libraries", "What is shared",
            "Why it costs that", "The machine meanwhile")  # in the order of the page; further ones stand behind these


def _found():
    """{heading: {file name of a figure: (its title, how it is drawn)}}, in the order of the page."""
    modules = [importlib.import_module(f"{__name__}.{module.name}") for module in pkgutil.iter_modules(__path__)]
    modules = [module for module in modules if hasattr(module, "FIGURE")]
    sections = {heading: {} for heading in HEADINGS}
    for module in sorted(modules, key=lambda module: (module.FIGURE.place, module.__name__)):
        stem = module.__name__.rpartition(".")[2].replace("_", "-")
        sections.setdefault(module.FIGURE.heading, {})[stem] = (module.FIGURE.title, module.draw)
    return sections


SECTIONS = _found()
FIGURES = {stem: figure for figures in SECTIONS.values() for stem, figure in figures.items()}
