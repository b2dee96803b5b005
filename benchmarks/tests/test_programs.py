"""The bench binaries, called as a user calls them: figures, exit statuses, messages, left-overs."""

import gzip
import json
import os
import pathlib
import re
import resource
import shutil
import signal
import subprocess
import sys

import pytest

from programs import (
    BIN, NOBODY, as_root, check_smoke, children_of, forbid, measure, run, unpack, unpacked, wait_for,
)

ADDR_NO_RANDOMIZE = 0x0040000  # linux/personality.h
COMPARE = pathlib.Path("/usr/share/benchmark/compare.py")


@pytest.mark.parametrize("program", ["bench_fork", "bench_cow", "bench_spawn", "bench_harness"])
def test_smoke_cases_are_verified_and_have_figures(program, tmp_path):
    check_smoke(program, tmp_path)


FORK_64 = ("bench_fork", "--case=fork/path:fork/heap:64MiB", "--budget-ms=200")


def test_a_clock_that_is_known_is_taken_and_the_machine_left_out(tmp_path):
    vfork = ("bench_fork", "--case=fork/path:vfork/heap:0", "--samples=40")
    _, document = measure(tmp_path, *vfork)
    clock = document["context"]["forkcost"]["clock"]

    def told(**changed):
        _, told = measure(tmp_path, *vfork, f"--clock={json.dumps({**clock, **changed})}")
        assert not {"clock", "environment", "run"} & told["context"]["forkcost"].keys()
        return told["benchmarks"][0]["quantities"]["blocked_ns"]["p50"]

    calibrated = document["benchmarks"][0]["quantities"]["blocked_ns"]["p50"]
    assert 3 < told(hz=clock["hz"] / 10) / calibrated < 30
    assert 1 / 3 < told(hz=clock["hz"] / 10, source="sundial") / calibrated < 3, "it has no sundial"


def test_yardsticks_stand_between_the_samples(tmp_path):
    _, document = measure(tmp_path, *FORK_64)
    entry, = document["benchmarks"]
    table = document["context"]["forkcost"]["yardsticks"]
    assert entry["yardsticks"].keys() == table.keys() and not table.keys() & entry["quantities"].keys()
    for name, taken in entry["yardsticks"].items():
        unpack(taken, None)
        assert 2 <= taken["n"] <= 5 and taken["min"] > 0, name
        # behind each block but the last one sample is warm-up
        assert entry["warmup"] >= 2 + taken["n"] - 1, name


def test_yardsticks_can_be_left_out_and_change_nothing_but_warm_up(tmp_path):
    samples = "--samples=20"
    _, document = measure(tmp_path, *FORK_64, samples)
    with_them, = document["benchmarks"]
    _, document = measure(tmp_path, *FORK_64, samples, env={**os.environ, "FORKCOST_YARDSTICKS": "off"})
    without, = document["benchmarks"]
    assert "yardsticks" not in without and "yardsticks" not in document["context"]["forkcost"]
    assert without["warmup"] == 2 and without["iterations"] == with_them["iterations"] == 20
    faults = [e["quantities"]["child_minor_faults"]["p50"] for e in (with_them, without)]
    assert abs(faults[0] - faults[1]) <= 2, faults  # so much do two processes differ
    assert with_them["parent"]["rss_bytes"] < without["parent"]["rss_bytes"] + (2 << 20)


def test_phases_of_a_spawn_add_up(tmp_path):
    _, document = measure(tmp_path, "bench_spawn", "--case=spawn/path:vfork/image:nolibc/heap:0/"
                          "backing:4k/placement:same-cpu")
    q = document["benchmarks"][0]["quantities"]
    order = ["child_start_ns", "exec_ns", "image_start_ns", "main_start_ns", "total_ns"]
    for earlier, later in zip(order, order[1:]):
        pairs = [
            (a, b)
            for a, b in zip(q[earlier]["samples"], q[later]["samples"], strict=True)
        ]
        assert pairs and all(a <= b for a, b in pairs), (earlier, later)
    # vfork's caller waits for the exec: blocked is never shorter than the way to it
    assert q["blocked_ns"]["min"] >= q["exec_ns"]["min"]


def test_every_image_works_with_the_kernels_clock(tmp_path):
    """On machines without an invariant counter; nolibc then asks the kernel by a bare system call."""
    done, document = measure(tmp_path, "bench_spawn", "--heap=0", "--budget-ms=1",
                             "--benchmark_filter=path:posix_spawn/",
                             env={**os.environ, "FORKCOST_CLOCK": "vdso"})
    assert done.returncode == 0, document["unmeasured"]
    assert document["context"]["forkcost"]["clock"]["source"] == "vdso"
    by_image = {b["axes"]["image"]: b["quantities"] for b in document["benchmarks"]}
    assert set(by_image) == {"nolibc", "static", "dynamic"}
    assert "image_start_ns" in by_image["nolibc"]
    assert "image_start_ns" not in by_image["static"]  # its entry point can only read a counter


def test_cow_faults_are_the_oracles(tmp_path):
    _, document = measure(tmp_path, "bench_cow", "--heap=8MiB", "--budget-ms=1",
                          "--benchmark_filter=^cow/.*backing:4k")
    pages = (8 << 20) // 4096
    assert len(document["benchmarks"]) == 36  # 9 of writer and state, 3 of reading; 3 patterns
    for entry in document["benchmarks"]:
        axes = entry["axes"]
        faulting = axes["access"] == "write" and axes["state"] != "second"
        assert set(entry["quantities"]["faults"]["samples"]) == {pages if faulting else 0}, axes
        checks = {c["check"]: c for c in entry["verification"]}
        assert checks["minor faults"]["expected"] == str(pages if faulting else 0)
        if "new frames" in checks:  # frame numbers may be read here
            copies = axes["access"] == "write" and axes["state"] == "first"
            assert checks["new frames"]["observed"] == str(pages if copies else 0), axes
        assert entry["quantities"]["touch_ns"]["n"] == pages * entry["iterations"]


@pytest.fixture
def huge_page_pool():
    """80 free huge pages for a test; the setting is put back."""
    if not pathlib.Path("/sys/kernel/mm/hugepages").is_dir():
        pytest.skip("no /sys (a bare chroot), or a kernel without huge pages")
    setting = pathlib.Path("/proc/sys/vm/nr_hugepages")
    before = int(setting.read_text())
    try:
        setting.write_text(str(before + 80))
        if int(setting.read_text()) < before + 80:
            pytest.skip("memory is too fragmented for 80 huge pages")
        yield
    except OSError as error:
        pytest.skip(f"vm.nr_hugepages cannot be set: {error.strerror}")
    finally:
        try:
            setting.write_text(str(before))
        except OSError:
            pass  # nothing was changed


@as_root
def test_hugetlb_breaks_a_huge_page_at_a_time(tmp_path, huge_page_pool):
    done, document = measure(tmp_path, "bench_cow", "--heap=64MiB", "--budget-ms=1",
                             "--benchmark_filter=hugetlb")
    assert done.returncode == 0, document["unmeasured"]
    by_state = {b["axes"].get("state", b["benchmark"]): b for b in document["benchmarks"]
                if b["axes"].get("access") != "read"}
    for state, faults in (("first", 32), ("alone", 32), ("second", 0), ("first-touch", 32)):
        assert set(by_state[state]["quantities"]["faults"]["samples"]) == {faults}, state
    _, document = measure(tmp_path, "bench_fork", "--heap=64MiB",
                          "--benchmark_filter=path:fork/.*hugetlb/placement:same")
    checks = {c["check"]: c for c in document["benchmarks"][0]["verification"]}
    assert checks["Private_Hugetlb"]["observed"] == str(64 << 20)


def test_copying_costs_more_than_reuse_and_reuse_more_than_nothing(tmp_path):
    _, document = measure(tmp_path, "bench_cow", "--heap=16MiB", "--benchmark_filter="
                          "cow/writer:parent/.*access:write/pattern:sequential/.*backing:4k")
    debt = {b["axes"]["state"]: b["quantities"]["debt_cpu_ns"]["min"] for b in document["benchmarks"]}
    assert debt["first"] > 1.3 * debt["after-other"]
    assert debt["alone"] > 3 * debt["second"]


def test_one_document_from_the_parents_pid(tmp_path):
    out = tmp_path / "run.json"
    process = subprocess.Popen(
        [BIN / "bench_fork", "--preset=smoke", f"--benchmark_out={out}"],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    assert process.wait(60) == 0
    document = json.loads(out.read_text())  # a second document behind it would be an error
    assert {entry["pid"] for entry in document["benchmarks"]} == {process.pid}
    assert [p.name for p in tmp_path.iterdir()] == ["run.json"]


def test_google_benchmarks_own_flags(tmp_path):
    listed = run("bench_fork", "--benchmark_list_tests", "--benchmark_filter=path:vfork.*heap:0/")
    assert listed.returncode == 0
    assert "fork/path:vfork/heap:0\n" in listed.stdout
    others = run("bench_fork", "--benchmark_list_tests", "--benchmark_filter=-path:vfork")
    assert others.returncode == 0
    assert "fork/path:fork/heap:0\n" in others.stdout and "vfork" not in others.stdout
    _, document = measure(tmp_path, "bench_fork", "--preset=smoke", "--benchmark_filter=heap:0",
                          "--benchmark_repetitions=3")
    assert [b["repetition_index"] for b in document["benchmarks"]] == [0, 1, 2]
    assert {b["repetitions"] for b in document["benchmarks"]} == {3}
    # A bare number is what Google Benchmark 1.7 wants, a unit what 1.8 wants: ours take both.
    for min_time in "0.01", "0.01s":
        done = run("bench_fork", "--preset=smoke", "--benchmark_filter=heap:0", "--samples=7",
                   f"--benchmark_min_time={min_time}")
        assert done.returncode == 0, done.stdout + done.stderr


def test_the_address_space_is_randomised_as_the_caller_has_it(tmp_path):
    """Newer versions of Google Benchmark have a main() that runs itself again without."""
    program = [BIN / "bench_fork", "--preset=smoke", "--benchmark_filter=heap:0"]
    system = int(pathlib.Path("/proc/sys/kernel/randomize_va_space").read_text())
    ours = int(pathlib.Path("/proc/self/personality").read_text(), 16) & ADDR_NO_RANDOMIZE
    for name, prefix, expected in ("as-it-is", [], 0 if ours else system),\
            ("without", ["setarch", "--addr-no-randomize"], 0):
        out = tmp_path / f"{name}.json"
        subprocess.run([*prefix, *program, f"--benchmark_out={out}"], check=True,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        environment = json.loads(out.read_text())["context"]["forkcost"]["environment"]
        assert environment["process"]["aslr"] == expected, name


def test_a_csv_file_has_our_figures_and_not_those_of_the_loop(tmp_path):
    csv = tmp_path / "run.csv"
    done = run("bench_fork", "--preset=smoke", "--benchmark_filter=heap:0", "--samples=50",
               f"--benchmark_out={csv}", "--benchmark_out_format=csv")
    assert done.returncode == 0, done.stdout + done.stderr
    row = next(line for line in csv.read_text().splitlines() if line.startswith('"fork/'))
    _, iterations, real_time, *_ = row.split(",")
    on_screen = float(re.search(r"([\d.e+]+) ns", done.stdout).group(1))
    assert iterations == "50"
    # The loop's time is that of all 50 forks and of setting up.
    assert float(real_time) == pytest.approx(on_screen, rel=0.01)


def test_the_environment_variable_for_the_output_has_our_keys_too(tmp_path):
    out = tmp_path / "run.json"
    done = run("bench_fork", "--preset=smoke", env={**os.environ, "BENCHMARK_OUT": str(out)})
    assert done.returncode == 0, done.stdout + done.stderr
    assert json.loads(out.read_text())["benchmarks"][0]["quantities"]


def test_nothing_measured_is_lost_when_only_aggregates_are_shown(tmp_path):
    _, document = measure(tmp_path, "bench_fork", "--preset=smoke", "--benchmark_repetitions=2",
                          "--benchmark_report_aggregates_only=true", "--benchmark_filter=heap:0")
    assert [b["repetition_index"] for b in document["benchmarks"]] == [0, 1]
    _, document = measure(tmp_path, "bench_fork", "--preset=smoke", "--benchmark_list_tests=false")
    assert document["benchmarks"]


def test_as_many_samples_as_are_asked_for(tmp_path):
    _, document = measure(tmp_path, "bench_fork", "--preset=smoke", "--samples=9")
    assert {b["iterations"] for b in document["benchmarks"]} == {9}


def test_a_heap_that_is_named_twice_is_one_case():
    listed = json.loads(run("bench_fork", "--list-cases", "--heap=0,0", "--preset=smoke").stdout)
    names = [case["name"] for case in listed["cases"]]
    assert names and len(names) == len(set(names))


def test_a_grandchild_killed_from_outside_is_a_failure_that_says_so(tmp_path):
    process = subprocess.Popen(
        [BIN / "bench_cow", "--heap=64MiB", "--budget-ms=20000", f"--benchmark_out={tmp_path}/run.json",
         "--benchmark_filter=cow/writer:grandchild/state:first/access:write/pattern:seq.*4k"],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    def grandchildren():
        return [g for c in children_of(process.pid) for g in children_of(c)]
    os.kill(wait_for(grandchildren, "a grandchild")[0], signal.SIGKILL)
    assert process.wait(30) == 1  # long before the time limit of 60 s
    (entry,) = json.loads((tmp_path / "run.json").read_text())["unmeasured"]
    assert "grandchild" in entry["outcome"]["reason"]


def test_a_name_leaves_out_the_axes_that_have_their_default(tmp_path):
    listed = json.loads(run("bench_fork", "--list-cases", "--preset=full", "--heap=16MiB").stdout)
    for case in listed["cases"]:
        kept = [f"{axis}:{value}" for axis, value in case["axes"].items()
                if value != listed["axes"][axis]["default"]]
        assert case["name"] == "/".join([case["benchmark"], *kept])
        assert set(case["axes"]) == {"path", "heap", "backing", "placement"}
    names = [case["name"] for case in listed["cases"]]
    assert "fork/path:fork/heap:16MiB" in names
    assert "fork/path:fork/heap:16MiB/backing:thp" in names


@pytest.mark.parametrize("name", ["fork/path:fork/heap:16MiB",
                                  "fork/path:fork/heap:16MiB/backing:4k/placement:same-cpu"])
def test_a_case_is_known_by_both_of_its_names(tmp_path, name):
    done, document = measure(tmp_path, "bench_fork", f"--case={name}", "--samples=3")
    assert done.returncode == 0, done.stderr
    assert [b["name"] for b in document["benchmarks"]] == ["fork/path:fork/heap:16MiB"]
    listed = run("bench_fork", "--benchmark_list_tests", f"--benchmark_filter=^{name}$")
    assert listed.stdout == "fork/path:fork/heap:16MiB\n"


def test_a_file_named_gz_is_compressed(tmp_path):
    out = tmp_path / "run.json.gz"
    done = run("bench_fork", "--preset=smoke", "--samples=3", f"--benchmark_out={out}")
    assert done.returncode == 0, done.stderr
    document = unpacked(json.loads(gzip.decompress(out.read_bytes())))
    assert {b["iterations"] for b in document["benchmarks"]} == {3}


def test_digits_that_the_clock_does_not_have_are_not_written(tmp_path):
    out = tmp_path / "run.json"
    assert run("bench_fork", "--preset=smoke", f"--benchmark_out={out}").returncode == 0
    forkcost = json.loads(out.read_text())["context"]["forkcost"]
    step = forkcost["quantities"]["blocked_ns"]["step"]
    resolution = forkcost["clock"]["resolution_ns"]
    assert step == 1 or step <= 1.01 * resolution < 10.1 * step
    assert forkcost["quantities"]["child_cpu_ns"]["step"] == 1000
    assert forkcost["quantities"]["child_minor_faults"]["step"] == 1


@pytest.mark.skipif(not COMPARE.exists(), reason="compare.py is in the package libbenchmark-tools")
def test_google_benchmarks_compare_reads_our_files(tmp_path):
    for name in ("a", "b"):
        done = run("bench_fork", "--preset=smoke", f"--benchmark_out={tmp_path / name}.json",
                   "--benchmark_repetitions=2")
        assert done.returncode == 0
    compared = subprocess.run(
        [sys.executable, COMPARE, "benchmarks", tmp_path / "a.json", tmp_path / "b.json"],
        capture_output=True, text=True)
    assert compared.returncode == 0, compared.stderr
    assert "fork/path:fork/heap:16MiB" in compared.stdout
    assert "Error" not in compared.stderr and "Warning" not in compared.stderr


@pytest.mark.parametrize("arguments, said", [
    (["--benchmark_filter=no-such-case"], "matches no case"),
    (["--case=fork/nonsense"], "there is no case 'fork/nonsense'"),
    (["--preset=fast"], "unknown preset 'fast'"),
    (["--heap=12Q"], "'12Q' is not a size"),
    (["--max-heap=big"], "'big' is not a size"),
    (["--cpu=99999"], "CPU 99999 is not in the affinity mask; allowed: "),
    (["--no-such-flag"], "--no-such-flag"),
    (["--benchmark_no_such_flag"], "--benchmark_no_such_flag"),
    (["--budget-ms=0"], "--budget-ms"),
    (["--clock=10"], "--clock 10: "),
    (['--clock={"source": "tsc", "hz": 0}'], "its hz are none"),
    (["--preset=smoke", "--benchmark_out=/no-such-directory/run.json"], "/no-such-directory"),
])
def test_a_wrong_call_is_exit_status_2_and_named(arguments, said):
    done = run("bench_fork", *arguments)
    assert done.returncode == 2, done.stdout + done.stderr
    assert said in done.stderr
    assert "Benchmark" not in done.stdout  # nothing was measured


def test_a_heap_larger_than_memory_is_skipped_with_what_it_would_need(tmp_path):
    done, document = measure(tmp_path, "bench_fork", "--heap=900TiB",
                             "--benchmark_filter=path:fork/.*4k/placement:same-cpu")
    assert done.returncode == 3
    assert document["benchmarks"] == []  # no figure, also no 0
    (entry,) = document["unmeasured"]
    assert entry["outcome"]["status"] == "skipped"
    assert "of memory (a heap of 900TiB, page tables)" in entry["outcome"]["reason"]
    assert "real_time" not in entry


def test_memory_that_is_refused_is_named(tmp_path):
    limit = lambda: resource.setrlimit(resource.RLIMIT_AS, (512 << 20, 512 << 20))
    done, document = measure(tmp_path, "bench_fork", "--heap=1GiB",
                             "--benchmark_filter=path:fork/.*4k/placement:same-cpu",
                             preexec_fn=limit)
    assert done.returncode == 1
    reason = document["unmeasured"][0]["outcome"]["reason"]
    assert "mmap of 1GiB" in reason and "ENOMEM" in reason and "ulimit -v" in reason


@as_root
def test_works_as_an_ordinary_user(tmp_path):
    os.chown(tmp_path, NOBODY, NOBODY)
    for parent in tmp_path.parents[:2]:
        parent.chmod(0o755)
    done, document = measure(tmp_path, "bench_cow", "--preset=smoke", user=NOBODY, group=NOBODY)
    assert done.returncode == 0, done.stdout + done.stderr
    checks = {c["check"] for c in document["benchmarks"][0]["verification"]}
    assert "minor faults" in checks and "new frames" not in checks  # frames are root's
    assert document["context"]["forkcost"]["environment"]["process"]["pagemap_frames"] is False


@as_root
def test_a_limit_on_processes_is_a_failure_with_its_remedy(tmp_path):
    os.chown(tmp_path, NOBODY, NOBODY)
    for parent in tmp_path.parents[:2]:
        parent.chmod(0o755)
    limit = lambda: resource.setrlimit(resource.RLIMIT_NPROC, (1, 1))
    done, document = measure(tmp_path, "bench_fork", "--preset=smoke", user=NOBODY, group=NOBODY,
                             preexec_fn=limit)
    assert done.returncode == 1
    assert document["benchmarks"] == []
    reason = document["unmeasured"][0]["outcome"]["reason"]
    assert "EAGAIN" in reason and "ulimit -u" in reason


@pytest.mark.skipif(os.uname().machine not in ("x86_64", "aarch64"), reason="no call numbers")
def test_a_containers_seccomp_filter_skips_only_what_it_forbids(tmp_path):
    done, document = measure(tmp_path, "bench_fork", "--heap=0",
                             "--benchmark_filter=placement:same-cpu",
                             preexec_fn=forbid("perf_event_open", "clone3"))
    assert done.returncode == 0, done.stdout + done.stderr
    (entry,) = document["unmeasured"]
    assert entry["axes"]["path"] == "clone3" and entry["outcome"]["status"] == "skipped"
    assert "seccomp" in entry["outcome"]["reason"]
    assert {b["axes"]["path"] for b in document["benchmarks"]} == {"fork", "_Fork", "vfork", "clone-vm"}


def test_images_that_are_missing_are_named(tmp_path):
    program = tmp_path / "bin" / "bench_spawn"
    program.parent.mkdir()
    shutil.copy(BIN / "bench_spawn", program)
    out = tmp_path / "run.json"
    done = subprocess.run([program, "--preset=smoke", f"--benchmark_out={out}"],
                          capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    reason = json.loads(out.read_text())["unmeasured"][0]["outcome"]["reason"]
    assert "libexec/forkcost/nolibc" in reason and "ENOENT" in reason


def start_long_cow(tmp_path):
    process = subprocess.Popen(
        [BIN / "bench_cow", "--heap=64MiB", "--budget-ms=20000", f"--benchmark_out={tmp_path}/run.json",
         "--benchmark_filter=cow/writer:child/state:first/access:write/pattern:sequential/.*4k"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True)
    child = wait_for(lambda: children_of(process.pid), "the first child")[0]
    return process, child


def test_a_child_killed_from_outside_is_a_failure_that_says_so(tmp_path):
    process, child = start_long_cow(tmp_path)
    os.kill(child, signal.SIGKILL)
    process.communicate(timeout=60)
    assert process.returncode == 1
    (entry,) = json.loads((tmp_path / "run.json").read_text())["unmeasured"]
    assert entry["outcome"]["status"] == "failed"
    assert "SIGKILL" in entry["outcome"]["reason"]


@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_signal_leaves_no_process_and_no_file(tmp_path, sign):
    process, child = start_long_cow(tmp_path)
    os.kill(process.pid, sign)
    process.communicate(timeout=60)
    assert process.returncode == -sign
    wait_for(lambda: not pathlib.Path(f"/proc/{child}").exists(), "the end of the child")
    assert list(tmp_path.iterdir()) == []


def test_a_case_that_takes_too_long_fails(tmp_path):
    done, document = measure(tmp_path, "bench_cow", "--heap=256MiB", "--time-limit-s=0.05",
                             "--benchmark_filter=cow/writer:child/state:first/access:write/"
                             "pattern:sequential/.*4k")
    assert done.returncode == 1
    assert "--time-limit-s" in document["unmeasured"][0]["outcome"]["reason"]


def test_help_names_both_kinds_of_flags():
    done = run("bench_fork", "--help")
    assert done.returncode == 0
    assert "--max-heap" in done.stdout and "--benchmark_filter" in done.stdout
    assert re.match(r"\d+\.\d+\.\d+ \(", run("bench_fork", "--version").stdout)
