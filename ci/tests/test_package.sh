#!/bin/sh
# The programs after `cmake --install`, and from the archive that cpack makes.
# usage: test_package.sh BUILD-DIRECTORY
set -eu
build=${1:?usage: test_package.sh BUILD-DIRECTORY}
ci=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
FORKCOST_PYTHON=$("$ci/setup.sh" --print-python)
export FORKCOST_PYTHON

failures=0
fail() {
  printf 'FAILED: %s\n' "$*"
  failures=$((failures + 1))
}

# try_programs PREFIX: they start, find each other, and say what they should.
try_programs() {
  "$1/bin/bench_fork" --list-cases --preset smoke >"$work/cases.json" ||
    fail "$1: bench_fork --list-cases: status $?"
  "$FORKCOST_PYTHON" -c 'import json, sys; assert json.load(sys.stdin)["cases"]' \
    <"$work/cases.json" || fail "$1: bench_fork --list-cases gives no JSON with cases"
  "$1/bin/forkcost-run" --list --preset smoke >"$work/list" || fail "$1: forkcost-run --list"
  grep -q '^fork/' "$work/list" || fail "$1: forkcost-run --list names no case of bench_fork"
  "$1/bin/forkcost" --version | grep -q '[0-9]\.[0-9]' || fail "$1: forkcost --version"
}

# look_for_strangers PREFIX: nothing may come from outside but what belongs to libc.
look_for_strangers() {
  find "$1/bin" "$1/libexec" -type f | while read -r file; do
    # Empty for scripts and static programs, which need nothing.
    ldd "$file" 2>/dev/null | while read -r library arrow path _; do
      case $library in
        linux-vdso.so.* | linux-gate.so.* | not | statically) continue ;;
        ld-* | /*/ld-* | libc.so.* | libm.so.* | libpthread.so.* | librt.so.* | libdl.so.*)
          [ "$path" = not ] || continue ;;
      esac
      # ldd prints $ORIGIN/../lib as it stands in the program, so both sides are made plain.
      case $(realpath -m -- "$path") in
        "$(realpath -- "$1")"/*) ;;
        *) printf '%s: %s %s %s\n' "$file" "$library" "$arrow" "$path" ;;
      esac
    done
  done >"$work/strangers"
  if [ -s "$work/strangers" ]; then
    fail "$1: these libraries are missing, or come from outside of the archive:"
    cat "$work/strangers"
  fi
}

cmake --install "$build" --prefix "$work/prefix" >"$work/log" || {
  cat "$work/log"
  fail 'cmake --install'
}
try_programs "$work/prefix"

mkdir "$work/package" "$work/unpacked"
cpack --config "$build/CPackConfig.cmake" -B "$work/package" >"$work/log" || {
  cat "$work/log"
  fail 'cpack'
}
archive=$(echo "$work"/package/*.tar.gz)
tar -C "$work/unpacked" -xzf "$archive"
top=$(ls "$work/unpacked")
[ "$top" = "$(basename "$archive" .tar.gz)" ] || fail "$archive: expected one directory, has: $top"
# Another place than the one it was installed for.
mv "$work/unpacked/$top" "$work/elsewhere"
try_programs "$work/elsewhere"
look_for_strangers "$work/elsewhere"
for file in LICENSE README.md FORMAT.md; do
  [ -s "$work/elsewhere/share/doc/forkcost/$file" ] || fail "$archive: no $file"
done

[ $failures = 0 ] || exit 1
echo "ok: $(basename "$archive"), $(du -h "$archive" | cut -f1)"
