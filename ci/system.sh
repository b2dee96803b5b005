#!/bin/sh
# ci/test.sh --fast inside another Debian release. `ci/system.sh --help` tells the rest.
set -eu
# shellcheck source=common.sh source-path=SCRIPTDIR
. "$(dirname -- "$0")/common.sh"

usage() {
  cat <<'EOT'
usage: ci/system.sh SUITE

Unpacks the Debian release SUITE (trixie) below build/systems, copies the working tree in, and runs
ci/test.sh --fast there, as root of that tree. What it prints ends as that does, with its counts.

The packages come from where this machine's apt has Debian's from. The tree stays for the next time, with
its build; remove build/systems/SUITE to have it made anew. What runs in it has its own processes and
mounts, which end with this program however that ends.

Exit status: that of ci/test.sh there; 2 the call is wrong; 3 this machine cannot: it takes root and
mmdebstrap (ci/setup.sh --systems), and a source of Debian packages.
EOT
}

case ${1:-} in
  -h | --help)
    usage
    exit 0
    ;;
  trixie | bookworm) suite=$1 ;;
  *) die 2 "'${1:-}' is no Debian release that we try; there are trixie and bookworm" ;;
esac
[ $# = 1 ] || die 2 "one release: ci/system.sh $suite"
[ "$(id -u)" = 0 ] || die 3 'unpacking another system takes root'
command -v mmdebstrap >/dev/null || die 3 'no mmdebstrap; ci/setup.sh --systems installs it'

# sources_of: where apt has Debian's packages from, for this suite.
sources_of() {
  # shellcheck disable=SC2016 # apt's own variables
  apt-get indextargets --format '$(ORIGIN)|$(LABEL)|$(REPO_URI)' 'Created-By: Packages' |
    sort -u | awk -F'|' -v suite="$suite" '
      $1 == "Debian" && $2 == "Debian" {
        print "deb", $3, suite, "main"
        print "deb", $3, suite "-updates", "main"
      }
      $1 == "Debian" && $2 == "Debian-Security" { print "deb", $3, suite "-security", "main" }'
}

tree=$root/build/systems/$suite
if [ ! -e "$tree" ]; then
  step "unpack $suite"
  mkdir -p "$root/build/systems"
  new=$tree.new.$$
  trap 'rm -rf "$new" "$new".*' EXIT
  sources_of >"$new.list"
  [ -s "$new.list" ] || die 3 'apt knows no source of Debian packages (apt-get update may help)'
  # How this machine reaches it: proxies, and what it does not check.
  apt-config dump | grep -E '^Acquire::(Check-|https?::|Retries)' >"$new.conf" || true
  # Another user cannot reach a tree that lies below /root, say.
  echo 'APT::Sandbox::User "root";' >>"$new.conf"
  mmdebstrap --variant=minbase --aptopt="$new.conf" --include=ca-certificates "$suite" "$new" "$new.list" ||
    die 3 "mmdebstrap could not unpack $suite; its message above says why"
  cp "$new.list" "$new/etc/apt/sources.list"
  mv "$new" "$tree"
  rm -f "$new".*
fi

# The working tree as it is, committed or not; what was deleted since goes there, too. Its build stays.
copy=$tree/forkcost
mkdir -p "$copy"
find "$copy" -mindepth 1 -maxdepth 1 ! -name build -exec rm -rf {} +
cd "$root"
# shellcheck disable=SC2016 # the inner shell's
{ git ls-files -z --cached --others --exclude-standard 2>/dev/null ||
  find . -path ./build -prune -o -type f -print0; } |
  xargs -0 sh -c 'for file; do [ ! -e "$file" ] || printf "%s\0" "$file"; done' sh |
  tar -c --null -T - | tar -C "$copy" -x
# Without one, this machine finds its packages otherwise.
[ ! -e /etc/resolv.conf ] || cp -L /etc/resolv.conf "$tree/etc/resolv.conf"

# Not our environment: what it names lies on this side. In a namespace whose first process dies with
# ours: the mounts go with it, and so does all that runs there.
# shellcheck disable=SC2016 # the inner shell's
exec unshare --mount --pid --fork --kill-child -- sh -euc '
  tree=$1
  shift
  mount --make-rprivate /
  mount -t proc proc "$tree/proc"
  mount --rbind /sys "$tree/sys"
  mount --rbind /dev "$tree/dev"
  exec chroot "$tree" env -i "$@" /forkcost/ci/test.sh --fast </dev/null' sh "$tree" \
  HOME=/root PATH=/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8 TERM="${TERM:-dumb}" \
  http_proxy="${http_proxy:-}" https_proxy="${https_proxy:-}" \
  CMAKE_BUILD_PARALLEL_LEVEL="$jobs" CTEST_PARALLEL_LEVEL="${CTEST_PARALLEL_LEVEL:-1}"
