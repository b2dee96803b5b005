"""How forkcost-boot ends when something is in the way: the suite's exit statuses."""


class Problem(Exception):
    """Something for the user to read: what, why, and what to do about it."""

    status = 3


class BadCall(Problem):
    """The call or its input is wrong."""

    status = 2


class Cannot(Problem):
    """This machine, this kernel or this guest cannot do it."""

    status = 3
