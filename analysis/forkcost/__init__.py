"""Analyses result files: report, claims, comparisons, estimators."""

__version__ = "0.1.0"
