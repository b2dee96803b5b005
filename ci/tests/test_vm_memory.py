"""Boards of 128 and 256 MiB, as the kernel sees them: what fits is measured, what does not is skipped
with the figure that it would take, and the kernel kills nobody.

Needs FORKCOST_BUILD: a build tree of this architecture. vm_python.sh skips it where nothing can be
booted. The guest's files lie in its memory, so there are only the programs and images of these cases.
"""

import json
import os
import pathlib
import re
import subprocess

import pytest

BUILD = pathlib.Path(os.environ["FORKCOST_BUILD"]).absolute()
DEBIAN = {"x86_64": "amd64", "aarch64": "arm64"}[os.environ["FORKCOST_ARCH"]]
MIB = 1 << 20
PROGRAMS = ("forkcost-run", "bench_cow", "bench_fork", "bench_claims")
LIMIT_S = 120


def boot(directory, mib):
    """The result of a run in a guest of that size, and what its console said."""
    out, console = directory / "run.json", directory / "console"
    files = [f"--file={BUILD}/bin/{name}:/suite/bin/{name}" for name in PROGRAMS]
    files += [f"--file={BUILD}/libexec/forkcost/{name}:/suite/libexec/forkcost/{name}"
              for name in ("nolibc", "static")]
    run = ("/suite/bin/forkcost-run --preset=quick --rounds=1 --max-heap=256MiB --time-limit-s=30"
           " --out=/tmp/run.json"
           " --quiet --filter='^(cow|first-touch|zero-page|copy-page)/|^fork/path:fork/|fork-bomb|gc-dirties'"
           " >/tmp/said 2>&1; status=$?; cat /tmp/said; exit $status")
    done = subprocess.run(
        [BUILD / "bin/forkcost-boot", "--kernel", f"debian:linux-image-cloud-{DEBIAN}", "--mode=tcg",
         f"--memory={mib}M", "--file=debian:busybox-static/bin/busybox:/bin/sh", *files,
         f"--out=/tmp/run.json:{out}", f"--console={console}", f"--time-limit-s={LIMIT_S}",
         "--", "/bin/sh", "-c", run],
        capture_output=True, text=True, timeout=2 * LIMIT_S, check=False)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr
    said = console.read_text(errors="replace")
    assert "Out of memory" not in said and "oom-kill" not in said
    return json.loads(out.read_text())


@pytest.mark.parametrize("mib, largest", [(256, 64), (128, 16)])
def test_a_heap_of_a_quarter_or_an_eighth_fits(mib, largest, tmp_path):
    document = boot(tmp_path, mib)
    cases = document["context"]["forkcost"]["cases"]
    measured = [cases[entry["name"]] for entry in document["benchmarks"]]
    heaps = {case["heap_bytes"] // MIB for case in measured if case["benchmark"] in ("cow", "fork")}
    assert largest in heaps, heaps
    for entry in document["unmeasured"]:
        reason = entry["outcome"]["reason"]
        print(f"{entry['name']}: {reason}")
        assert entry["outcome"]["status"] == "skipped", entry
        lacking = re.search(r"needs (\d+) MiB .* and (\d+) MiB in reserve, (\d+) MiB are available", reason)
        case = cases[entry["name"]]
        if case["benchmark"] != "claim":
            assert lacking is None or case["heap_bytes"] > largest * MIB, entry
        if lacking:
            needs, reserve, available = map(int, lacking.groups())
            assert needs + reserve > available and available < mib
    assert any("of memory" in entry["outcome"]["reason"] for entry in document["unmeasured"])
