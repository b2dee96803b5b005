#!/bin/sh
# Set-up, build, run, report: the first command of the README. `ci/bench.sh --help` tells the rest.
set -eu
# shellcheck source=common.sh source-path=SCRIPTDIR
. "$(dirname -- "$0")/common.sh"

usage() {
  cat <<'EOF'
usage: ci/bench.sh [--out FILE] [arguments of forkcost-run]

Installs what is missing (ci/setup.sh), builds the preset release, runs forkcost-run and turns its
result file into a report. The last line of the output is the path of the report.

All arguments go to forkcost-run, whose default is --preset quick: ci/bench.sh --preset standard

  --out FILE  the result file; the report is FILE without .json, with -report/index.html.
              Without it: build/release/results/<UTC time>/run.json and report/index.html there

Exit status: 0 fine; 1 a case failed (the report stands all the same); 2 the call is wrong; 3 this
machine cannot do it: something could not be installed or built, or no case could be measured; 130
interrupted, and the message says how to go on.
EOF
}

# What is ours among the arguments; all the rest is forkcost-run's business.
out='' previous=
for argument; do
  [ "$previous" != --out ] || out=$argument
  case $argument in
    -h | --help)
      usage
      exit 0
      ;;
    --out=*) out=${argument#--out=} ;;
  esac
  previous=$argument
done
[ "$previous" != --out ] || die 2 '--out needs the name of a file: ci/bench.sh --out run.json'

step set-up
"$root/ci/setup.sh" || exit
FORKCOST_PYTHON=$("$root/ci/setup.sh" --print-python) || exit
export FORKCOST_PYTHON

step build
configure release || die 3 "cmake could not configure $root/build/release; its message above names" \
  'what is missing or too old'
build release || die 3 "the build in $root/build/release failed; its first message above says where"

step run
directory=
if [ -n "$out" ]; then
  report=${out%.json}-report
else
  directory=$root/build/release/results/$(date -u +%Y%m%dT%H%M%SZ)
  mkdir -p "$root/build/release/results"
  mkdir "$directory" || die 3 'two runs cannot begin in the same second; begin again'
  out=$directory/run.json report=$directory/report
  set -- --out "$out" "$@"
fi
# An interrupt reaches forkcost-run too, which closes its journal and says how to resume. We wait
# for that (a trapped signal waits for the foreground program) and leave without a report.
interrupted=
trap 'interrupted=130' INT
trap 'interrupted=143' TERM
status=0
"$root/build/release/bin/forkcost-run" "$@" || status=$?
trap - INT TERM
if [ -n "$interrupted" ]; then
  die "$interrupted" "interrupted, so there is no report; what was measured stands in $out.journal"
fi
case $status in
  0 | 1) ;;
  *) die "$status" "forkcost-run ended with status $status, so there is no report; its message" \
    'above says why' ;;
esac
if [ ! -e "$out" ]; then
  # --list, --doctor and the like.
  [ -z "$directory" ] || rmdir "$directory"
  printf '%s\n' "bench.sh: forkcost-run wrote no result file, so there is no report"
  exit $status
fi

step report
report_status=0
"$root/build/release/bin/forkcost" report "$out" -o "$report" || report_status=$?
[ $report_status = 0 ] || die $report_status "the report failed; the result file stands: $out"
index=$(CDPATH='' cd -- "$report" && pwd)/index.html
[ -e "$index" ] || die 3 "forkcost report wrote no $index; the result file stands: $out"
if [ $status = 1 ]; then
  printf '%s\n' 'bench.sh: at least one case failed; the report says which, and why' >&2
fi
printf '\nfile://%s\n%s\n' "$index" "$index"
exit $status
