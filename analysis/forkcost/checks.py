"""Checks of a result file's parts: what is missing or of the wrong kind is named, and where."""

REPEAT = "run forkcost-run again"


class Broken(Exception):
    """What is wrong with a document, and what to do."""


def expect(holder, key, kind, where):
    if not isinstance(holder.get(key), kind) or isinstance(holder.get(key), bool):
        raise Broken(f"{where} has no proper '{key}': the file is damaged or from another "
                     f"program; {REPEAT}")
    return holder[key]


def optional(holder, key, kind, where):
    return expect(holder, key, kind, where) if key in holder else None


def optional_flag(holder, key, where):
    if not isinstance(holder.get(key, False), bool):
        raise Broken(f"{where} has a '{key}' that is neither true nor false: the file is damaged "
                     f"or from another program; {REPEAT}")


def optional_list(holder, key, kind, where):
    if not all(isinstance(item, kind) for item in optional(holder, key, list, where) or []):
        raise Broken(f"{where} has something else than {kind.__name__} in '{key}': the file is "
                     f"damaged or from another program; {REPEAT}")
