"""The laboratory: boots kernels, runs the suite's programs, repeats and bisects. It reads result
files with the package `forkcost`, which knows nothing of it."""
