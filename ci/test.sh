#!/bin/sh
# Build, test, lint: the second command of the README. `ci/test.sh --help` tells the rest.
set -u
# shellcheck source=common.sh source-path=SCRIPTDIR
. "$(dirname -- "$0")/common.sh"

usage() {
  cat <<'EOF'
usage: ci/test.sh [--fast]

Installs what is missing (ci/setup.sh), then runs all of these, whatever fails on the way:
  release  build, all tests
  aarch64  build with the preset release-aarch64, its tests in a VM. Skipped where there is no cross
           compiler or no QEMU for it, unless CI=true: then set-up installs them
  asan     build with the address and undefined-behaviour sanitizers, tests with the label `unit`
           and without the label `slow`
  lint     clang-format, clang-tidy, shellcheck. One that is not installed is skipped, unless
           CI=true: then set-up installs all three

  --fast   release only

The last line of the output is `N passed, N failed, N skipped`. Builds and linters count one each,
every test of ctest counts one, and so does every unit test in the VM.

Exit status: 0 nothing failed; 1 something did; 2 the call is wrong; 3 set-up failed.
EOF
}

fast=no
for argument; do
  case $argument in
    --fast) fast=yes ;;
    -h | --help)
      usage
      exit 0
      ;;
    *) die 2 "unknown argument '$argument'; ci/test.sh --help lists the known ones" ;;
  esac
done

passed=0 failed=0 skipped=0 summary=
# note VERDICT NAME [WHY]: counts, and keeps the line for the end of the log.
note() {
  case $1 in
    PASS) passed=$((passed + 1)) ;;
    FAIL) failed=$((failed + 1)) ;;
    SKIP) skipped=$((skipped + 1)) ;;
  esac
  summary="$summary
$*"
}

# judge STATUS NAME
judge() { if [ "$1" = 0 ]; then note PASS "$2"; else note FAIL "$2"; fi; }

finish() {
  step summary
  printf "%s\n" "${summary#?}"
  printf '\n%d passed, %d failed, %d skipped\n' $passed $failed $skipped
  exit "$1"
}

build_step() {
  step "build $1"
  configure "$1" && build "$1"
  build_status=$?
  judge $build_status "build $1"
  return $build_status
}

# ctest_step PRESET [ctest arguments…]
ctest_step() {
  preset=$1
  shift
  step "test $preset"
  junit=$root/build/$preset/ctest-junit.xml
  rm -f "$junit"
  ctest_status=0
  # One test at a time unless CTEST_PARALLEL_LEVEL says otherwise: several of them measure.
  (cd "$root" && ctest --preset "$preset" --timeout 300 --output-junit "$junit" "$@") ||
    ctest_status=$?
  # What did not run has been skipped if the test said so. ctest files under the same heading what
  # it could not start at all, and that is a failure.
  fine=$(count "$junit" '<testcase .* status="run"')
  not_run=$(count "$junit" '<skipped message="SKIP_\|<testcase .* status="disabled"')
  bad=$(($(count "$junit" '<testcase ') - fine - not_run))
  [ "$ctest_status" = 0 ] || [ "$bad" -gt 0 ] || bad=1
  passed=$((passed + fine)) failed=$((failed + bad)) skipped=$((skipped + not_run))
  verdict=PASS
  [ "$bad" = 0 ] || verdict=FAIL
  summary="$summary
$verdict test $preset: $fine passed, $bad failed, $not_run skipped"
}
# vm_unit_tests: counts what the unit tests in the VM wrote, and names those that failed.
vm_unit_tests() {
  for report in "$root"/build/release-aarch64/vm/*.xml; do
    [ -e "$report" ] || continue
    all=$(count "$report" '<testcase ')
    names=$(sed -n '/<testcase /{h;d}; /<failure /{g;p}' "$report" |
      sed 's/.*<testcase name="\([^"]*\)".* classname="\([^"]*\)".*/  \2.\1/' | sort -u)
    bad=$(printf '%s' "$names" | grep -c .)
    not_run=$(count "$report" 'result="skipped"')
    fine=$((all - bad - not_run))
    passed=$((passed + fine)) failed=$((failed + bad)) skipped=$((skipped + not_run))
    verdict=PASS
    [ "$bad" = 0 ] || verdict=FAIL
    summary="$summary
$verdict $(basename "$report" .xml) on aarch64: $fine passed, $bad failed, $not_run skipped${names:+:
$names}"
  done
}

count() {
  if [ -e "$1" ]; then grep -c "$2" "$1"; else echo 0; fi
}

# have TOOL: is this linter here? If not, counts it as skipped.
have() {
  step "$1"
  command -v "$1" >/dev/null || {
    note SKIP "$1: not installed; ci/setup.sh --dev installs it"
    return 1
  }
}

# sources find-expression…: our files, NUL after each. Not from git: an unpacked archive has none.
sources() {
  find "$root/harness" "$root/benchmarks" "$root/ci" "$root/analysis" -type f \( "$@" \) -print0
}

# One clang-tidy per file and CPU; only what is found is printed, and each file's in one piece. As the
# asan build compiles it, which is sooner done (fmt has a library there).
tidy() {
  if [ ! -e "$root/build/asan/compile_commands.json" ]; then
    echo "no compile_commands.json in build/asan, so clang-tidy cannot know how to compile"
    return 1
  fi
  # shellcheck disable=SC2016 # for the inner shell
  sources -name '*.cc' | xargs -0 -n 1 -P "$jobs" sh -c '
    # For a file that this configuration does not compile, clang-tidy would guess the flags.
    grep -qF "\"file\": \"$2\"" "$1/compile_commands.json" || exit 0
    findings=$(clang-tidy --quiet -p "$1" "$2" 2>&1) || { printf "%s\n" "$findings"; exit 1; }
  ' tidy "$root/build/asan"
}

step set-up
tools=
[ "${CI:-}" != true ] || tools='--dev --vm --aarch64'
# shellcheck disable=SC2086 # several words or none
if ! "$root/ci/setup.sh" $tools || ! FORKCOST_PYTHON=$("$root/ci/setup.sh" --print-python); then
  note FAIL set-up
  finish 3
fi
export FORKCOST_PYTHON

if build_step release; then ctest_step release; fi
if [ $fast = no ]; then
  if build_step asan; then ctest_step asan --label-regex '^unit$' --label-exclude '^slow$'; fi
  step aarch64
  if [ "$(uname -m)" = aarch64 ]; then
    note SKIP 'aarch64: this machine is one, and release was built for it'
  elif ! "$root/ci/setup.sh" --aarch64 --check >/dev/null 2>&1; then
    note SKIP 'aarch64: no cross compiler, no QEMU or no library for it; ci/setup.sh --aarch64 gives it'
  elif build_step release-aarch64; then
    rm -rf "$root/build/release-aarch64/vm"
    # Their counts do not depend on who else runs.
    ctest_step release-aarch64 --parallel "$jobs"
    vm_unit_tests
  fi
  if have clang-format; then
    sources -name '*.cc' -o -name '*.h' -o -name '*.c' | xargs -0 clang-format --dry-run -Werror
    judge $? clang-format
  fi
  if have clang-tidy; then
    tidy
    judge $? clang-tidy
  fi
  if have shellcheck; then
    sources -name '*.sh' | xargs -0 shellcheck -x -P SCRIPTDIR "$root/.ci/run"
    judge $? shellcheck
  fi
fi

[ $failed = 0 ] || finish 1
finish 0
