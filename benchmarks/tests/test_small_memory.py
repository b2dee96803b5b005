"""Boards of 128 and 256 MiB: what fits is measured, what does not is skipped with what it would take,
and nothing is killed for want of memory."""

import json
import re
import subprocess

import pytest

from memory_cgroup import memory_cgroup
from programs import BIN

MIB = 1 << 20
# What takes the most memory of each kind: copies of a heap, children that write, 256 libraries, a
# text of 64 MiB, files of 64 MiB. The smaller ones of a kind fit where these do.
LARGEST = ("^(cow|first-touch|zero-page|copy-page|fork)/|fork-bomb|gc-dirties|libraries:256|text-64MiB"
           "|what:file")


def run_in(cgroup, tmp_path, *flags):
    out = tmp_path / "run.json"
    done = subprocess.run([BIN / "forkcost-run", "--preset=quick", "--rounds=1", f"--out={out}",
                           "--quiet", *flags],
                          preexec_fn=cgroup.join, capture_output=True, text=True, timeout=200)
    assert cgroup.kills() == 0, done.stderr
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr
    return json.loads(out.read_text())


def reasons(document):
    """Of what was not measured, by case."""
    return {entry["name"]: entry["outcome"]["reason"] for entry in document["unmeasured"]}


def heap_of(document, entry):
    return document["context"]["forkcost"]["cases"][entry["name"]].get("heap_bytes", 0)


def lacking_memory(reasons):
    return {name: reason for name, reason in reasons.items() if "of memory" in reason}


@pytest.mark.parametrize("limit, largest", [(256 * MIB, 64 * MIB), (128 * MIB, 16 * MIB)])
def test_a_heap_of_a_quarter_of_the_memory_fits(limit, largest, tmp_path):
    with memory_cgroup(limit) as cgroup:
        document = run_in(cgroup, tmp_path, f"--filter={LARGEST}", "--max-heap=256MiB")
    measured = {entry["name"] for entry in document["benchmarks"]
                if heap_of(document, entry) <= largest}
    assert any(name.startswith("cow/") for name in measured)
    not_measured = reasons(document)
    for entry in document["unmeasured"]:
        if entry["name"].startswith(("cow/", "fork/", "first-touch", "zero-page", "copy-page")):
            fits = heap_of(document, entry) <= largest
            assert not fits or "of memory" not in not_measured[entry["name"]], entry
    # What does not fit says how much it would take.
    lacking = lacking_memory(not_measured)
    assert any("heap:256MiB" in name for name in lacking), not_measured
    for name, reason in lacking.items():
        needs, reserve, available = map(int, re.search(
            r"needs (\d+) MiB .* and (\d+) MiB in reserve, (\d+) MiB are available", reason).groups())
        assert needs + reserve > available, (name, reason)
        assert reserve == 16 and available <= limit / MIB


def test_page_cache_that_nobody_uses_is_memory_that_can_be_had(tmp_path):
    """A file that was read once fills the cgroup; a heap fits all the same."""
    file = tmp_path / "file"
    with file.open("wb") as out:
        for _ in range(200):
            out.write(bytes(MIB))
    with memory_cgroup(128 * MIB) as cgroup:
        subprocess.run(["sh", "-c", f'sync "{file}"; dd if="{file}" of=/dev/null bs=1M iflag=nocache;'
                                    f' dd if="{file}" of=/dev/null bs=1M'],
                       preexec_fn=cgroup.join, check=True, capture_output=True)
        used = cgroup.number("memory.usage_in_bytes" if cgroup.version == 1 else "memory.current")
        assert used > 100 * MIB  # by page cache
        document = run_in(cgroup, tmp_path, "--filter=^fork/path:fork/heap:64MiB")
    assert document["benchmarks"] and not lacking_memory(reasons(document))
