#!/bin/sh
# A test in Python that boots the suite: skipped as a whole where nothing can be booted.
# usage: FORKCOST_BUILD=… FORKCOST_ARCH=… vm_python.sh PYTHON FILE
set -eu
# shellcheck source=vm_common.sh source-path=SCRIPTDIR
. "$(dirname -- "$0")/vm_common.sh"
export FORKCOST_AARCH64_BUILD="$FORKCOST_BUILD" PYTHONDONTWRITEBYTECODE=1
exec "$1" -m pytest -q -s -p no:cacheprovider "$2"
