"""bench_exec: what its cases are named for is what happened, and what it says when it cannot be."""

import json
import os
import re
import resource
import shutil
import signal
import subprocess

import pytest

from programs import (
    BIN, NOBODY, as_root, check_smoke, checks_of, evicting, forbid, measure, run, unpacked, wait_for,
)

CENTRE = "args:small/path-dirs:0/heap:0"


def measure_exec(tmp_path, pattern, *arguments, **options):
    return measure(tmp_path, "bench_exec", f"--benchmark_filter={pattern}", "--budget-ms=5",
                   *arguments, **options)


def skip_without_a_disk(document):
    for entry in document["unmeasured"]:
        if "stay in the page cache" in entry["outcome"]["reason"]:
            pytest.skip(entry["outcome"]["reason"])


def mounted(directory, options):
    """The start of a command that runs the rest with a tmpfs on `directory`, which nobody else sees."""
    script = f'mount -t tmpfs -o {options} none "$0" && exec "$@"'
    for flags in ("-m", "-rm"):
        command = ["unshare", flags, "sh", "-c", script, str(directory)]
        try:
            if subprocess.run([*command, "true"], capture_output=True).returncode == 0:
                return command
        except FileNotFoundError:
            break
    pytest.skip("no mount of our own: needs root or user namespaces, and unshare")


def measure_on_mount(tmp_path, options, pattern):
    place = tmp_path / "place"
    place.mkdir()
    out = tmp_path / "run.json"
    done = subprocess.run(
        [*mounted(place, options), BIN / "bench_exec", f"--benchmark_filter={pattern}",
         "--budget-ms=5", f"--benchmark_out={out}"],
        capture_output=True, text=True, timeout=60, env={**os.environ, "TMPDIR": str(place)})
    return done, unpacked(json.loads(out.read_text()))


def test_smoke(tmp_path):
    check_smoke("bench_exec", tmp_path)


def test_presets():
    def names(preset):
        listed = json.loads(run("bench_exec", "--list-cases", f"--preset={preset}").stdout)
        return [case["name"] for case in listed["cases"]]
    full = names("full")
    # 11 images, 2 states of the cache, 3 sizes, 2 paths, 2 heaps; memfd is never cold nor in PATH
    assert len(full) == len(set(full)) == 11 * 24 - 18
    assert len(names("quick")) < 20
    standard = names("standard")
    # one axis varied at a time
    assert len(standard) == 11 * 6 - 2
    assert set(names("smoke")) < set(names("quick")) < set(standard) < set(full)
    assert not [n for n in full if "memfd" in n and ("cold" in n or "path-dirs:16" in n)]
    asked = json.loads(run("bench_exec", "--list-cases", "--heap=3MiB", "--preset=quick").stdout)
    assert {case["axes"]["heap"] for case in asked["cases"]} == {"3MiB"}


@pytest.mark.parametrize("clock", ["", "vdso"])
def test_every_image_is_what_it_is_called(tmp_path, clock):
    done, document = measure_exec(tmp_path, f"page-cache:warm/{CENTRE}", env={
        **os.environ, "FORKCOST_CLOCK": clock})
    assert done.returncode == 0, document["unmeasured"]
    by_image = {entry["axes"]["image"]: entry for entry in document["benchmarks"]}
    assert len(by_image) == 11
    for image, entry in by_image.items():
        checks = checks_of(entry)
        program = {"script": "nolibc", "script-2": "nolibc"}.get(image, image)
        runs = "/memfd:forkcost-image (deleted)" if image == "memfd" else f"libexec/forkcost/{program}"
        assert checks["program that runs"].endswith(runs)
        levels = {"script": "1", "script-2": "2"}.get(image, "0")
        assert checks["interpreters before the image"] == levels
        movable, loaded = image in ("static-pie", "dynamic"), image.startswith("dynamic")
        assert checks["position-independent"] == str(movable).lower()
        assert checks["run by a loader"] == str(loaded).lower()
        for seen in ("major faults, in any sample", "blocks read, in any sample",
                     "pages of its files not cached, before and after the samples"):
            assert checks[seen] == "0"
    with_libc = {"static", "static-pie", "dynamic", "dynamic-nopie"}
    stamped = {image for image, entry in by_image.items() if "image_start_ns" in entry["quantities"]}
    if document["context"]["forkcost"]["clock"]["source"] == "vdso":
        assert stamped == set(by_image) - with_libc  # their entry point can only read a counter
    else:
        assert stamped == set(by_image) - {"dynamic", "dynamic-nopie"}
        assert all("entry_start_ns" in entry["quantities"] for entry in by_image.values())


def test_cold_is_read_from_the_disk_and_warm_is_not(tmp_path):
    done, document = measure_exec(tmp_path, f"image:(nolibc|static|dynamic|script-2)/.*/{CENTRE}")
    skip_without_a_disk(document)
    assert done.returncode == 0, document["unmeasured"]
    assert len(document["benchmarks"]) == 8
    for entry in document["benchmarks"]:
        checks, quantities = checks_of(entry), entry["quantities"]
        if entry["axes"]["page-cache"] == "warm":
            assert "child_read_bytes" not in quantities
            continue
        assert checks["pages of its files cached, before any sample"] == "0"
        assert int(checks["pages of each file cached by each sample"]) > 0
        if "child_read_bytes" in quantities:  # the kernel may not account for it
            assert quantities["child_read_bytes"]["min"] >= 4096
    cold = {entry["axes"]["image"]: entry["quantities"] for entry in document["benchmarks"]
            if entry["axes"]["page-cache"] == "cold"}
    # More than exec and what the kernel reads ahead then bring.
    assert cold["static"]["child_major_faults"]["min"] >= 1


def test_warm_files_that_are_put_out_are_no_warm_figure(tmp_path):
    pattern = f"image:nolibc/page-cache:(warm|cold)/{CENTRE}"
    _, document = measure_exec(tmp_path, pattern)
    skip_without_a_disk(document)
    with evicting(BIN.parent / "libexec" / "forkcost" / "nolibc"):
        done, document = measure_exec(tmp_path, pattern.replace("(warm|cold)", "warm"),
                                      "--samples=2000")
    (entry,) = document["unmeasured"]
    assert entry["outcome"]["status"] == "skipped" and entry["outcome"]["by_chance"]
    assert "not warm" in entry["outcome"]["reason"]


def test_address_space_that_is_too_small_for_the_text_is_named(tmp_path):
    limit = lambda: resource.setrlimit(resource.RLIMIT_AS, (200 << 20, 200 << 20))
    done, document = measure_exec(tmp_path, f"image:(nolibc|text-64MiB)/page-cache:warm/{CENTRE}",
                                  preexec_fn=limit)
    assert done.returncode == 0, document["unmeasured"]
    (entry,) = document["unmeasured"]
    assert entry["axes"]["image"] == "text-64MiB" and entry["outcome"]["status"] == "skipped"
    assert "ulimit -v" in entry["outcome"]["reason"]


def test_memory_that_may_not_be_run_is_a_skip(tmp_path):
    done, document = measure_exec(tmp_path, f"image:memfd/page-cache:warm/{CENTRE}",
                                  preexec_fn=forbid("execveat"))
    (entry,) = document["unmeasured"]
    assert entry["outcome"]["status"] == "skipped" and "EPERM" in entry["outcome"]["reason"]


def test_the_loaders_account_fits_what_was_stamped(tmp_path):
    done, document = measure_exec(tmp_path, f"image:(static|dynamic)/page-cache:warm/{CENTRE}")
    assert done.returncode == 0, document["unmeasured"]
    static, dynamic = (entry["quantities"] for entry in document["benchmarks"])
    assert "loader_ns" not in static
    if "loader_ns" not in dynamic:
        pytest.skip("this libc's loader keeps no account, or the clock is the kernel's")
    assert 3 <= dynamic["loader_ns"]["n"] <= 5
    # A figure without its last digit (glibc 2.36) would be far below.
    entry = dynamic["entry_start_ns"]["p50"]
    assert entry / 5 < dynamic["loader_ns"]["p50"] < entry


@pytest.mark.parametrize("image", ["dynamic", "script-2", "memfd"])
def test_the_bytes_of_arguments_arrive(tmp_path, image):
    done, document = measure_exec(tmp_path, f"image:{image}/page-cache:warm/.*path-dirs:0/heap:0")
    assert done.returncode == 0, document["unmeasured"]
    arrived = {entry["axes"]["args"]: int(checks_of(entry)["bytes of arguments and environment"])
               for entry in document["benchmarks"]}
    assert arrived["small"] < 1024
    for name, size in (("128KiB", 128 << 10), ("1MiB", 1 << 20)):
        # a script's interpreters come on top
        assert size <= arrived[name] < size + (1024 if image == "script-2" else 1)


def test_the_users_environment_stays_outside(tmp_path):
    pattern = f"image:dynamic/page-cache:warm/{CENTRE}"
    def arrived(**environment):
        done, document = measure_exec(tmp_path, pattern, env={**os.environ, **environment})
        assert done.returncode == 0, document["unmeasured"]
        return checks_of(document["benchmarks"][0])["bytes of arguments and environment"]
    assert arrived() == arrived(LD_BIND_NOW="1", SOMETHING="x" * 10000)


def test_path_is_searched_in_vain_sixteen_times(tmp_path):
    done, document = measure_exec(tmp_path, "image:(nolibc|script)/page-cache:warm/args:small/"
                                  "path-dirs:16/heap:0")
    assert done.returncode == 0, document["unmeasured"]
    for entry in document["benchmarks"]:
        assert checks_of(entry)["directories of PATH without the image"] == "16"


def test_directories_that_path_would_divide_are_a_skip(tmp_path):
    place = tmp_path / "with:colon"
    place.mkdir()
    _, document = measure_exec(tmp_path, "image:nolibc/page-cache:warm/args:small/path-dirs:.*/"
                               "heap:0", env={**os.environ, "TMPDIR": str(place)})
    assert [entry["axes"]["path-dirs"] for entry in document["benchmarks"]] == ["0"]
    (entry,) = document["unmeasured"]
    assert entry["outcome"]["status"] == "skipped" and "colon" in entry["outcome"]["reason"]


def test_a_stack_limit_that_is_too_small_for_the_arguments_is_named(tmp_path):
    def with_stack(kib):
        limit = lambda: resource.setrlimit(
            resource.RLIMIT_STACK, (kib << 10, resource.getrlimit(resource.RLIMIT_STACK)[1]))
        return measure_exec(tmp_path, "image:nolibc/page-cache:warm/.*path-dirs:0/heap:0",
                            preexec_fn=limit)
    done, document = with_stack(2048)
    assert done.returncode == 0, document["unmeasured"]  # the others are measured
    assert {entry["axes"]["args"] for entry in document["benchmarks"]} == {"small", "128KiB"}
    (entry,) = document["unmeasured"]
    assert entry["outcome"]["status"] == "skipped"
    needed = int(entry["outcome"]["reason"].rpartition("ulimit -s ")[2])
    assert 4096 < needed < 4300
    _, document = with_stack(needed)
    assert document["unmeasured"] == []


def test_a_shebang_line_that_the_kernel_would_cut_off_is_skipped(tmp_path):
    place = tmp_path / ("x" * 200) / ("y" * 100)
    place.mkdir(parents=True)
    out = tmp_path / "run.json"
    done = run("bench_exec", f"--benchmark_filter=image:script-2/page-cache:warm/{CENTRE}",
               "--budget-ms=5", f"--benchmark_out={out}", env={**os.environ, "TMPDIR": str(place)})
    assert done.returncode == 3, done.stderr
    (entry,) = json.loads(out.read_text())["unmeasured"]
    assert entry["outcome"]["status"] == "skipped"
    assert re.fullmatch(r"shebang line is \d{3} bytes, the kernel's limit is 255; use a shorter TMPDIR.*",
                        entry["outcome"]["reason"])


def test_cold_scripts_are_skipped_where_files_have_no_disk(tmp_path):
    done, document = measure_on_mount(tmp_path, "exec", f"image:script/.*/{CENTRE}")
    assert done.returncode == 0, document["unmeasured"]
    (measured,) = document["benchmarks"]
    (skipped,) = document["unmeasured"]
    assert measured["axes"]["page-cache"] == "warm" and skipped["axes"]["page-cache"] == "cold"
    assert skipped["outcome"]["status"] == "skipped"
    assert "tmpfs" in skipped["outcome"]["reason"]


@pytest.mark.parametrize("options, said", [
    ("noexec", ["noexec", "TMPDIR"]),
    ("exec,size=64k", ["1MiB of files", "TMPDIR"]),
    ("ro", ["EROFS", "TMPDIR"]),
])
def test_a_place_that_is_no_good_for_scripts_is_named(tmp_path, options, said):
    pattern = f"image:(nolibc|script)/page-cache:warm/{CENTRE}"
    done, document = measure_on_mount(tmp_path, options, pattern)
    assert [entry["axes"]["image"] for entry in document["benchmarks"]] == ["nolibc"]
    (entry,) = document["unmeasured"]
    assert all(word in entry["outcome"]["reason"] for word in said), entry["outcome"]
    assert entry["outcome"]["status"] == "skipped" and done.returncode == 0


def test_an_interpreter_whose_path_is_too_long_is_a_skip(tmp_path):
    place = tmp_path / ("x" * 200) / ("y" * 100)
    place.mkdir(parents=True)
    done, document = measure_exec(tmp_path, f"image:script.*/page-cache:warm/{CENTRE}",
                                  env={**os.environ, "TMPDIR": str(place)})
    # script's interpreter is nolibc, where it always is; script-2's is the script
    assert done.returncode == 0, document["unmeasured"]
    (entry,) = document["unmeasured"]
    assert entry["axes"]["image"] == "script-2" and entry["outcome"]["status"] == "skipped"
    assert "limit is 255" in entry["outcome"]["reason"]
    assert list(place.iterdir()) == []


@pytest.mark.parametrize("image", ["nolibc", "dynamic", "script", "memfd"])
def test_an_image_that_is_missing_is_named(tmp_path, image):
    program = tmp_path / "bin" / "bench_exec"
    program.parent.mkdir()
    shutil.copy(BIN / "bench_exec", program)
    out = tmp_path / "run.json"
    done = subprocess.run([program, f"--benchmark_filter=image:{image}/page-cache:warm/{CENTRE}",
                           f"--benchmark_out={out}"], capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    (entry,) = json.loads(out.read_text())["unmeasured"]
    wanted = image if image == "dynamic" else "nolibc"
    assert f"libexec/forkcost/{wanted}" in entry["outcome"]["reason"]
    assert "ENOENT" in entry["outcome"]["reason"]


@as_root
def test_who_does_not_own_the_images_measures_them_warm(tmp_path):
    os.chown(tmp_path, NOBODY, NOBODY)
    for parent in tmp_path.parents[:2]:
        parent.chmod(0o755)
    done, document = measure_exec(tmp_path, f"image:nolibc/.*/{CENTRE}", user=NOBODY, group=NOBODY)
    assert done.returncode == 0, document["unmeasured"]
    (measured,) = document["benchmarks"]
    (skipped,) = document["unmeasured"]
    assert measured["axes"]["page-cache"] == "warm"
    assert skipped["outcome"]["status"] == "skipped" and "owner" in skipped["outcome"]["reason"]


@pytest.mark.parametrize("sign", [None, signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_nothing_stays_in_the_scratch_place(tmp_path, sign):
    place = tmp_path / "place"
    place.mkdir()
    process = subprocess.Popen(
        [BIN / "bench_exec", "--samples=3" if sign is None else "--samples=1000000",
         "--benchmark_filter=image:script-2/page-cache:warm/args:small/path-dirs:16/heap:0"],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
        env={**os.environ, "TMPDIR": str(place)})
    wait_for(lambda: list(place.glob("*/script-2")), "the scripts")
    if sign is not None:
        os.kill(process.pid, sign)
    assert process.wait(60) == (0 if sign is None else -sign)
    wait_for(lambda: not list(place.iterdir()), "the end of the scratch files")


def test_a_scratch_place_that_is_not_there_is_named(tmp_path):
    missing = tmp_path / "no-such-place"
    done, document = measure_exec(tmp_path, f"image:script/page-cache:warm/{CENTRE}",
                                  env={**os.environ, "TMPDIR": str(missing)})
    assert done.returncode == 3
    assert document["unmeasured"][0]["outcome"]["status"] == "skipped"
    reason = document["unmeasured"][0]["outcome"]["reason"]
    assert str(missing) in reason and "ENOENT" in reason and "TMPDIR" in reason
