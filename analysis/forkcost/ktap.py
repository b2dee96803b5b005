"""KTAP version 1, the test output of the kernel: one document, of whatever was judged."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Result:
    """`skipped`: the reason why there is no verdict; then `ok` says nothing. `notes`: diagnostics,
    which stand before the result."""

    name: str
    ok: bool
    notes: tuple[str, ...] = ()
    skipped: str | None = None


def document(results):
    lines = ["KTAP version 1", f"1..{len(results)}"]
    for n, result in enumerate(results, 1):
        name = line(result.name)
        lines += [f"# {name}: {line(note)}" for note in result.notes]
        if result.skipped is not None:
            lines.append(f"ok {n} {name} # SKIP {line(result.skipped)}")
        else:
            lines.append(f"{'ok' if result.ok else 'not ok'} {n} {name}")
    return "\n".join(lines) + "\n"


def line(words):
    """One line without a directive's mark."""
    return " ".join(words.replace("#", "no. ").split())
