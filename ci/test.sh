#!/bin/sh
# Build, test, lint: the second command of the README. `ci/test.sh --help` tells the rest.
set -u
# shellcheck source=common.sh source-path=SCRIPTDIR
. "$(dirname -- "$0")/common.sh"

usage() {
  cat <<'EOF'
usage: ci/test.sh [--fast | --all | --system SUITE]

Installs what is missing (ci/setup.sh), then runs all of these, whatever fails on the way:
  release  build, all tests but those with the labels `vm` and `slow`; the preset smoke, its report and
           comparison
  asan     build with the address and undefined-behaviour sanitizers, tests with the label `unit`
           and without the label `slow`
  lint     clang-format, clang-tidy, shellcheck. One that is not installed is skipped, unless
           CI=true: then set-up installs all three

  --fast   release only
  --all    also, each skipped where its tools are not there, unless CI=true: then set-up installs them
           vm, slow the tests that boot a kernel, and those that build another suite
           aarch64  build with the preset release-aarch64, its tests in a VM
           trixie   --fast inside Debian 13
  --system SUITE  only ci/test.sh --fast inside that Debian release: trixie (13) or bookworm (12),
           unpacked below build/systems (ci/system.sh). Takes root and mmdebstrap

The last line of the output is `N passed, N failed, N skipped`. Builds, linters and the three steps of
smoke count one each, every test of ctest counts one, and so does every unit test in the VM.

Exit status: 0 nothing failed; 1 something did; 2 the call is wrong; 3 set-up failed.
EOF
}

what=usual system=
while [ $# -gt 0 ]; do
  case $1 in
    --fast | --all)
      [ "$what" = usual ] || die 2 "$1 and --$what exclude each other"
      what=${1#--}
      ;;
    --system)
      [ "$what" = usual ] || die 2 "$1 and --$what exclude each other"
      case ${2:-} in
        trixie | bookworm) what=system system=$2 ;;
        *) die 2 "--system '${2:-}': say trixie or bookworm" ;;
      esac
      shift
      ;;
    -h | --help)
      usage
      exit 0
      ;;
    *) die 2 "unknown argument '$1'; ci/test.sh --help lists the known ones" ;;
  esac
  shift
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

# build_step PRESET [TARGET]
build_step() {
  step "build $1"
  configure "$1" && build "$@"
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

# smoke: what the README's first command does, with the smallest cases.
smoke() {
  bin=$root/build/release/bin
  smoke=$root/build/release/smoke
  rm -rf "$smoke"
  mkdir -p "$smoke"
  step smoke
  "$bin/forkcost-run" --preset smoke --out "$smoke/run.json" --quiet
  judge $? 'smoke: forkcost-run'
  "$bin/forkcost" report "$smoke/run.json" -o "$smoke/report"
  judge $? 'smoke: forkcost report'
  # With itself, so that there is one answer.
  "$bin/forkcost" compare "old=$smoke/run.json" "new=$smoke/run.json" -o "$smoke/compare.txt"
  judge $? 'smoke: forkcost compare'
}

# system_step SUITE: ci/test.sh --fast inside it, whose counts are added.
system_step() {
  step "system $1"
  log=$root/build/systems/$1.log
  mkdir -p "$root/build/systems"
  # The status cannot come through the pipe in sh.
  {
    status=0
    "$root/ci/system.sh" "$1" 2>&1 || status=$?
    echo $status >"$log.status"
  } | tee "$log"
  status=$(cat "$log.status")
  rm "$log.status"
  counts=$(tail -n 1 "$log" | sed -n 's/^\([0-9]*\) passed, \([0-9]*\) failed, \([0-9]*\) skipped$/\1 \2 \3/p')
  if [ -z "$counts" ]; then
    if [ "$status" = 3 ] && [ "${CI:-}" != true ] && [ "$what" = all ]; then
      note SKIP "system $1: $(tail -n 1 "$log")"
    else
      note FAIL "system $1: it ended with status $status and no counts"
    fi
    return
  fi
  # shellcheck disable=SC2086 # three words
  set -- "$1" $counts
  if [ "$status" != 0 ] && [ "$3" = 0 ]; then set -- "$1" "$2" 1 "$4"; fi
  passed=$((passed + $2)) failed=$((failed + $3)) skipped=$((skipped + $4))
  verdict=PASS
  [ "$3" = 0 ] || verdict=FAIL
  summary="$summary
$verdict system $1: $2 passed, $3 failed, $4 skipped"
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

# What CI has set up; elsewhere what is not there is skipped, and says so.
step set-up
tools=
if [ "${CI:-}" = true ]; then
  case $what in
    all) tools='--dev --vm --aarch64 --systems' ;;
    system) ;;
    *) tools=--dev ;;
  esac
fi
[ "$what" != system ] || tools=--systems
# shellcheck disable=SC2086 # several words or none
if ! "$root/ci/setup.sh" $tools || ! FORKCOST_PYTHON=$("$root/ci/setup.sh" --print-python); then
  note FAIL set-up
  finish 3
fi
export FORKCOST_PYTHON

release_step() {
  build_step release || return
  # What boots a kernel or builds a second suite takes minutes of nothing else: --all.
  if [ "$what" = all ]; then ctest_step release; else ctest_step release --label-exclude '^(vm|slow)$'; fi
  smoke
}

aarch64_step() {
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
}

lint_step() {
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
}

if [ "$what" = system ]; then
  system_step "$system"
else
  release_step
  if [ "$what" != fast ]; then
    if build_step asan unit_tests; then ctest_step asan --label-regex '^unit$' --label-exclude '^slow$'; fi
    lint_step
  fi
  if [ "$what" = all ]; then
    aarch64_step
    system_step trixie
  fi
fi

[ $failed = 0 ] || finish 1
finish 0
