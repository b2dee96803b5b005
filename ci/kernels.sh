#!/bin/sh
# Did this kernel change what a process costs? Set-up, build, boot both, compare: for CI.
# `ci/kernels.sh --help` tells the rest.
set -eu
# shellcheck source=common.sh source-path=SCRIPTDIR
. "$(dirname -- "$0")/common.sh"

usage() {
  cat <<'EOF'
usage: ci/kernels.sh --base KERNEL --new KERNEL [--arch ARCH] [--out DIR] [-- arguments of forkcost kernels]

Installs what is missing (ci/setup.sh), builds the suite, boots both kernels in QEMU and compares them.
A KERNEL is a bzImage or Image, a Debian package file, or debian:PACKAGE. The base may also be a result
file of an earlier run (results/baseline/ has one), so that only the new kernel is booted.

  --arch ARCH   of the kernels: x86_64 or aarch64 (default: this machine's)
  --out DIR     for all that comes out (default: forkcost-kernels). It has the result files and consoles
                of both kernels, and the comparison: compare.md, .html, .json, .junit.xml, .ktap

Where GITHUB_STEP_SUMMARY is set, compare.md is added to that file, and what changed is annotated.

Exit status: 0 no regression; 1 at least one case is slower; 2 the call is wrong; 3 this machine
cannot do it: a kernel does not boot, something could not be installed or built.
EOF
}

base='' new='' out=forkcost-kernels arch=$(uname -m)
while [ $# -gt 0 ]; do
  case $1 in
    -h | --help)
      usage
      exit 0
      ;;
    --)
      shift
      break
      ;;
    --base | --new | --out | --arch)
      [ $# -gt 1 ] || die 2 "$1 needs a value"
      case $1 in
        --base) base=$2 ;;
        --new) new=$2 ;;
        --out) out=$2 ;;
        --arch) arch=$2 ;;
      esac
      shift 2
      ;;
    *) die 2 "unknown argument '$1'; arguments of forkcost kernels follow after --" ;;
  esac
done
if [ -z "$base" ] || [ -z "$new" ]; then die 2 'name both kernels: --base KERNEL --new KERNEL'; fi
case $arch in
  x86_64) set_up=--vm ;;
  aarch64) set_up=--aarch64 ;;
  *) die 2 "--arch $arch: say x86_64 or aarch64" ;;
esac
preset=release
[ "$arch" = "$(uname -m)" ] || preset=release-$arch

step set-up
"$root/ci/setup.sh" $set_up || exit
FORKCOST_PYTHON=$("$root/ci/setup.sh" --print-python) || exit
export FORKCOST_PYTHON

step build
# `forkcost` itself runs here, whatever the kernels are for.
for each in release $preset; do
  [ "$each" = "${built:-}" ] && continue
  configure "$each" || die 3 "cmake could not configure $root/build/$each"
  build "$each" || die 3 "the build in $root/build/$each failed; its first message above says where"
  built=$each
done
forkcost=$root/build/release/bin/forkcost

step kernels
status=0
"$forkcost" kernels --kernel "base=$base" --kernel "new=$new" --suite "$root/build/$preset" -o "$out" \
  "$@" || status=$?
[ $status -le 1 ] || exit $status

step compare
# A base that was measured before stays where it is.
if [ -e "$out/base" ]; then base=$out/base; fi
# The verdict is there; a format that cannot be written is trouble of its own.
for format in markdown:md html:html json:json junit:junit.xml ktap:ktap; do
  written=0
  "$forkcost" compare "base=$base" "new=$out/new" --format "${format%%:*}" \
    -o "$out/compare.${format#*:}" || written=$?
  [ $written -le 1 ] || die 3 "$out/compare.${format#*:} was not written; the result files stand in $out"
done
if [ -n "${GITHUB_STEP_SUMMARY:-}" ]; then
  cat "$out/compare.md" >>"$GITHUB_STEP_SUMMARY"
  "$forkcost" compare "base=$base" "new=$out/new" --format github || true
fi
printf '\n%s\n' "$out/compare.md"
exit $status
