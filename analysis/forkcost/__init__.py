"""What forkcost's result files mean: report, claims, estimators."""

__version__ = "0.1.0"
