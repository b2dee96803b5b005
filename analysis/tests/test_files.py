"""Temporary files of the commands: what a kill leaves, and what the next call removes."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from forkcost import files, functions, reader
from forkcost.compare import accept, noise, thresholds
from forkcost.errors import InputError

HOLD = """
import sys
from forkcost import files
with files.scratch_directory(sys.argv[1]) as made:
    (made / "file").write_text("x")
    print(made, flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def holder(tmp_path):
    """A process that has a directory in tmp_path."""
    with subprocess.Popen([sys.executable, "-c", HOLD, tmp_path], stdin=subprocess.PIPE,
                          stdout=subprocess.PIPE, text=True,
                          env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}) as process:
        process.made = process.stdout.readline().strip()
        yield process
        process.kill()


def names(place):
    return {path.name for path in place.iterdir()}


def test_a_directory_goes_away(tmp_path):
    with files.scratch_directory(tmp_path) as made:
        (made / "deep").mkdir()
        assert names(tmp_path) == {made.name} and made.name.startswith(".")
    with pytest.raises(ValueError), files.scratch_directory(tmp_path):
        raise ValueError
    assert names(tmp_path) == set()


def test_what_a_kill_left_is_removed_by_the_next(tmp_path, holder):
    holder.kill()
    holder.wait()
    assert os.path.exists(holder.made)
    with files.scratch_directory(tmp_path) as made:
        assert names(tmp_path) == {made.name}


def test_nothing_else_is_removed(tmp_path, holder):
    target = tmp_path / "target"
    target.mkdir()
    (tmp_path / ".forkcost-scratch-aaaaaaaa").symlink_to(target)
    (tmp_path / ".forkcost-scratch-bbbbbbbb").write_text("a file")
    for foreign in ("forkcost-scratch-", ".forkcost-scratch-tooLARGE1", ".forkcost-scratch-abc",
                    "x.forkcost-scratch-abcdefgh", "forkcost-abcdefgh"):
        (tmp_path / foreign).mkdir()
    if os.geteuid() == 0:
        (tmp_path / ".forkcost-scratch-cccccccc").mkdir()
        os.chown(tmp_path / ".forkcost-scratch-cccccccc", 65534, 65534)
    before = names(tmp_path)
    with files.scratch_directory(tmp_path):
        pass
    assert names(tmp_path) == before and os.path.exists(f"{holder.made}/file")
    assert holder.poll() is None


def test_a_file_is_written_whole(tmp_path, monkeypatch):
    path = tmp_path / "page.html"
    link = files._link

    def seen(*arguments):
        assert names(tmp_path) == set(), "it has a name before it is whole"
        link(*arguments)

    monkeypatch.setattr(files, "_link", seen)
    files.write_whole(path, "öne")
    assert path.read_text(encoding="utf-8") == "öne"
    monkeypatch.setattr(files, "_link", link)
    files.write_whole(path, "two")
    assert path.read_text() == "two" and names(tmp_path) == {"page.html"}


def test_a_file_system_without_nameless_files(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "O_TMPFILE", os.O_WRONLY | os.O_DIRECTORY)  # EISDIR, as old kernels say
    files.write_whole(tmp_path / "page.html", "one")
    assert (tmp_path / "page.html").read_text() == "one" and names(tmp_path) == {"page.html"}


def test_a_place_that_cannot_be_listed_will_do(tmp_path, monkeypatch):
    def refused(_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "iterdir", refused)
    with files.scratch_directory(tmp_path) as made:
        assert os.path.isdir(made)
    assert not os.path.exists(made)


def test_a_link_in_the_way_is_not_followed(tmp_path):
    """In a directory that others may write to it could lead to any file of the user."""
    (tmp_path / "page.html").write_text("old")
    (tmp_path / "victim").write_text("precious")
    (tmp_path / ".page.html.part").symlink_to("victim")
    files.write_whole(tmp_path / "page.html", "new")
    assert (tmp_path / "victim").read_text() == "precious"
    assert (tmp_path / "page.html").read_text() == "new"
    assert not (tmp_path / "page.html").is_symlink()
    assert names(tmp_path) == {"page.html", "victim"}


def test_what_is_no_file_is_written_to_and_stays_what_it_is(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    files.write_whole(pipe, "text")
    assert os.read(reader, 100) == b"text"
    os.close(reader)
    assert pipe.is_fifo() and names(tmp_path) == {"pipe"}
    # Never by writing there: were it replaced, the machine would have to be mended.
    assert all(files._is_special(Path(p)) for p in ("/dev/stdout", "/dev/null", "/proc/self/fd/1"))
    assert not any(files._is_special(p) for p in (Path("/dev/shm/new"), tmp_path, tmp_path / "new"))


def test_what_cannot_be_written_leaves_nothing(tmp_path):
    (tmp_path / "directory").mkdir()
    (tmp_path / "directory" / "full").write_text("x")
    with pytest.raises(InputError, match="cannot be written: Is a directory"):
        files.write_whole(tmp_path / "directory", "text")
    with pytest.raises(InputError, match="cannot be written: No such file"):
        files.write_whole(tmp_path / "none" / "page.html", "text")
    assert names(tmp_path) == {"directory"}


@pytest.mark.parametrize("read, what", [
    (lambda path: reader.read(path), "a file that forkcost-run wrote"),
    (thresholds.read, "a table of thresholds"), (accept.read, r"a file with \[\[accept\]\] tables"),
    (functions.read, "a table of kernel functions"),
    (lambda path: noise.find((), path), "a file that forkcost aa wrote")])
def test_what_cannot_be_read_is_named_with_the_reason_and_what_to_give(read, what, tmp_path):
    for path, reason in ((tmp_path / "none", "No such file or directory"), (tmp_path, "Is a directory")):
        with pytest.raises(InputError, match=f"{path}: cannot be read: {reason}: give .*{what}"):
            read(path)
