"""bench_load, at the start of a program: what the loader did is what the cases are named for; and
what all groups say when they cannot be measured."""

import json
import os
import shutil
import struct
import subprocess

import pytest

from programs import (
    BIN, NOBODY, as_root, check_smoke, checks_of, measure, medians_of, run, unpacked,
)

LIBEXEC = BIN.parent / "libexec" / "forkcost"
SETS = LIBEXEC / "libraries"
PAGE = os.sysconf("SC_PAGESIZE")
COUNTS = {"relative": "relative relocations counted by the loader",
          "lookups": "symbols looked up, counted by the loader"}


def load_name(libraries=4, shape="flat", relocations=1000, kind="rela", binding="lazy", hash="gnu",
              cache="warm"):
    return (f"load/libraries:{libraries}/shape:{shape}/relocations:{relocations}/kind:{kind}"
            f"/binding:{binding}/hash:{hash}/page-cache:{cache}")


def measure_load(tmp_path, pattern, *arguments, **options):
    return measure(tmp_path, "bench_load", f"--benchmark_filter={pattern}", "--samples=3",
                   *arguments, **options)


def by_name(document):
    return {entry["full_name"]: entry for entry in document["benchmarks"]}


def the_one_without_figures(document):
    (entry,) = document["unmeasured"]
    return entry["outcome"]["status"], entry["outcome"]["reason"]


def skip_unless_measured(document):
    for entry in document["unmeasured"]:
        if entry["outcome"]["status"] == "skipped":
            pytest.skip(entry["outcome"]["reason"])


@pytest.fixture(scope="module")
def design(tmp_path_factory):
    """All points with 4 libraries, flat and warm: name -> entry; and what could not be measured."""
    directory = tmp_path_factory.mktemp("design")
    done, document = measure_load(directory, "load/libraries:4/shape:flat/.*/page-cache:warm")
    assert done.returncode == 0, document["unmeasured"]
    return by_name(document), {entry["full_name"]: entry for entry in document["unmeasured"]}


def point(design, **axes):
    entries, missing = design
    name = load_name(**axes)
    if name in missing:
        pytest.skip(missing[name]["outcome"]["reason"])
    return entries[name]


def test_smoke(tmp_path):
    check_smoke("bench_load", tmp_path)


def test_presets():
    def names(preset):
        listed = json.loads(run("bench_load", "--list-cases", f"--preset={preset}").stdout)
        return [case["full_name"] for case in listed["cases"]]
    smoke, quick, standard, full = map(names, ("smoke", "quick", "standard", "full"))
    assert len(full) == len(set(full))
    assert set(smoke) < set(quick) < set(standard) < set(full)
    assert {load_name(n) for n in (0, 1, 16, 64, 256)} < set(quick)
    # two points for each slope
    assert {load_name(n, "directories") for n in (16, 64)} < set(quick)
    assert {load_name(n, cache="cold") for n in (16, 64)} < set(quick)
    assert {load_name(4, relocations=n) for n in (0, 10000)} < set(quick)
    assert sum(name.startswith("load/") for name in quick) <= 16
    assert {load_name(n, cache="cold") for n in (0, 1, 4, 16, 64, 256)} < set(standard)
    warm = {name for name in full if name.startswith("load/") and name.endswith("warm")}
    assert warm < set(standard)
    # dlmopen has no RTLD_GLOBAL
    assert not [name for name in full if "scope:global/time:namespace" in name]


@pytest.mark.parametrize("kind, binding, relative, lookups", [
    ("rela", "lazy", 4000, 0), ("relr", "lazy", 0, 0), ("symbolic", "lazy", 0, 4000),
    ("plt", "lazy", 0, 0), ("plt", "now", 0, 4000), ("plt", "now-relro", 0, 4000),
])
def test_the_loader_counts_exactly_what_the_files_say(design, kind, binding, relative, lookups):
    for relocations in (1000, 10000):
        entry = point(design, relocations=relocations, kind=kind, binding=binding)
        observed = checks_of(entry)
        if COUNTS["relative"] not in observed:
            pytest.skip("this libc's loader has no LD_DEBUG=statistics")
        factor = relocations // 1000
        assert int(observed[COUNTS["relative"]]) == relative * factor
        assert int(observed[COUNTS["lookups"]]) == lookups * factor
        assert observed["lookups that it need not repeat"] == "0"
        said = {"rela": 0, "relr": 0, "symbolic": 0, "plt": 0} | {kind: 4 * relocations}
        assert observed["relocations"] == ", ".join(f"{k} {n}" for k, n in said.items())


def writable_pages(library):
    """Pages of the segments that the loader may write, by the file's program header."""
    content = library.read_bytes()
    (start,) = struct.unpack_from("<Q", content, 32)
    size, number = struct.unpack_from("<HH", content, 54)
    pages = 0
    for i in range(number):
        kind, flags, _, address, _, _, in_memory, _ = struct.unpack_from(
            "<IIQQQQQQ", content, start + i * size)
        if kind == 1 and flags & 2:
            pages += (address + in_memory + PAGE - 1) // PAGE - address // PAGE
    return pages


@pytest.mark.parametrize("relocations", [0, 1000, 10000])
@pytest.mark.parametrize("kind, binding", [("rela", "lazy"), ("relr", "lazy"), ("symbolic", "lazy"),
                                           ("plt", "lazy"), ("plt", "now")])
def test_the_pages_that_hold_relocations_become_private(design, relocations, kind, binding):
    if relocations == 0 and kind != "rela":
        return  # the same as rela
    entry = point(design, relocations=relocations, kind=kind, binding=binding)
    library = SETS / f"flat-{kind}-{relocations}-{binding}-gnu" / "libfc-000.so"
    dirty = medians_of(entry)["library_private_dirty_bytes"]
    assert dirty == 4 * writable_pages(library) * PAGE
    assert relocations * 8 <= dirty / 4 < relocations * 8 + 3 * PAGE


def test_packed_relocations_are_smaller(design):
    rela, relr = (medians_of(point(design, relocations=10000, kind=kind))
                  for kind in ("rela", "relr"))
    assert relr["library_private_dirty_bytes"] == rela["library_private_dirty_bytes"]
    assert relr["pss_bytes"] + 4 * 200_000 < rela["pss_bytes"]  # 24 bytes each, read by nobody


def test_a_lookup_costs_more_than_an_addition(design):
    """By the least of the samples: beside other work the median of a few told of that work."""
    costs = {kind: point(design, relocations=10000, kind=kind, binding=binding)["quantities"]
             for kind, binding in (("rela", "lazy"), ("symbolic", "lazy"), ("plt", "now"))}
    for kind in ("symbolic", "plt"):
        for quantity, factor in (("main_start_ns", 1.5), ("relocation_ns", 2)):
            if quantity in costs[kind]:
                assert costs[kind][quantity]["min"] > factor * costs["rela"][quantity]["min"]


@pytest.mark.parametrize("clock", ["", "vdso"])
def test_the_loaders_account_fits_what_was_stamped(tmp_path, clock):
    done, document = measure_load(tmp_path, load_name(16), env={
        **os.environ, "FORKCOST_CLOCK": clock})
    assert done.returncode == 0, document["unmeasured"]
    (entry,) = document["benchmarks"]
    times = ("loader_ns", "load_ns", "relocation_ns", "entry_start_ns")
    if document["context"]["forkcost"]["clock"]["source"] == "vdso":
        assert not set(times) & set(entry["quantities"])
        return
    if "loader_ns" not in entry["quantities"]:
        pytest.skip("this libc's loader says no times")
    loader, load, relocation, started = (entry["quantities"][name]["min"] for name in times)
    assert load + relocation < loader < 1.5 * started
    assert loader > started / 5
    assert entry["quantities"]["loader_ns"]["n"] == 3


def test_directories_are_searched_in_vain(tmp_path):
    done, document = measure_load(
        tmp_path, "load/libraries:(4|16)/shape:(flat|directories)/relocations:1000/kind:rela/"
        ".*page-cache:warm")
    assert done.returncode == 0, document["unmeasured"]
    opens = {(e["axes"]["shape"], int(e["axes"]["libraries"])):
             e["quantities"]["failed_opens"]["p50"] for e in document["benchmarks"]
             if "failed_opens" in e["quantities"]}
    if not opens:
        pytest.skip("this libc's loader has no LD_DEBUG=libs")
    assert opens["flat", 4] == opens["flat", 16]
    for n in (4, 16):
        # library k behind k directories, libc behind all
        assert opens["directories", n] - opens["flat", n] >= n * (n - 1) // 2


def test_a_cold_start_reads_the_disk_and_a_warm_one_does_not(tmp_path):
    done, document = measure_load(
        tmp_path, "load/libraries:16/shape:flat/relocations:1000/kind:rela/")
    skip_unless_measured(document)
    assert done.returncode == 0, document["unmeasured"]
    warm, cold = (by_name(document)[load_name(16, cache=cache)] for cache in ("warm", "cold"))
    assert warm["quantities"]["child_major_faults"]["max"] == 0
    assert "child_read_bytes" not in warm["quantities"]
    assert checks_of(cold)["pages of its files cached, before any sample"] == "0"
    assert int(checks_of(cold)["pages of each file cached by each sample"]) > 0
    read = cold["quantities"].get("child_read_bytes", {"min": 0})["min"]
    assert cold["quantities"]["child_major_faults"]["min"] > 0 or read > 0


def test_the_users_environment_stays_outside(tmp_path):
    done, document = measure_load(tmp_path, load_name(kind="plt"), env={
        **os.environ, "LD_BIND_NOW": "1", "LD_LIBRARY_PATH": "/nowhere"})
    assert done.returncode == 0, document["unmeasured"]  # its symbols were not looked up


def suite_with(tmp_path, *sets):
    """A copy of the program, its images and these sets of libraries; the copied sets' folder."""
    program = tmp_path / "suite" / "bin" / "bench_load"
    program.parent.mkdir(parents=True)
    shutil.copy(BIN / "bench_load", program)
    libraries = tmp_path / "suite" / "libexec" / "forkcost" / "libraries"
    libraries.mkdir(parents=True)
    shutil.copy(LIBEXEC / "loading", libraries.parent)
    for name in sets:
        shutil.copytree(SETS / name, libraries / name)
    return program, libraries


def measure_with(program, tmp_path, pattern):
    out = tmp_path / "run.json"
    done = subprocess.run([program, f"--benchmark_filter={pattern}", "--samples=3",
                           f"--benchmark_out={out}"], capture_output=True, text=True, timeout=60)
    return done, unpacked(json.loads(out.read_text()))


CENTRE = "flat-rela-1000-lazy-gnu"


@pytest.mark.parametrize("pattern, made, lost", [
    (load_name(16), CENTRE, "libfc-007.so"),
    (load_name(16), CENTRE, "program-16"),
    ("zygote/path:fork-server/libraries:16/", CENTRE, "libfc-007.so"),
    ("dlopen/libraries:16/mode:lazy/scope:local/time:first", "flat-plt-100-lazy-gnu",
     "libfc-007.so"),
    ("call/binding:lazy/time:first", "flat-plt-1000-lazy-gnu", "libfc-000.so"),
    ("text-touch/pattern:random/.*warm", "text", "libfc-000.so"),
])
def test_a_file_that_is_missing_is_named(tmp_path, pattern, made, lost):
    program, libraries = suite_with(tmp_path, made)
    (libraries / made / lost).unlink()
    done, document = measure_with(program, tmp_path, pattern)
    assert done.returncode == 1
    status, reason = the_one_without_figures(document)
    assert status == "failed"
    assert f"libraries/{made}/{lost}" in reason and "ENOENT" in reason and "install" in reason


def test_files_that_were_just_written_are_nobodys_private_memory(design, tmp_path):
    program, _ = suite_with(tmp_path, CENTRE)
    done, document = measure_with(program, tmp_path, load_name())
    assert done.returncode == 0, document["unmeasured"]
    (entry,) = document["benchmarks"]
    here, there = (medians_of(e)["library_private_dirty_bytes"] for e in (entry, point(design)))
    assert here == there


def test_a_library_that_is_another_one_fails(tmp_path):
    program, libraries = suite_with(tmp_path, CENTRE)
    shutil.copy(SETS / "flat-rela-10000-lazy-gnu" / "libfc-002.so", libraries / CENTRE)
    done, document = measure_with(program, tmp_path, load_name(4))
    assert done.returncode == 1
    status, reason = the_one_without_figures(document)
    assert status == "failed" and "relocations is rela 13000" in reason


def test_what_the_linker_could_not_make_is_skipped_in_its_words(tmp_path):
    program, libraries = suite_with(tmp_path, CENTRE)
    made = libraries / "flat-relr-1000-lazy-gnu"
    made.mkdir()
    (made / "unsupported").write_text("the linker that built this cannot: it takes another one\n")
    done, document = measure_with(program, tmp_path, load_name(4, kind="relr"))
    assert done.returncode == 3
    assert the_one_without_figures(document) == (
        "skipped", "the linker that built this cannot: it takes another one")


@as_root
def test_who_does_not_own_the_libraries_measures_them_warm(tmp_path):
    os.chown(tmp_path, NOBODY, NOBODY)
    for parent in tmp_path.parents[:2]:
        parent.chmod(0o755)
    done, document = measure_load(
        tmp_path, "(load/libraries:1/shape:flat/|text-touch/pattern:random|zygote/.*libraries:1/|"
        "dlopen/libraries:1/mode:now/scope:local/time:first)", user=NOBODY, group=NOBODY)
    assert done.returncode == 0, document["unmeasured"]
    assert len(document["benchmarks"]) == 5 and len(document["unmeasured"]) == 2
    assert all(e["axes"].get("page-cache", "warm") == "warm" for e in document["benchmarks"])
    for entry in document["unmeasured"]:
        assert entry["axes"]["page-cache"] == "cold"
        assert entry["outcome"]["status"] == "skipped" and "owner" in entry["outcome"]["reason"]


@as_root
def test_cold_is_skipped_where_files_have_no_disk(tmp_path):
    place = tmp_path / "place"
    place.mkdir()
    script = (f"mount -t tmpfs -o mode=755 none {place} && mkdir -p {place}/bin {place}/libexec/"
              f"forkcost/libraries && cp {BIN}/bench_load {place}/bin && cp -r {SETS}/{CENTRE} "
              f"{SETS}/text {place}/libexec/forkcost/libraries && exec {place}/bin/bench_load "
              f"--benchmark_filter='load/libraries:4/|text-touch/pattern:random' --samples=3 "
              f"--benchmark_out={tmp_path}/run.json")
    done = subprocess.run(["unshare", "--mount", "sh", "-c", script], capture_output=True,
                          text=True)
    if not (tmp_path / "run.json").exists():
        pytest.skip(f"no mount namespace: {done.stderr}")
    document = unpacked(json.loads((tmp_path / "run.json").read_text()))
    assert {load_name(4), "text-touch/pattern:random/pages:1024/page-cache:warm"} <= set(
        by_name(document))
    skipped = [e for e in document["unmeasured"] if e["outcome"]["status"] == "skipped"]
    assert {e["axes"]["page-cache"] for e in skipped} == {"cold"} and len(skipped) >= 2
    assert all("tmpfs" in e["outcome"]["reason"] for e in skipped)
