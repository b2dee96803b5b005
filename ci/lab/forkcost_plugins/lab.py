"""What the laboratory adds to the program `forkcost` (analysis/forkcost/plugins.py reads it)."""

from forkcost_lab import measurements
from forkcost_lab.commands import bisect_step, kernels, resolution

COMMANDS = (kernels, bisect_step, resolution)
MEASUREMENTS = {"claims --run": measurements.of_claims, "aa without files": measurements.of_itself}
