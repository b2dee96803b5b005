#!/bin/sh
# The programs after `cmake --install`, and from the archive that cpack makes.
# usage: test_package.sh BUILD-DIRECTORY
set -eu
build=${1:?usage: test_package.sh BUILD-DIRECTORY}
ci=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
# As ci/cmake/GoogleBenchmark.cmake found it: static, or shared where its source was not to be had.
linkage=shared
if [ -e "$build/benchmark/src/libbenchmark.a" ]; then linkage=static; fi
version=$(cat "$ci/../analysis/forkcost/VERSION")
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
  for program in forkcost forkcost-run; do
    "$1/bin/$program" --version | grep -qwF "$version" || fail "$1: $program --version is not $version"
  done
  "$1/bin/forkcost-board" --help | grep -q '^usage: ' || fail "$1: forkcost-board --help"
  "$1/bin/forkcost" kernels --help | grep -q '^Usage: ' || fail "$1: forkcost without the laboratory"
}

# look_for_libraries_from_outside PREFIX: nothing may come from outside but what belongs to libc, and where the
# programs are static but for that, gcc's own libgcc_s.
look_for_libraries_from_outside() {
  find "$1/bin" "$1/libexec" -type f | while read -r file; do
    # Empty for scripts and static programs, which need nothing.
    ldd "$file" 2>/dev/null | while read -r library arrow path _; do
      case $library in
        linux-vdso.so.* | linux-gate.so.* | not | statically) continue ;;
        ld-* | /*/ld-* | libc.so.* | libm.so.* | libpthread.so.* | librt.so.* | libdl.so.*)
          [ "$path" = not ] || continue ;;
        libgcc_s.so.*)
          [ "$linkage" != static ] || [ "$path" = not ] || continue ;;
      esac
      # ldd prints $ORIGIN/../lib as it stands in the program, so both sides are made plain.
      case $(realpath -m -- "$path") in
        "$(realpath -- "$1")"/*) ;;
        *) printf '%s: %s %s %s\n' "$file" "$library" "$arrow" "$path" ;;
      esac
    done
  done >"$work/from_outside"
  if [ -s "$work/from_outside" ]; then
    fail "$1: these libraries are missing, or come from outside of the archive:"
    cat "$work/from_outside"
  fi
}

# check_floor PREFIX: which glibc the files ask for, by the highest of the versions of their symbols.
# It says so of the machine that the archive was built on, too: a newer glibc has newer symbols in its
# headers (strtol of C23 is 2.38's), so the archive for old targets is built on Debian 12.
check_floor() {
  find "$1" -type f ! -name '*.o' -exec sh -c '
    for file; do
      case $(head -c 4 "$file" | tr -d "\177") in ELF) ;; *) continue ;; esac
      LC_ALL=C objdump -p "$file" | sed -n "s/^ *NEEDED *//p" | sed "s|^|needed $file |"
      LC_ALL=C objdump -p "$file" | grep -o "GLIBC_[0-9.]*" | sed "s|^GLIBC_|glibc $file |"
    done' sh {} + >"$work/elf"
  grep -c '^needed .*/bin/bench_fork ' "$work/elf" >/dev/null || fail "$1: objdump reads nothing"
  floor=$(sed -n 's/^glibc .* //p' "$work/elf" | sort -uV | tail -n 1)
  [ "$linkage" = static ] || return 0
  grep -E '^needed .* lib(stdc\+\+|benchmark|pfm|fmt)' "$work/elf" >"$work/wrong" &&
    fail "$1: a library that a target may not have is needed: $(cat "$work/wrong")"
  built_with=$(ldd --version | sed -n '1s/.* //p')
  allowed=2.34
  # Known newer systems: their own figure. Anything else is held to 2.34, or says what it is.
  case $built_with in 2.41) allowed=2.38 ;; esac
  printf '%s\n%s\n' "$floor" "$allowed" | sort -VC ||
    fail "$1: asks for glibc $floor, $allowed is the limit where glibc is $built_with:
$(grep "^glibc .* $floor\$" "$work/elf")"
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
look_for_libraries_from_outside "$work/elsewhere"
check_floor "$work/elsewhere"
for file in LICENSE README.md CHANGELOG.md FORMAT.md; do
  [ -s "$work/elsewhere/share/doc/forkcost/$file" ] || fail "$archive: no $file"
done

[ $failures = 0 ] || exit 1
echo "ok: $(basename "$archive"), $(du -h "$archive" | cut -f1), $linkage, asks for glibc $floor"
