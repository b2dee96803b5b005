"""What forkcost's result files mean: report, estimators."""

__version__ = "0.1.0"
