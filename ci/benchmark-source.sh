#!/bin/sh
# The source of Google Benchmark, of the version whose package is installed, into build/sources/benchmark:
# ci/cmake/GoogleBenchmark.cmake makes a static library of it, which no package has. Called by setup.sh.
#
# From where the machine's own apt has the package. apt checks it by the signature of the archive; its
# configuration and its lists stay as they are.
#
# Exit status: 0 it is there; 3 it cannot be had, and the message says why. The shared library does then.
set -eu
root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
target=$root/build/sources/benchmark

give_up() {
  printf 'setup: %s; programs are linked with the shared Google Benchmark\n' "$*" >&2
  exit 3
}

# shellcheck disable=SC2016 # dpkg's own variable
version=$(dpkg-query -W -f='${source:Version}' "libbenchmark-dev:$(dpkg --print-architecture)" 2>/dev/null) ||
  give_up 'libbenchmark-dev is not installed, so there is no version of its source to fetch'
if [ "$(cat "$target/.version" 2>/dev/null)" = "$version" ]; then exit 0; fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/lists/partial" "$work/cache/archives/partial" "$work/source"

# ours TOOL arguments…: apt with lists of its own; as ourselves, for nobody else may write there.
ours() {
  tool=$1
  shift
  "$tool" -q -o Dir::State::Lists="$work/lists" -o Dir::Cache="$work/cache" \
    -o APT::Sandbox::User="$(id -un)" "$@"
}
# deb_src TOOL…: one-line source entries for where the package of this version comes from.
deb_src() {
  # shellcheck disable=SC1091
  key=/usr/share/keyrings/$(. /etc/os-release && echo "$ID")-archive-keyring.gpg
  options=
  [ ! -e "$key" ] || options="[signed-by=$key] "
  "$@" madison libbenchmark-dev | awk -F ' *[|] *' -v version="$version" -v options="$options" '
    { sub(/^ */, "", $2) }
    # A rebuild (+b1) has the source without it.
    $2 == version || index($2, version "+b") == 1 {
      split($3, place, " ")
      slash = match(place[2], "/[^/]*$")
      if (slash) print "deb-src " options place[1], substr(place[2], 1, slash - 1), substr(place[2], slash + 1)
    }' | sort -u
}

list=$work/sources.list
deb_src apt-cache >"$list"
if [ ! -s "$list" ]; then
  # An image without package lists: ask with lists of our own.
  ours apt-get update >"$work/log" 2>&1 || true
  deb_src ours apt-cache >"$list"
fi
[ -s "$list" ] || give_up "apt knows no place that has libbenchmark-dev $version; apt-get update may help"

set -- -o Dir::Etc::SourceList="$list" -o Dir::Etc::SourceParts=/dev/null
if ! ours apt-get "$@" update >"$work/log" 2>&1 ||
  ! (cd "$work/source" && ours apt-get "$@" source --download-only "benchmark=$version") >>"$work/log" 2>&1; then
  cat "$work/log" >&2
  give_up "the source of libbenchmark-dev $version could not be fetched; apt-get's messages above say why"
fi

mkdir "$work/tree"
tar -C "$work/tree" --strip-components=1 -xf "$work"/source/*.orig.tar.*
echo "$version" >"$work/tree/.version"
# In one step: a build that begins now finds all of it or nothing.
mkdir -p "$root/build/sources"
rm -rf "$target" "$target.new"
cp -r "$work/tree" "$target.new"
mv "$target.new" "$target"
printf 'setup: the source of Google Benchmark %s is in %s\n' "$version" "$target"
