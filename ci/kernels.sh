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
file of an earlier run (results/kernels/ has two), so that only the new kernel is booted.

  --arch ARCH   of the kernels: x86_64 or aarch64 (default: this machine's)
  --out DIR     for all that comes out (default: forkcost-kernels). It has the result files and consoles
                of both kernels, and the comparison in each format, compare.md for example (forkcost kernels
                --help lists them). All of them are as the arguments after -- say

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
machine=$(uname -m)
case $arch:$machine in
  x86_64:x86_64 | aarch64:aarch64) set_up=--vm ;;
  aarch64:*) set_up=--aarch64 ;;
  x86_64:*) die 2 "--arch x86_64: there is no preset that builds for x86_64 on $machine; use an x86_64 machine" ;;
  *) die 2 "--arch $arch: say x86_64 or aarch64" ;;
esac
preset=release
[ "$arch" = "$machine" ] || preset=release-$arch

# Told now, not after a build: what lies there would be taken for a part of this call.
for side in "base=$base" "new=$new"; do
  kept=$out/${side%%=*}
  for file in "$kept"/*.json; do
    [ -e "$file" ] || continue
    case ${side#*=} in
      "$kept" | "$kept/" | "$file") ;;
      *) die 2 "$file is of an earlier call; remove $out, or name another directory with --out" ;;
    esac
  done
done

# stdout is for what `forkcost kernels` prints.
{
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

  step kernels
} >&2
# In our place, so that a signal for us is one for it.
exec "$root/build/release/bin/forkcost" kernels --kernel "base=$base" --kernel "new=$new" \
  --suite "$root/build/$preset" "$@" -o "$out"
