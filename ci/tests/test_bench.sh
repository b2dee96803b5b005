#!/bin/sh
# ci/bench.sh around stand-ins for forkcost-run and forkcost: what it hands on, and how it ends.
set -eu
ci=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# A project whose build gives two scripts. forkcost-run ends with the status in $work/status, and
# writes its arguments into its result file; it waits to be interrupted when the status is `wait`.
tree=$work/tree
mkdir -p "$tree/ci" "$work/elsewhere"
cp "$ci/bench.sh" "$ci/common.sh" "$tree/ci/"
cat >"$tree/ci/setup.sh" <<'EOF'
#!/bin/sh
[ -z "${TEST_SETUP_FAILS:-}" ] || exit 3
if [ "${1:-}" = --print-python ]; then echo /usr/bin/python3; fi
EOF
cat >"$tree/CMakePresets.json" <<'EOF'
{"version": 6, "configurePresets": [
  {"name": "release", "binaryDir": "${sourceDir}/build/${presetName}"}]}
EOF
cat >"$tree/CMakeLists.txt" <<'EOF'
cmake_minimum_required(VERSION 3.25)
project(stand_in LANGUAGES NONE)
add_custom_target(programs ALL COMMAND ${CMAKE_SOURCE_DIR}/build.sh)
file(COPY forkcost-run forkcost DESTINATION ${CMAKE_BINARY_DIR}/bin)
EOF
cat >"$tree/build.sh" <<'EOF'
#!/bin/sh
[ -z "$TEST_BUILD_FAILS" ]
EOF
cat >"$tree/forkcost-run" <<EOF
#!/bin/sh
out= previous=
for argument; do
  case \$previous in --out) out=\$argument ;; esac
  case \$argument in --out=*) out=\${argument#--out=} ;; --list) echo list; exit 0 ;; esac
  previous=\$argument
done
status=\$(cat "$work/status")
if [ \$status = wait ]; then
  trap 'echo to go on: --resume; exit 130' INT
  echo torn >"\$out.journal"
  echo \$\$ >"$work/pid"
  while :; do sleep 0.1; done
fi
[ \$status = 2 ] || echo "\$*" >"\$out"
exit \$status
EOF
cat >"$tree/forkcost" <<EOF
#!/bin/sh
[ "\$1 \$3" = 'report -o' ] || exit 2
mkdir -p "\$4" && cp "\$2" "\$4/index.html"
exit \$(cat "$work/report_status")
EOF
chmod +x "$tree"/ci/*.sh "$tree/build.sh" "$tree/forkcost-run" "$tree/forkcost"
export TEST_SETUP_FAILS='' TEST_BUILD_FAILS=''
cd "$work/elsewhere" # any directory will do

failures=0
fail() {
  printf 'FAILED: %s; the output:\n' "$*"
  cat "$work/output"
  failures=$((failures + 1))
}
# expect STATUS PATTERN RUN-STATUS REPORT-STATUS arguments…: PATTERN must be in the output.
expect() {
  want=$1 pattern=$2 status=0
  echo "$3" >"$work/status"
  echo "$4" >"$work/report_status"
  shift 4
  rm -rf "$tree/build/release/results" # two runs in one second would share a directory
  "$tree/ci/bench.sh" "$@" >"$work/output" 2>&1 || status=$?
  [ $status = "$want" ] || fail "bench.sh $*: status $status, expected $want"
  grep -q -- "$pattern" "$work/output" || fail "bench.sh $*: no '$pattern'"
}
# The report's copy of what forkcost-run was asked for.
asked() {
  index=$(tail -n 1 "$work/output")
  grep -qx -- "$1" "$index" || fail "expected arguments '$1' in $index"
}

expect 0 '^file:///.*/build/release/results/.*Z/report/index.html$' 0 0
asked '--out .*Z/run.json'
expect 0 '^/.*/elsewhere/my-report/index.html$' 0 0 --preset standard --out my.json
asked '--preset standard --out my.json'
expect 0 '^/.*/elsewhere/your-report/index.html$' 0 0 --out=your.json --seed 'a b'
asked '--out=your.json --seed a b'
expect 0 'no result file, so there is no report' 0 0 --list
expect 0 '^usage: ci/bench.sh' 0 0 --help
expect 1 'at least one case failed' 1 0
[ -e "$(tail -n 1 "$work/output")" ] || fail 'a run with failed cases has no report'
expect 2 'forkcost-run ended with status 2' 2 0 --nonsense
expect 2 '--out needs the name of a file' 0 0 --out
expect 3 'forkcost-run ended with status 3' 3 0
expect 3 'the report failed; the result file stands: /' 0 3
TEST_SETUP_FAILS=1 expect 3 '== set-up' 0 0
TEST_BUILD_FAILS=1 expect 3 'the build in .*/build/release failed' 0 0

# Ctrl-C reaches the whole process group, so it gets one of its own (and SIGINT not ignored, as it
# would be for a plain `&`).
echo wait >"$work/status"
python3 - "$tree/ci/bench.sh" "$work" >"$work/output" 2>&1 <<'EOF' || fail 'interrupt'
import os, signal, subprocess, sys, time
signal.signal(signal.SIGINT, signal.default_int_handler)
bench = subprocess.Popen([sys.argv[1], "--out", "late.json"], start_new_session=True)
for _ in range(600):
    if os.path.exists(sys.argv[2] + "/pid"):
        break
    time.sleep(0.1)
os.killpg(bench.pid, signal.SIGINT)
status = bench.wait(30)
print("status", status)
sys.exit(status != 130)
EOF
grep -q 'to go on: --resume' "$work/output" || fail 'forkcost-run had no time to say how to resume'
grep -q 'interrupted, so there is no report.*late.json.journal' "$work/output" || fail 'no word'
if grep -q '== report' "$work/output"; then fail 'reported after an interrupt'; fi

[ $failures = 0 ] || exit 1
echo 'ok: ci/bench.sh'
