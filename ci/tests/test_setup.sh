#!/bin/sh
# ci/setup.sh against stand-ins for the package tools. Installs nothing.
set -eu
ci=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# Without what fetches a source, for which there is a stand-in that cannot.
mkdir "$work/ci"
cp "$ci/setup.sh" "$work/ci/"
setup=$work/ci/setup.sh
printf '#!/bin/sh\necho fetch >>"%s/fetched"\nexit 3\n' "$work" >"$work/ci/benchmark-source.sh"
chmod +x "$work/ci/benchmark-source.sh"

failures=0
# expect STATUS PATTERN arguments…: runs set-up with PATH=$path; PATTERN (grep) must be in its output.
expect() {
  want=$1 pattern=$2
  shift 2
  status=0
  output=$(PATH=$path "$setup" "$@" 2>&1) || status=$?
  if [ $status = "$want" ] && printf '%s\n' "$output" | grep -q -- "$pattern"; then
    printf 'ok: %s: %s\n' "$*" "$pattern"
  else
    printf 'FAILED: setup.sh %s: status %s (expected %s), pattern "%s" in:\n%s\n' \
      "$*" $status "$want" "$pattern" "$output"
    failures=$((failures + 1))
  fi
}

# A dpkg-query for which everything but the packages of $work/missing is installed, a dpkg that knows
# the foreign architectures of $work/foreign, and an apt-get that writes down what it is asked for, and
# then installs it.
mkdir "$work/apt"
cat >"$work/apt/dpkg-query" <<EOF
#!/bin/sh
for package; do
  case \$package in -*) continue ;; esac
  case \$package in *:*) name=\$package ;; *) name=\$package:amd64 ;; esac
  grep -qx "\$package" "$work/missing" || echo "\$name installed"
  # The other architecture's package of that name, which dpkg-query tells as well.
  echo "\${package%:*}:riscv64 installed"
done
EOF
cat >"$work/apt/dpkg" <<EOF
#!/bin/sh
case \$1 in
  --print-architecture) echo amd64 ;;
  --print-foreign-architectures) cat "$work/foreign" ;;
  --add-architecture) echo "dpkg \$*" >>"$work/calls" && echo "\$2" >>"$work/foreign" ;;
esac
EOF
printf '#!/bin/sh\necho x86_64\n' >"$work/apt/uname"
: >"$work/foreign"
cat >"$work/apt/apt-get" <<EOF
#!/bin/sh
echo "\$*" >>"$work/calls"
case \$* in *"\$(cat "$work/refuses")"*) exit 100 ;; esac
case \$1 in install) : >"$work/missing" ;; esac
EOF
cat >"$work/apt/id" <<EOF
#!/bin/sh
cat "$work/uid"
EOF
printf '#!/bin/sh\nexit 1\n' >"$work/apt/sudo"
chmod +x "$work"/apt/*
path=$work/apt:$PATH
echo 0 >"$work/uid"
echo nothing >"$work/refuses"

: >"$work/missing"
expect 2 "unknown argument '--bogus'" --bogus
expect 0 'usage: ci/setup.sh' --help
expect 0 'everything is there' --check

printf 'libfmt-dev\npython3-rich\n' >"$work/missing"
expect 3 'missing: libfmt-dev python3-rich$' --check
expect 3 'apt-get install .*-y libfmt-dev python3-rich$' --check
echo shellcheck >>"$work/missing"
expect 3 'missing: libfmt-dev python3-rich$' --check
expect 3 'missing: libfmt-dev python3-rich shellcheck$' --dev --check
printf 'libfmt-dev\nhyperfine\nstress-ng\n' >"$work/missing"
expect 3 'missing: libfmt-dev$' --dev --check
expect 3 'missing: libfmt-dev stress-ng hyperfine$' --peers --check
expect 3 'ci/setup.sh --peers installs them' --peers --check
printf 'libfmt-dev\npython3-rich\nshellcheck\n' >"$work/missing"

# An ordinary user, and a sudo that wants a password nobody can type.
echo 1000 >"$work/uid"
expect 3 'as root run:$' </dev/null
expect 3 '^setup:   apt-get update && apt-get install' </dev/null
echo 0 >"$work/uid"
if [ -e "$work/calls" ]; then
  echo 'FAILED: apt-get was called before there was anything to install:'
  cat "$work/calls"
  failures=$((failures + 1))
fi

echo install >"$work/refuses"
expect 3 'could not install all of: libfmt-dev python3-rich'
if [ -e "$work/fetched" ]; then
  echo 'FAILED: a source was fetched by --check, or where packages are missing'
  failures=$((failures + 1))
fi
echo update >"$work/refuses" # a broken list of somebody else does not stop us
expect 0 'everything is there'
expect 0 'everything is there' # the second time nothing is asked for
if [ "$(grep -c . "$work/calls")" != 4 ]; then
  echo 'FAILED: expected two updates and two installs:'
  cat "$work/calls"
  failures=$((failures + 1))
fi

if [ "$(grep -c . "$work/fetched")" != 2 ]; then
  echo 'FAILED: expected the source to be looked for after each installation'
  failures=$((failures + 1))
fi

# Another architecture is added only when it is asked for, and once.
printf 'libfmt-dev:arm64\nqemu-system-arm\nqemu-system-x86\n' >"$work/missing"
: >"$work/calls"
expect 0 'everything is there' --check
expect 3 'missing: qemu-system-x86$' --vm --check
printf '#!/bin/sh\necho aarch64\n' >"$work/apt/uname"
expect 3 'missing: qemu-system-arm$' --vm --check
printf '#!/bin/sh\necho x86_64\n' >"$work/apt/uname"
expect 3 'missing: qemu-system-arm libfmt-dev:arm64$' --aarch64 --check
expect 3 'ci/setup.sh --aarch64 installs them' --aarch64 --check
expect 3 '^setup:   dpkg --add-architecture arm64 && apt-get update && apt-get install' --aarch64 --check
[ ! -s "$work/calls" ] || { echo 'FAILED: --check changed something' && failures=$((failures + 1)); }
expect 0 'everything is there' --aarch64
printf 'libfmt-dev:arm64\n' >"$work/missing"
expect 0 'everything is there' --aarch64
if [ "$(grep -c 'dpkg --add-architecture arm64' "$work/calls")" != 1 ]; then
  echo 'FAILED: expected the architecture to be added once:'
  cat "$work/calls"
  failures=$((failures + 1))
fi

# No apt: a PATH with the bare tools.
mkdir "$work/bare"
for tool in awk cat cut dirname grep paste sed sh sort; do
  ln -s "$(command -v $tool)" "$work/bare/$tool"
done
path=$work/bare
expect 3 'this system has no apt-get'
expect 3 '^  CMake 3.25 or later$' --check
expect 3 '^  Google Benchmark 1.7 or later$' --check
ln -s /bin/true "$work/bare/dnf"
expect 3 'probably: sudo dnf install gcc-c++ .*google-benchmark-devel' --check

# The interpreter that is named is taken, and one that has not got the modules is not.
path=$PATH
python=$("$setup" --print-python)
FORKCOST_PYTHON=$python expect 0 "^$python\$" --print-python
FORKCOST_PYTHON=/bin/false expect 0 'FORKCOST_PYTHON=/bin/false is not' --print-python

[ $failures = 0 ] || exit 1
