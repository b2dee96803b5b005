"""The kinds of chart. Each draws what a figure declares, and knows no benchmark and no axis of a case:

lines          medians with their bands over a size or a count, labelled at their ends
bars           horizontal bars, whole or cut into parts, with intervals
distributions  cumulative distributions
"""
