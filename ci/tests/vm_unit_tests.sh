#!/bin/sh
# All unit tests of a cross-built program, in a VM that is exact: its counts are real and repeat.
# usage: FORKCOST_BUILD=… FORKCOST_ARCH=… vm_unit_tests.sh PROGRAM
set -eu
program=${1:?usage: vm_unit_tests.sh PROGRAM}
# shellcheck source=vm_common.sh source-path=SCRIPTDIR
. "$(dirname -- "$0")/vm_common.sh"

report=$FORKCOST_BUILD/vm/$program.xml
mkdir -p "$FORKCOST_BUILD/vm"
rm -f "$report"
set -- --file "$FORKCOST_BUILD/bin/$program:/suite/bin/$program"
# The other programs and the images that they look for.
case $program in
  harness_tests) set -- "$@" --file "$FORKCOST_BUILD/bin/forkcost-events:/suite/bin/forkcost-events" ;;
  benchmark_tests) set -- "$@" --file "$FORKCOST_BUILD/libexec:/suite/libexec" ;;
esac
vm_boot "$@" --console "$FORKCOST_BUILD/vm/$program.console" --out "/tmp/tests.xml:$report" \
  -- "/suite/bin/$program" --gtest_output=xml:/tmp/tests.xml
