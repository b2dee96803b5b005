"""The figures of a report: one module each, listed in FIGURES in the order of the page.

A module has `draw(run)`, which returns a Drawing, or a string that says what the run lacks.
"""

from forkcost.plots import bill, blocked, phases, spawn, tails, touches

FIGURES = {
    "blocked": ("How long the caller is blocked", blocked.draw),
    "spawn": ("Until a new program's main runs", spawn.draw),
    "phases": ("Where the time goes", phases.draw),
    "touches": ("What the first write to a page costs", touches.draw),
    "bill": ("The whole bill of a fork", bill.draw),
    "tails": ("How bad it gets", tails.draw),
}
