"""Analyses result files: report, claims, comparisons, estimators."""

from pathlib import Path

# The suite's one place for it: CMake and both wheels read the same file.
__version__ = Path(__file__).with_name("VERSION").read_text(encoding="ascii").strip()
