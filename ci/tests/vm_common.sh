# shellcheck shell=sh
# Shared by the tests that boot a kernel, which source it. CMakeLists.txt sets the environment.
: "${FORKCOST_BUILD:?the build directory}" "${FORKCOST_ARCH:?x86_64 or aarch64}"

case $FORKCOST_ARCH in
  aarch64) kernel=debian:linux-image-cloud-arm64 ;;
  *) kernel=debian:linux-image-cloud-amd64 ;;
esac
busybox=debian:busybox-static/bin/busybox

# vm_boot ARGUMENTS…: with a guest that has /bin/true and a shell, in which busybox is every command.
vm_boot() {
  "$FORKCOST_BUILD/bin/forkcost-boot" --kernel "$kernel" --arch "$FORKCOST_ARCH" --file "$busybox:/bin/sh" \
    --file "$busybox:/bin/true" "$@"
}

# Where QEMU or the packages cannot be had, the test is skipped; not in CI, which has set them up.
if ! reason=$(vm_boot --check -- true 2>&1); then
  printf '%s\n' "SKIP: $reason"
  if [ "${CI:-}" = true ]; then exit 1; fi
  exit 77
fi
