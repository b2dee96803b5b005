"""bench_share: what N processes of the same thing share, and what stays behind."""

import itertools
import json
import os
import pathlib
import resource
import shutil
import signal
import subprocess

import pytest

from programs import (
    BIN, NOBODY, as_root, check_smoke, children_of, forbid, has_ended, measure, run, wait_for,
)

PAGE = os.sysconf("SC_PAGESIZE")
RELATIONS = ("one-inode", "copies", "hard-links", "symlinks", "bind-mounts", "reflinks", "forks")
MOUNTS = pathlib.Path("/proc/self/mountinfo")


@pytest.fixture(scope="module")
def texts(tmp_path_factory):
    """Four processes of the text: relation of their files -> quantity -> median; and the rest."""
    directory = tmp_path_factory.mktemp("texts")
    done, document = measure(directory, "bench_share", "--samples=3",
                             "--benchmark_filter=what:text/.*/processes:4/page-cache:warm")
    assert done.returncode == 0, done.stdout + done.stderr
    medians = {b["axes"]["files"]: {name: q["p50"] for name, q in b["quantities"].items()}
               for b in document["benchmarks"]}
    return medians, document["unmeasured"]


def require_frames(quantities):
    if "distinct_frames" not in quantities:
        pytest.skip("page frames are hidden from us")


def test_smoke_cases_are_verified_and_have_figures(tmp_path):
    check_smoke("bench_share", tmp_path)


def test_one_inode_costs_its_text_once(texts):
    one = texts[0]["one-inode"]
    assert one["inodes"] == 1 and one["pages"] * PAGE >= 1 << 20
    # smaps rounds every process's share down to a KiB
    assert 0 <= one["pages"] * PAGE - one["pss_bytes"] <= 4 * 1024
    require_frames(one)
    assert one["distinct_frames"] == one["pages"]
    assert one["added_process_bytes"] < 1 << 20


def test_copies_cost_it_every_time(texts):
    one, copies = texts[0]["one-inode"], texts[0]["copies"]
    assert copies["inodes"] == 4 and copies["pages"] == one["pages"]
    assert copies["page_cache_bytes"] == 4 * one["page_cache_bytes"]
    assert copies["pss_bytes"] == 4 * copies["pages"] * PAGE
    require_frames(one)
    assert copies["distinct_frames"] == 4 * copies["pages"]
    more = copies["added_process_bytes"] - one["added_process_bytes"]
    assert more == pytest.approx(copies["pages"] * PAGE, rel=0.1)


@pytest.mark.parametrize("files", ["hard-links", "symlinks", "bind-mounts"])
def test_other_names_of_an_inode_share_it(texts, files):
    medians, unmeasured = texts
    if files not in medians:
        (entry,) = [entry for entry in unmeasured if entry["axes"]["files"] == files]
        pytest.skip(entry["outcome"]["reason"])
    assert medians[files]["inodes"] == 1
    assert medians[files]["page_cache_bytes"] == medians["one-inode"]["page_cache_bytes"]
    assert medians[files]["pss_bytes"] == medians["one-inode"]["pss_bytes"]
    require_frames(medians[files])
    assert medians[files]["distinct_frames"] == medians[files]["pages"]


def test_reflinks_are_measured_or_skipped_with_what_they_take(texts):
    medians, unmeasured = texts
    if "reflinks" in medians:
        assert medians["reflinks"]["inodes"] == 4
        return
    (entry,) = [entry for entry in unmeasured if entry["axes"]["files"] == "reflinks"]
    assert entry["outcome"]["status"] == "skipped"
    assert "FICLONE" in entry["outcome"]["reason"] and "TMPDIR" in entry["outcome"]["reason"]


def test_forks_share_their_private_pages_too(texts):
    one, forks = texts[0]["one-inode"], texts[0]["forks"]
    assert forks["inodes"] == 1 and forks["page_cache_bytes"] == one["page_cache_bytes"]
    assert forks["private_dirty_bytes"] < one["private_dirty_bytes"]
    assert forks["process_pss_bytes"] < one["process_pss_bytes"]
    assert forks["start_ns"] < forks["first_start_ns"]  # that one was exec'ed


@pytest.mark.parametrize("what, files, per_process", [
    ("library", "one-inode", False), ("library", "copies", True), ("library", "forks", False),
    ("file", "one-inode", False), ("file", "copies", True),
])
def test_libraries_and_files_are_shared_by_inode_as_text_is(tmp_path, what, files, per_process):
    done, document = measure(tmp_path, "bench_share", "--samples=1",
                             f"--case=share/what:{what}/files:{files}/processes:2/page-cache:warm")
    assert done.returncode == 0, done.stdout + done.stderr
    q = {n: v["p50"] for n, v in document["benchmarks"][0]["quantities"].items()}
    assert q["pages"] * PAGE == 64 << 20 if what == "file" else q["pages"] * PAGE >= 1 << 20
    copies = 2 if per_process else 1
    assert q["pss_bytes"] == pytest.approx(copies * q["pages"] * PAGE, abs=2048)
    assert q["page_cache_bytes"] >= copies * q["pages"] * PAGE
    assert q["ready_ns"] > q["start_ns"]
    require_frames(q)
    assert q["distinct_frames"] == copies * q["pages"]


def test_nothing_is_left_of_the_mounts(texts):
    assert "forkcost-" not in MOUNTS.read_text()


@pytest.mark.skipif(os.uname().machine not in ("x86_64", "aarch64"), reason="no call numbers")
def test_bind_mounts_that_are_forbidden_are_skipped_with_what_they_take(tmp_path):
    done, document = measure(tmp_path, "bench_share",
                             "--case=share/what:text/files:bind-mounts/processes:2/page-cache:warm",
                             preexec_fn=forbid("unshare"))
    assert done.returncode == 3
    outcome = document["unmeasured"][0]["outcome"]
    assert outcome["status"] == "skipped"
    assert "CAP_SYS_ADMIN" in outcome["reason"] and "max_user_namespaces" in outcome["reason"]


@as_root
def test_an_ordinary_user_sees_no_frames_and_mounts_in_a_namespace_of_his_own(tmp_path):
    os.chown(tmp_path, NOBODY, NOBODY)
    for parent in tmp_path.parents[:2]:
        parent.chmod(0o755)
    _, document = measure(tmp_path, "bench_share", "--samples=1",
                          "--benchmark_filter=text/files:(copies|bind-mounts)/processes:2/page-cache:warm",
                          user=NOBODY, group=NOBODY, env={**os.environ, "TMPDIR": str(tmp_path)})
    by_files = {b["axes"]["files"]: b["quantities"] for b in document["benchmarks"]}
    assert "distinct_frames" not in by_files["copies"]
    assert "added_process_bytes" not in by_files["copies"]
    if "bind-mounts" in by_files:
        assert by_files["bind-mounts"]["inodes"]["p50"] == 1
    else:  # users have no namespaces here
        assert document["unmeasured"][0]["outcome"]["status"] == "skipped"


@as_root
@pytest.mark.parametrize("size, status", [("1m", "skipped"), ("64m", "ok")])
def test_files_that_do_not_fit_are_skipped_with_what_they_need(tmp_path, size, status):
    """On a tmpfs, which also cannot let go of what is in the page cache."""
    place = tmp_path / "small"
    place.mkdir()
    script = (f"mount -t tmpfs -o size={size},mode=755 small {place} && "
              f"TMPDIR={place} exec {BIN}/bench_share --samples=1 --benchmark_out={tmp_path}/run.json"
              " --case=share/what:text/files:copies/processes:4/page-cache:warm")
    done = subprocess.run(["unshare", "--mount", "sh", "-c", script], capture_output=True, text=True)
    if not (tmp_path / "run.json").exists():
        pytest.skip(f"no mount namespace: {done.stderr}")
    document = json.loads((tmp_path / "run.json").read_text())
    if status == "ok":
        assert document["benchmarks"][0]["quantities"]["inodes"]["p50"] == 4
        return
    outcome = document["unmeasured"][0]["outcome"]
    assert outcome["status"] == status
    assert "TMPDIR" in outcome["reason"] and "needs 10MiB of files" in outcome["reason"]


def test_too_few_descriptors_are_a_failure_with_its_remedy(tmp_path):
    limit = lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (24, 24))
    done, document = measure(tmp_path, "bench_share",
                             "--case=share/what:text/files:one-inode/processes:64/page-cache:warm",
                             preexec_fn=limit)
    assert done.returncode == 1
    reason = document["unmeasured"][0]["outcome"]["reason"]
    assert "EMFILE" in reason and "ulimit -n" in reason


def test_a_missing_image_is_named(tmp_path):
    program = tmp_path / "bin" / "bench_share"
    program.parent.mkdir()
    shutil.copy(BIN / "bench_share", program)
    out = tmp_path / "run.json"
    done = subprocess.run([program, "--preset=smoke", f"--benchmark_out={out}"],
                          capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    reason = json.loads(out.read_text())["unmeasured"][0]["outcome"]["reason"]
    assert "libexec/forkcost/resident" in reason and "ENOENT" in reason


def residents_of(process):
    """Those of its processes that bench_share has exec'ed or forked by now."""
    below = children_of(process.pid)
    below += [g for child in below for g in children_of(child)]
    found = []
    for pid in below:
        try:
            if "/scratch/" in os.readlink(f"/proc/{pid}/exe"):
                found.append(pid)
        except OSError:  # it ended meanwhile
            pass
    return found


def start_long(tmp_path, files):
    """bench_share at work, once it has started several processes, and these."""
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    process = subprocess.Popen(
        [BIN / "bench_share", "--samples=100000", f"--benchmark_out={tmp_path}/run.json",
         f"--case=share/what:text/files:{files}/processes:16/page-cache:warm"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
        env={**os.environ, "TMPDIR": str(scratch)})

    def several():
        if process.poll() is not None:
            why = process.stderr.read()
            if files == "bind-mounts" and process.returncode == 3:
                pytest.skip(why)
            pytest.fail(why)
        found = residents_of(process)
        return found if len(found) >= 4 else None

    return process, wait_for(several, "four processes")


@pytest.mark.parametrize("files", ["one-inode", "copies", "bind-mounts", "forks"])
@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGKILL])
def test_a_signal_leaves_no_process_no_file_and_no_mount(tmp_path, files, sign):
    process, residents = start_long(tmp_path, files)
    helpers = children_of(process.pid)
    os.kill(process.pid, sign)
    process.communicate(timeout=60)
    assert process.returncode == -sign
    for pid in {*residents, *helpers}:
        wait_for(lambda: has_ended(pid), f"the end of {pid}")
    wait_for(lambda: not any((tmp_path / "scratch").iterdir()), "the end of the scratch files")
    assert not (tmp_path / "run.json").exists()
    assert str(tmp_path) not in MOUNTS.read_text()


@pytest.mark.parametrize("files", ["one-inode", "forks"])
def test_a_process_killed_from_outside_is_a_failure(tmp_path, files):
    process, _ = start_long(tmp_path, files)

    def kill_one():  # again, where it was about to end anyhow
        for pid in residents_of(process)[:1]:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        return process.poll() is not None

    wait_for(kill_one, "the end of bench_share")
    assert process.returncode == 1
    (entry,) = json.loads((tmp_path / "run.json").read_text())["unmeasured"]
    assert entry["outcome"]["status"] == "failed" and "killed" in entry["outcome"]["reason"]
    assert not any((tmp_path / "scratch").iterdir())


def test_a_case_that_takes_too_long_fails(tmp_path):
    done, document = measure(tmp_path, "bench_share", "--time-limit-s=0.05", "--samples=1000",
                             "--case=share/what:text/files:one-inode/processes:16/page-cache:warm")
    assert done.returncode == 1
    assert "--time-limit-s" in document["unmeasured"][0]["outcome"]["reason"]


def test_the_users_environment_stays_outside(tmp_path):
    done, _ = measure(tmp_path, "bench_share", "--samples=1",
                      "--case=share/what:text/files:one-inode/processes:16/page-cache:warm",
                      env={**os.environ, "LD_DEBUG": "statistics",
                           "LD_DEBUG_OUTPUT": str(tmp_path / "loader")})
    assert done.returncode == 0, done.stdout + done.stderr
    # our own, and that of the shell that would clean up; not 17 in each sample
    assert 1 <= len(list(tmp_path.glob("loader.*"))) < 10


def test_presets_hold_what_is_cheap_enough_for_them():
    def cases(preset):
        listed = json.loads(run("bench_share", "--list-cases", f"--preset={preset}").stdout)
        return {tuple(case["axes"][axis] for axis in ("what", "files", "processes", "page-cache"))
                for case in listed["cases"]}
    smoke, quick, standard, full = map(cases, ("smoke", "quick", "standard", "full"))
    assert smoke == {("text", "one-inode", "2", "warm")}
    assert {("text", files, "16", "warm") for files in RELATIONS} < quick
    assert {("text", files, "16", "cold") for files in ("one-inode", "copies")} < quick
    assert {("file", "one-inode", "16", "warm"), ("library", "copies", "16", "warm")} < quick
    assert quick < standard < full
    assert {("text", files, "4", "warm") for files in RELATIONS} < standard
    assert not any(n == "64" for _, _, n, _ in standard)
    assert {case[:3] for case in full if case[3] == "warm"} == set(itertools.product(
        ("text", "library", "file"), RELATIONS, ("1", "2", "4", "16", "64")))
