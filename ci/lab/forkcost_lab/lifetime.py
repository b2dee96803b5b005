"""Processes that end with us. Python's own modules only: forkcost-boot takes nothing else."""

import ctypes
import os

_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None)  # loaded before any fork: a child must not allocate


def end_with(parent, number):
    """In a child before its exec, which has to come from our main thread: whatever ends us, be it
    SIGKILL, sends it signal `number`. `parent`: our process."""
    if _LIBC.prctl(_PR_SET_PDEATHSIG, number, 0, 0, 0) != 0 or os.getppid() != parent:
        os._exit(127)
