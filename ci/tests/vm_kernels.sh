#!/bin/sh
# ci/kernels.sh, which the workflow templates call, on two real kernels: a verdict, in all of its forms.
set -eu
ci=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
# shellcheck source=vm_common.sh source-path=SCRIPTDIR
. "$ci/tests/vm_common.sh"
# It builds this tree's preset, which for a build elsewhere would be another one.
if [ "$FORKCOST_BUILD" != "$(dirname -- "$ci")/build/release" ]; then
  printf '%s\n' "SKIP: ci/kernels.sh builds build/release, and these tests are of $FORKCOST_BUILD"
  exit 77
fi
old=$kernel new=$(printf '%s' "$kernel" | sed 's/-cloud-/-6.12-cloud-/')
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

fail() {
  printf '%s\n' "$*" >&2
  exit 1
}

# expect STATUS ARGUMENTS…: of the program.
expect() {
  wanted=$1 status=0
  shift
  "$ci/kernels.sh" "$@" >"$work/said" 2>&1 || status=$?
  [ $status = "$wanted" ] || fail "kernels.sh $*: status $status, not $wanted: $(cat "$work/said")"
}

expect 2
expect 2 --base "$old"
expect 2 --base "$old" --new "$new" --arch mips
expect 2 --base "$old" --new
mkdir "$work/bin"
printf '#!/bin/sh\necho aarch64\n' >"$work/bin/uname"
chmod +x "$work/bin/uname"
PATH=$work/bin:$PATH expect 2 --base "$old" --new "$new" --arch x86_64
grep -q 'builds for x86_64 on aarch64' "$work/said" || fail "no reason: $(cat "$work/said")"

# 6.12 copies page tables with about a third more instructions than 6.1.
expect 1 --base "$old" --new "$new" --out "$work/out" -- --mode exact --rounds 1
for form in md html json junit.xml ktap github; do
  [ -s "$work/out/compare.$form" ] || fail "no compare.$form: $(cat "$work/said")"
done
grep -q 'per page' "$work/out/compare.md" || fail "no slope: $(cat "$work/out/compare.md")"
grep -q '^::error title=slower' "$work/out/compare.github" || fail "no annotation: $(cat "$work/said")"

# The same kernel again is no news, and the base need not be booted.
expect 0 --base "$work/out/base" --new "$old" --out "$work/again" -- --rounds 1
[ ! -e "$work/again/base" ]

# Two that were measured before; and arguments of forkcost kernels reach the comparison.
expect 1 --base "$work/out/base" --new "$work/out/new" --out "$work/third" -- \
  --kernel "third=$work/again/new" --format json
grep -q third "$work/third/compare.md"
# A directory that has another base.
mkdir -p "$work/fourth/base"
cp "$work/out/new/boot-1.json" "$work/fourth/base/boot-2.json"
expect 2 --base "$work/out/base" --new "$old" --out "$work/fourth"

# A signal for it is one for what it has started.
"$ci/kernels.sh" --base "$work/out/base" --new "$new" --out "$work/ended" >"$work/said" 2>&1 &
until [ -e "$work/ended/new/boot-1.console" ]; do
  kill -0 $! || fail "it ended before it was told to: $(cat "$work/said")"
  sleep 0.1
done
kill -TERM $!
status=0
wait $! || status=$?
[ $status = 143 ] || fail "status $status after SIGTERM: $(cat "$work/said")"
grep -q 'interrupted by SIGTERM' "$work/said" || fail "nobody was told: $(cat "$work/said")"
