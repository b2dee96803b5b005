#!/bin/sh
# ci/test.sh --system around a stand-in for the other system: how it counts, and how it ends.
set -eu
ci=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/ci"
cp "$ci/test.sh" "$ci/common.sh" "$ci/system.sh" "$work/ci/"
printf '#!/bin/sh\necho /usr/bin/python3\n' >"$work/ci/setup.sh"
chmod +x "$work/ci/setup.sh"

failures=0
# expect STATUS LAST-LINE arguments…: of ci/test.sh; LAST-LINE is a pattern of grep.
expect() {
  want=$1 last=$2 status=0
  shift 2
  "$work/ci/test.sh" "$@" >"$work/output" 2>&1 || status=$?
  if [ $status = "$want" ] && tail -n 1 "$work/output" | grep -qx -- "$last"; then return; fi
  printf 'FAILED: test.sh %s: status %s (expected %s), last line "%s" in:\n' "$*" $status "$want" "$last"
  cat "$work/output"
  failures=$((failures + 1))
}
# system STATUS TEXT…: what the other system prints, and how it ends.
system() {
  printf '#!/bin/sh\nprintf "%%s\\n" "%s"\nexit %s\n' "$2" "$1" >"$work/ci/system.sh"
}

expect 2 '.*say trixie or bookworm' --system
expect 2 '.*exclude each other' --fast --all
expect 2 '.*exclude each other' --system trixie --fast
system 0 '12 passed, 0 failed, 3 skipped'
expect 0 '12 passed, 0 failed, 3 skipped' --system trixie
grep -qx 'PASS system trixie: 12 passed, 0 failed, 3 skipped' "$work/output" || failures=$((failures + 1))
system 1 '12 passed, 2 failed, 3 skipped'
expect 1 '12 passed, 2 failed, 3 skipped' --system trixie
# Ended in the middle, or with a status that its counts do not explain.
system 137 'building'
expect 1 '0 passed, 1 failed, 0 skipped' --system trixie
system 3 '12 passed, 0 failed, 3 skipped'
expect 1 '12 passed, 1 failed, 3 skipped' --system trixie
system 3 'no mmdebstrap'
expect 1 '0 passed, 1 failed, 0 skipped' --system trixie

[ $failures = 0 ] || exit 1
echo 'ok: ci/test.sh'
