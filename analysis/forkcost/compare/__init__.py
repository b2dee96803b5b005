"""Did it change? Two sides of result files, and a verdict for each case and quantity."""
