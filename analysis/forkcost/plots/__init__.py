"""The figures of a report: one module each, listed in SECTIONS in the order of the page.

A module has `draw(run)`, which returns a Drawing, or a string that says what the run lacks.
"""

from forkcost.plots import (bill, blocked, cow_fault, first_touch, fork_functions, handover, images,
                            libraries, memory, per_page, phases, relocations, spawn, tails, touches,
                            zygote)

SECTIONS = {  # title on the page -> file name of a figure -> (its title, how it is drawn)
    "Calls and copy-on-write": {
        "blocked": ("How long the caller is blocked", blocked.draw),
        "spawn": ("Until a new program's main runs", spawn.draw),
        "phases": ("Where the time goes", phases.draw),
        "touches": ("What the first write to a page costs", touches.draw),
        "bill": ("The whole bill of a fork", bill.draw),
        "tails": ("How bad it gets", tails.draw),
    },
    "Exec and libraries": {
        "images": ("What is exec'ed", images.draw),
        "libraries": ("What libraries cost at start", libraries.draw),
        "relocations": ("What a relocation costs", relocations.draw),
        "zygote": ("Fork a server that has the libraries, or exec", zygote.draw),
        "first-touch": ("First touch of text, first call", first_touch.draw),
    },
    "What is shared": {
        "memory": ("What one more process costs in memory", memory.draw),
        "handover": ("Handing over between threads and processes", handover.draw),
    },
    "Why it costs that": {
        "per-page": ("Instructions and faults per page, by backing", per_page.draw),
        "fork-functions": ("Where a fork goes", fork_functions.draw),
        "cow-fault": ("One copy-on-write fault taken apart", cow_fault.draw),
    },
}
FIGURES = {stem: figure for figures in SECTIONS.values() for stem, figure in figures.items()}
