#!/bin/sh
# Generates one set of shared libraries and the programs that are linked with them. CMakeLists.txt
# beside this says which sets there are, README.md why. `generate.sh --help` tells the rest.
set -eu

usage() {
  cat <<'HELP'
usage: generate.sh DIRECTORY PARAMETER=VALUE... -- COMPILER [FLAG...]

Makes DIRECTORY, with the libraries libfc-000.so ..., the programs program-N (linked with the first
N of them), and the file `set` that says what they are. It appears when all of it is there, and
replaces an earlier one. Where the linker cannot make such libraries, it has but a file
`unsupported` that says why.

  number=N           how many libraries
  text=BYTES         of each, a multiple of 4096
  relocations=R      of each
  kind=K             rela, relr (both: pointers to the library itself), symbolic (pointers to
                     exported variables), plt (functions that it calls through its PLT)
  symbols=N          exported by each beside those that relocations name
  name-length=N      of these symbols, 12 at least
  hash=H             gnu, sysv
  shape=S            flat; chain: each needs the next one; directories: each has its own
  binding=B          lazy, now (both without RELRO), now-relro
  programs='N N...'  with how many libraries
  object=FILE        of the programs; their entry point is forkcost_entry
  linker-flags='F F...'  put before ours
HELP
}

fail() {
  printf 'generate.sh: %s\n' "$*" >&2
  exit 1
}

number=1 text=16384 relocations=0 kind=rela symbols=64 length=16 hash=gnu shape=flat binding=lazy
programs='' object='' linker_flags=''
parse() {
  case ${1:-} in
    --help) usage && exit 0 ;;
    '' | *=*) usage >&2 && exit 2 ;;
  esac
  directory=$1
  shift
  while [ $# -gt 0 ] && [ "$1" != -- ]; do
    value=${1#*=}
    case $1 in
      number=*) number=$value ;;
      text=*) text=$value ;;
      relocations=*) relocations=$value ;;
      kind=*) kind=$value ;;
      symbols=*) symbols=$value ;;
      name-length=*) length=$value ;;
      hash=*) hash=$value ;;
      shape=*) shape=$value ;;
      binding=*) binding=$value ;;
      programs=*) programs=$value ;;
      object=*) object=$value ;;
      linker-flags=*) linker_flags=$value ;;
      *) fail "unknown parameter '$1'; generate.sh --help lists the known ones" ;;
    esac
    shift
  done
  [ $# -gt 1 ] || fail 'no compiler after --'
}

# Flags of the linker for every library.
choose_flags() {
  case $kind in
    rela | relr) macro=KIND_RELATIVE ;;
    symbolic) macro=KIND_SYMBOLIC ;;
    plt) macro=KIND_PLT ;;
    *) fail "kind '$kind' is none of rela, relr, symbolic, plt" ;;
  esac
  case $binding in
    lazy) flags=-Wl,-z,lazy,-z,norelro ;;
    now) flags=-Wl,-z,now,-z,norelro ;;
    now-relro) flags=-Wl,-z,now,-z,relro ;;
    *) fail "binding '$binding' is none of lazy, now, now-relro" ;;
  esac
  case $hash in gnu | sysv) ;; *) fail "hash '$hash' is none of gnu, sysv" ;; esac
  case $shape in flat | chain | directories) ;; *) fail "shape '$shape' is none of flat, chain, directories" ;; esac
  flags="$flags -Wl,--hash-style=$hash -Wl,--build-id=none -Wl,-s"
  # 001 -> fc_001_xxxx, and five digits follow.
  padding=$(printf '%*s' $((length - 12)) '' | tr ' ' x)
}

# compile NUMBER COMPILER...
compile() {
  name=$1
  shift
  "$@" -c "-DNUMBER=$name" "-DPREFIX=fc_${name}_$padding" "-DTEXT_BYTES=$text" \
    "-DRELOCATIONS=$relocations" "-DKIND=$macro" "-DSYMBOLS=$symbols" "$source" -o "$work/object.o"
}

# link NUMBER FILE COMPILER... ; `needed` and `extra` are further words.
link() {
  name=$1 file=$2
  shift 2
  # shellcheck disable=SC2086 # lists of flags
  "$@" -shared -nostdlib $linker_flags $flags $extra "-Wl,-soname,libfc-$name.so" "$work/object.o" \
    $needed -o "$file"
}

# What relative relocations become is the linker's choice unless it is told; an old one knows but one
# way. Says no by a warning, and by not being told.
choose_packing() {
  needed='' extra=''
  compile 000 "$@"
  case $kind in relr) extra=-Wl,-z,pack-relative-relocs ;; *) extra=-Wl,-z,nopack-relative-relocs ;; esac
  if link 000 "$work/probe" "$@" -Wl,--fatal-warnings 2>"$work/said"; then
    :
  elif [ "$kind" = relr ]; then
    extra=''
    link 000 "$work/probe" "$@"  # else it is the compiler that does not work
    unsupported=yes
  else
    extra=''
  fi
  rm -f "$work/probe" "$work/said"
}

# Seen from the set, where all of this runs: a build folder may have a space in its name.
library() {
  case $shape in
    directories) printf '%s/libfc-%s.so' "$1" "$1" ;;
    *) printf 'libfc-%s.so' "$1" ;;
  esac
}

# From the last to the first: each is linked with the one after it.
make_libraries() {
  k=$number needed=''
  while [ "$k" -gt 0 ]; do
    k=$((k - 1))
    name=$(printf %03d $k)
    file=$(library "$name")
    if [ "$shape" = directories ]; then mkdir "$name"; fi
    compile "$name" "$@"
    link "$name" "$file" "$@"
    # shellcheck disable=SC2016 # the loader's $ORIGIN
    if [ "$shape" = chain ]; then needed="-Wl,--no-as-needed $file"' -Wl,--enable-new-dtags,-rpath,$ORIGIN'; fi
  done
}

# make_program N COMPILER...
make_program() {
  linked=$1
  shift
  # shellcheck disable=SC2016 # the loader's $ORIGIN
  path='$ORIGIN' libraries='' k=0
  if [ "$shape" = directories ] && [ "$linked" -gt 0 ]; then path=''; fi
  while [ $k -lt "$linked" ]; do
    name=$(printf %03d $k)
    if [ "$shape" = directories ]; then path="$path${path:+:}\$ORIGIN/$name"; fi
    if [ "$shape" != chain ] || [ $k = 0 ]; then libraries="$libraries $(library "$name")"; fi
    k=$((k + 1))
  done
  # shellcheck disable=SC2086 # lists of flags and files
  "$@" -pie $linker_flags -Wl,-e,forkcost_entry -Wl,--enable-new-dtags "-Wl,-rpath,$path" \
    -Wl,-rpath-link,. -Wl,--no-as-needed "$object" $libraries -o "program-$linked"
}

parse "$@"
while [ "$1" != -- ]; do shift; done
shift
source=$(cd "$(dirname "$0")" && pwd)/library.S
case $directory in /*) ;; *) directory=$PWD/$directory ;; esac
case $object in '' | /*) ;; *) object=$PWD/$object ;; esac
choose_flags

new=$directory.new work=$directory.work unsupported=no
trap 'rm -rf "$new" "$work"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP
rm -rf "$new" "$work"
mkdir -p "$new" "$work" || fail "cannot write to $(dirname "$directory"); build in a folder that is yours"
cd "$new"

choose_packing "$@"
if [ $unsupported = yes ]; then
  echo "the linker that built this cannot make $kind relocations; it takes one that knows" \
    '-z pack-relative-relocs (GNU ld 2.38 on x86_64, 2.43 on aarch64, or lld 15)' >unsupported
else
  make_libraries "$@"
  for linked in $programs; do make_program "$linked" "$@"; done
fi
cat >"$PWD/set" <<EOS
number $number
text $text
relocations $relocations
kind $kind
symbols $symbols
name-length $length
hash $hash
shape $shape
binding $binding
programs $programs
EOS
cd /
rm -rf "$directory"
mv "$new" "$directory"
