#!/bin/sh
# forkcost-boot with a real kernel: what comes out, and how it ends.
# usage: FORKCOST_BUILD=… FORKCOST_ARCH=… vm_boot.sh
set -eu
# shellcheck source=vm_common.sh source-path=SCRIPTDIR
. "$(dirname -- "$0")/vm_common.sh"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failures=0
fail() {
  printf 'FAILED: %s; the output:\n' "$*"
  cat "$work/output"
  failures=$((failures + 1))
}

# expect STATUS PATTERN arguments…: PATTERN (grep) must be in what it says.
expect() {
  want=$1 pattern=$2 status=0
  shift 2
  vm_boot "$@" >"$work/output" 2>&1 || status=$?
  if [ $status = "$want" ] && grep -q -- "$pattern" "$work/output"; then
    printf 'ok: %s\n' "$pattern"
  else
    fail "status $status (expected $want), pattern '$pattern': $*"
  fi
}

# A program of ours with its libraries, a file of some size, an output without end of line.
head -c 300000 /dev/urandom >"$work/in"
# shellcheck disable=SC2016 # the guest's variables
expect 1 'in the guest, sh ended with status 7' --file "$work/in:/in" \
  --file "$FORKCOST_BUILD/bin/forkcost-run:/suite/bin/forkcost-run" --console "$work/console" \
  --out "/tmp/out:$work/out" --out "/tmp/none:$work/none" -- sh -c '
  cat /in >/tmp/out && /suite/bin/forkcost-run --version && echo "clock $(cut -d. -f1 /proc/uptime)"
  ls /proc/self/fd /dev/shm /sys/kernel /var/tmp >/dev/null && printf done; exit 7'
cmp "$work/in" "$work/out" || fail 'a file came out changed'
grep -q '^done$' "$work/output" || fail 'the output is not whole'
grep -q '^forkcost-run .*[0-9]\.[0-9]' "$work/output" || fail 'no version of forkcost-run'
grep -q '/tmp/none: no such file came out' "$work/output" || fail 'a file that is missing is not named'
[ ! -e "$work/none" ] || fail 'a file that is missing was written'
grep -q 'Linux version' "$work/console" || fail 'the console is not kept'

expect 3 'panicked: .*sysrq triggered crash' --mode tcg -- sh -c 'echo c >/proc/sysrq-trigger'
# Three file systems, each of which may take half of the memory.
# shellcheck disable=SC2016 # the guest's variable
expect 3 'ran out of memory.*--memory 320M' --mode tcg --memory 160M -- \
  sh -c 'for at in /tmp /dev/shm /var/tmp; do cat /dev/zero >$at/zeros; done'
# Of the variables on the kernel's command line a command gets ours.
# shellcheck disable=SC2016 # the guest's variables
expect 0 "FORKCOST_YARDSTICKS='off'" --mode exact --append 'FORKCOST_CLOCK=vdso OTHER=1' -- \
  sh -c 'export; [ "$FORKCOST_CLOCK" = vdso ] && [ -z "$OTHER" ]'
expect 2 'nonsense is not among' -- nonsense

[ $failures = 0 ] || exit 1
