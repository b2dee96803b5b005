#!/bin/sh
# Installs what ci/bench.sh and ci/test.sh need, and only what is missing.
# `ci/setup.sh --help` tells the rest.
set -eu

# Everything that the project needs, and the only place where that is written down. The columns:
#   group          base: build, measure, report, test; dev: the linters; vm-ARCH: booting a kernel of
#                  that architecture; aarch64: building for that; systems: other Debian releases;
#                  peers: other programs, to be measured beside
#   apt            Debian's and Ubuntu's package; with an architecture where it is not this machine's
#   upstream name  for a person on another system
#   check          how to see there whether it is present; -: cannot be seen, and can be done without
#   dnf, pacman, zypper   that system's package; -: look for the upstream name
requirements() {
  cat <<'EOF'
base|g++|a C++20 compiler (GCC 12 or later)|command c++|gcc-c++|gcc|gcc-c++
base|libc6-dev|static libc (libc.a)|static libc.a|glibc-static|glibc|glibc-devel-static
base|make|make|command make|make|make|make
base|ninja-build|Ninja (builds faster than make does)|-|-|-|-
base|cmake|CMake 3.25 or later|command cmake|cmake|cmake|cmake
base|git|git|command git|git|git|git
base|libbenchmark-dev|Google Benchmark 1.7 or later|header benchmark/benchmark.h|google-benchmark-devel|benchmark|-
base|libbenchmark-tools|Google Benchmark's compare.py (one test uses it)|-|-|-|-
base|libpfm4-dev|libpfm4|header perfmon/pfmlib.h|libpfm-devel|libpfm|libpfm-devel
base|libfmt-dev|fmt 9 or later|header fmt/core.h|fmt-devel|fmt|fmt-devel
base|nlohmann-json3-dev|nlohmann-json 3.11 or later|header nlohmann/json.hpp|json-devel|nlohmann-json|nlohmann_json-devel
base|libcli11-dev|CLI11 2.1 or later|header CLI/CLI.hpp|cli11-devel|cli11|cli11-devel
base|libboost-dev|Boost.Math 1.74 or later (headers)|header boost/math/distributions/students_t.hpp|boost-devel|boost|libboost_headers-devel
base|zlib1g-dev|zlib|header zlib.h|zlib-devel|zlib|zlib-devel
base|libgtest-dev|GoogleTest|header gtest/gtest.h|gtest-devel|gtest|gtest
base|python3-matplotlib|matplotlib for Python|python matplotlib|python3-matplotlib|python-matplotlib|python3-matplotlib
base|python3-numpy|numpy for Python|python numpy|python3-numpy|python-numpy|python3-numpy
base|python3-scipy|scipy for Python|python scipy|python3-scipy|python-scipy|python3-scipy
base|python3-pandas|pandas for Python|python pandas|python3-pandas|python-pandas|python3-pandas
base|python3-jinja2|Jinja2 for Python|python jinja2|python3-jinja2|python-jinja|python3-Jinja2
base|python3-rich|rich for Python|python rich|python3-rich|python-rich|python3-rich
base|python3-click|click for Python|python click|python3-click|python-click|python3-click
base|python3-fastjsonschema|fastjsonschema for Python|python fastjsonschema|python3-fastjsonschema|python-fastjsonschema|python3-fastjsonschema
base|python3-pytest|pytest|python pytest|python3-pytest|python-pytest|python3-pytest
base|python3-pytest-xdist|pytest-xdist (with it the tests of analysis/ run side by side)|-|-|-|-
base|python3-venv|venv for Python (one test installs the wheel)|-|-|-|-
base|python3-pip|pip for Python (the same test)|-|-|-|-
base|python3-setuptools|setuptools for Python (the same test)|-|-|-|-
base|python3-wheel|wheel for Python (the same test)|-|-|-|-
dev|clang-format|clang-format|command clang-format|clang-tools-extra|clang|clang-tools
dev|clang-tidy|clang-tidy|command clang-tidy|clang-tools-extra|clang|clang-tools
dev|shellcheck|ShellCheck|command shellcheck|ShellCheck|shellcheck|ShellCheck
dev|perl|perl (one test reads KTAP with its TAP::Parser)|command prove|perl-Test-Harness|perl|perl
dev|python3-junitparser|junitparser for Python (one test reads JUnit XML with it)|-|-|-|-
dev|linux-perf|perf (one test compares with it)|command perf|perf|perf|perf
systems|mmdebstrap|mmdebstrap (tests in another Debian release)|-|-|-|-
peers|stress-ng|stress-ng (forkcost resolution measures beside it)|command stress-ng|stress-ng|stress-ng|stress-ng
peers|hyperfine|hyperfine (likewise)|command hyperfine|hyperfine|hyperfine|hyperfine
vm-x86_64|qemu-system-x86|QEMU for x86_64|command qemu-system-x86_64|qemu-system-x86|qemu-system-x86|qemu-x86
vm-x86_64|e2fsprogs|e2fsprogs (one test makes a disk with it)|-|-|-|-
aarch64|g++-aarch64-linux-gnu|a cross compiler for aarch64|command aarch64-linux-gnu-g++|gcc-c++-aarch64-linux-gnu|aarch64-linux-gnu-gcc|cross-aarch64-gcc12
vm-aarch64|qemu-system-arm|QEMU for aarch64|command qemu-system-aarch64|qemu-system-aarch64|qemu-system-aarch64|qemu-arm
aarch64|libbenchmark-dev:arm64|Google Benchmark for aarch64|cross benchmark/benchmark.h|-|-|-
aarch64|libpfm4-dev:arm64|libpfm4 for aarch64|cross perfmon/pfmlib.h|-|-|-
aarch64|libfmt-dev:arm64|fmt for aarch64|cross fmt/core.h|-|-|-
aarch64|zlib1g-dev:arm64|zlib for aarch64|cross zlib.h|-|-|-
aarch64|libgtest-dev:arm64|GoogleTest for aarch64|cross gtest/gtest.h|-|-|-
EOF
}

usage() {
  cat <<'EOF'
usage: ci/setup.sh [--dev] [--vm] [--aarch64] [--systems] [--peers] [--check | --print-python]

Installs the packages that are missing, by apt-get; on other systems lists them. Fetches the source of
Google Benchmark too, for a static library of it; without it the shared one does.

  --dev           also the linters that ci/test.sh uses: clang-format, clang-tidy, shellcheck
  --vm            also QEMU for this machine's architecture, which boots kernels
  --aarch64       also what builds the suite for aarch64 and boots it there. Adds arm64 to the
                  architectures of dpkg, which is why nothing but CI does it unasked
  --systems       also mmdebstrap, which unpacks the other Debian release of ci/test.sh --all
  --peers         also stress-ng and hyperfine, which forkcost resolution measures beside the suite
  --check         install nothing, only say what is missing
  --print-python  print the path of a Python that has the modules which the reports need; tried in
                  this order: $FORKCOST_PYTHON, python3, /usr/bin/python3, /usr/local/bin/python3

Exit status: 0 everything is there; 2 the call is wrong; 3 something is missing (with --check), or
could not be installed, and the message says by which command you can do it.
EOF
}

say() { printf 'setup: %s\n' "$*"; }
complain() { printf 'setup: %s\n' "$*" >&2; }

# The rows of the groups that were asked for.
selected() { requirements | awk -F'|' -v groups="$groups" 'index(groups, "[" $1 "]")'; }
column() { selected | cut -d'|' -f"$1"; }

find_python() {
  modules=$(requirements | sed -n 's/^base|[^|]*|[^|]*|python \([^|]*\)|.*/\1/p' | paste -sd,)
  for candidate in "${FORKCOST_PYTHON:-}" python3 /usr/bin/python3 /usr/local/bin/python3; do
    # Imported for real: a package that was built for another interpreter is found, yet of no use.
    if [ -n "$candidate" ] &&
      "$candidate" -c "import sys, $modules; assert sys.version_info >= (3, 11)
print(sys.executable)" 2>/dev/null; then
      return
    fi
    if [ -n "$candidate" ] && [ "$candidate" = "${FORKCOST_PYTHON:-}" ]; then
      complain "FORKCOST_PYTHON=$candidate is not Python 3.11 or later with all of $modules;" \
        'looking for another one'
    fi
  done
  complain "no Python 3.11 or later can import all of $modules; run ci/setup.sh, or name one that" \
    'can in FORKCOST_PYTHON'
  return 3
}

# What no package list tells: an older one that comes first on PATH.
check_versions() {
  version=$(cmake --version 2>/dev/null | sed -n 's/^cmake version //p')
  if ! printf '3.25\n%s\n' "$version" | sort -VC; then
    complain "$(command -v cmake || echo cmake) is version ${version:-unknown}, 3.25 or later is" \
      "needed; get one from https://cmake.org/download/ and put it first on PATH"
    return 3
  fi
  find_python >/dev/null
}

apt_missing() {
  wanted=$(column 2)
  native=$(dpkg --print-architecture)
  # shellcheck disable=SC2016,SC2086 # dpkg's own variables; one word for each package
  installed=$(dpkg-query -W -f='${Package}:${Architecture} ${db:Status-Status}\n' $wanted 2>/dev/null ||
    true)
  for package in $wanted; do
    # Of the one architecture or of none; another one's has the same name and is of no use.
    case $package in *:*) architecture=${package#*:} ;; *) architecture=$native ;; esac
    printf '%s\n' "$installed" | grep -qxF -e "${package%%:*}:$architecture installed" \
      -e "${package%%:*}:all installed" || printf '%s\n' "$package"
  done
}

# The architecture that packages are missing of and that dpkg does not know, if any.
foreign_missing() {
  for package in $missing; do
    case $package in *:*) architecture=${package#*:} ;; *) continue ;; esac
    if ! { dpkg --print-architecture && dpkg --print-foreign-architectures; } |
      grep -qx "$architecture"; then
      printf '%s\n' "$architecture"
      return
    fi
  done
}

setup_apt() {
  missing=$(apt_missing | paste -sd' ')
  if [ -z "$missing" ]; then
    check_versions
    return
  fi
  # A fresh container has no package lists, an old one stale ones: without update nothing is found.
  install="apt-get install --no-install-recommends -y $missing"
  foreign=$(foreign_missing)
  if [ "$(id -u)" = 0 ]; then
    sudo=
  elif ! command -v sudo >/dev/null; then
    sudo=none
  elif sudo -n true 2>/dev/null || [ -t 0 ]; then
    sudo='sudo '
  else
    sudo=none
  fi
  if [ "$mode" = check ] || [ "$sudo" = none ]; then
    complain "missing: $missing"
    if [ "$sudo" = none ]; then
      complain 'installing takes root, and sudo is not there or wants a password; as root run:'
    else
      complain "ci/setup.sh$flags installs them, or:"
    fi
    update="${sudo#none}apt-get update"
    [ -z "$foreign" ] || update="${sudo#none}dpkg --add-architecture $foreign && $update"
    complain "  $update && ${sudo#none}$install"
    return 3
  fi

  say "installing $missing"
  # shellcheck disable=SC2086 # $sudo is one word or none
  if [ -n "$foreign" ] && ! ${sudo}dpkg --add-architecture "$foreign"; then
    complain "dpkg could not add the architecture $foreign; its message above says why"
    return 3
  fi
  # Someone else's broken source makes update fail, and may not matter.
  # shellcheck disable=SC2086 # $sudo is one word or none, $install several
  ${sudo}apt-get -q update || complain 'apt-get update failed; trying with the lists that are there'
  # Another apt-get may be at work (unattended-upgrades, a second job): wait for it.
  # shellcheck disable=SC2086
  if ! ${sudo}env DEBIAN_FRONTEND=noninteractive NEEDRESTART_MODE=l \
    $install -q -o DPkg::Lock::Timeout=600; then
    complain "apt-get could not install all of: $missing; its message above says why"
    return 3
  fi
  missing=$(apt_missing | paste -sd' ')
  if [ -n "$missing" ]; then
    complain "apt-get reported success, yet these are still missing: $missing"
    return 3
  fi
  check_versions
}

# Is it here? $1 and $2 are the two words of the column `check`.
is_present() {
  case $1 in
    command) command -v "$2" >/dev/null ;;
    cross) aarch64-linux-gnu-g++ -std=c++20 -E -x c++ -include "$2" /dev/null >/dev/null 2>&1 ;;
    header) printf '#include <%s>\n' "$2" | c++ -std=c++20 -E -x c++ - >/dev/null 2>&1 ;;
    static) case $(c++ -print-file-name="$2" 2>/dev/null) in */*) ;; *) return 1 ;; esac ;;
    python) python3 -c "import $2" 2>/dev/null ;;
    *) return 0 ;;
  esac
}

# A system without apt: we know what is needed, not how to get it.
setup_other() {
  column_of_manager=0 manager=
  for candidate in 'dnf install:5' 'pacman -S:6' 'zypper install:7'; do
    if command -v "${candidate%% *}" >/dev/null; then
      manager=${candidate%:*} column_of_manager=${candidate#*:}
      break
    fi
  done
  # One interpreter with all modules will do, even if it is not the first on PATH.
  python_is_complete=no
  if find_python >/dev/null 2>&1; then python_is_complete=yes; fi

  names='' packages=''
  while IFS='|' read -r _ _ name check dnf pacman zypper; do
    case $check in python*) [ $python_is_complete = no ] || continue ;; esac
    # shellcheck disable=SC2086 # two words
    if is_present $check; then continue; fi
    names="$names
  $name"
    case $column_of_manager in 5) package=$dnf ;; 6) package=$pacman ;; 7) package=$zypper ;; *) package=- ;; esac
    case " $packages " in *" $package "*) package=- ;; esac
    if [ "$package" != - ]; then packages="$packages $package"; fi
  done <<EOF
$(selected)
EOF
  if [ -z "$names" ]; then
    check_versions
    return
  fi
  complain "this system has no apt-get, so this script installs nothing; missing:$names"
  if [ -n "$packages" ]; then complain "probably: sudo $manager$packages"; fi
  return 3
}

mode=install groups='[base]' flags=
while [ $# -gt 0 ]; do
  case $1 in
    --dev) groups="${groups}[dev]" flags="$flags $1" ;;
    --vm)
      case $(uname -m) in
        x86_64) groups="${groups}[vm-x86_64]" flags="$flags $1" ;;
        aarch64 | arm64) groups="${groups}[vm-aarch64]" flags="$flags $1" ;;
        *) say "this machine is $(uname -m), and the suite boots kernels for x86_64 and aarch64" ;;
      esac
      ;;
    --aarch64)
      case $(uname -m) in
        aarch64 | arm64) say 'this machine is aarch64: the preset release is what --aarch64 is for' ;;
        *) groups="${groups}[aarch64][vm-aarch64]" flags="$flags $1" ;;
      esac
      ;;
    --systems | --peers) groups="${groups}[${1#--}]" flags="$flags $1" ;;
    --check) mode=check ;;
    --print-python) mode=print-python ;;
    -h | --help)
      usage
      exit 0
      ;;
    *)
      complain "unknown argument '$1'; ci/setup.sh --help lists the known ones"
      exit 2
      ;;
  esac
  shift
done

status=0
if [ $mode = print-python ]; then
  find_python || status=$?
  exit $status
elif command -v apt-get >/dev/null && command -v dpkg-query >/dev/null; then
  setup_apt || status=$?
  # It says itself why it cannot, and what is done then.
  if [ $status = 0 ] && [ $mode = install ]; then "$(dirname -- "$0")/benchmark-source.sh" || true; fi
else
  setup_other || status=$?
fi
if [ $status = 0 ]; then say 'everything is there'; fi
exit $status
