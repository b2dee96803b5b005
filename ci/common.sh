# shellcheck shell=sh
# Shared by ci/bench.sh and ci/test.sh, which source it.

root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)

# step NAME: a headline, so that a long log can be skimmed, and slow steps are seen.
step() { printf '\n== %s (%s)\n' "$*" "$(date +%H:%M:%S)"; }

# die STATUS MESSAGE…
die() {
  die_status=$1
  shift
  printf '%s: %s\n' "$(basename "$0")" "$*" >&2
  exit "$die_status"
}

# configure PRESET. The interpreter that set-up found is handed on: the first python3 on PATH may
# be one without our modules. The generator is make unless the user (CMAKE_GENERATOR) says
# otherwise or ninja is there; CMake ignores the variable in a tree that has been configured before.
configure() {
  if [ -z "${CMAKE_GENERATOR:-}" ] && command -v ninja >/dev/null; then
    export CMAKE_GENERATOR=Ninja
  fi
  # What was compiled before, in this tree or another one, is not compiled again where ccache is there.
  launcher=
  if command -v ccache >/dev/null; then
    launcher='-DCMAKE_C_COMPILER_LAUNCHER=ccache -DCMAKE_CXX_COMPILER_LAUNCHER=ccache'
  fi
  # shellcheck disable=SC2086 # two words or none
  cmake -S "$root" --preset "$1" "-DFORKCOST_PYTHON=$FORKCOST_PYTHON" $launcher
}

# As many as CPUs, unless the user says otherwise by CMake's own variable.
jobs=${CMAKE_BUILD_PARALLEL_LEVEL:-$(nproc)}

# build PRESET [TARGET]
build() { cmake --build "$root/build/$1" --parallel "$jobs" ${2:+--target "$2"}; }
