"""The ways in which a command ends without an answer, their exit statuses, and how it is said."""

import os
import sys
from contextlib import suppress


class ForkcostError(Exception):
    """Message: the thing, the reason, what to do. Never raised itself."""

    exit_status = 2


class InputError(ForkcostError):
    """The call or its input is wrong."""

    exit_status = 2


class NoAnswer(ForkcostError):
    """The input is fine, but it cannot answer what was asked."""

    exit_status = 3


class Interrupted(ForkcostError):
    """A signal ended us, or the program that measured for us."""

    def __init__(self, message, number):
        super().__init__(message)
        self.exit_status = 128 + number


def say(text):
    """A line on stderr, without what would steer a terminal: names of files and in files of others are
    in it. Where that cannot be written nothing is raised: the exit status has to do, and must not
    become another one."""
    plain = "".join(c if c.isprintable() or c in "\n\t" else repr(c)[1:-1] for c in str(text))
    try:
        print(plain, file=sys.stderr, flush=True)
    except (OSError, ValueError):
        give_up(sys.stderr)


def give_up(stream):
    """What cannot be written is not tried once more at Python's end, which then has a status of its
    own (120)."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
