"""The ways in which a command ends without an answer, and their exit statuses."""


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
