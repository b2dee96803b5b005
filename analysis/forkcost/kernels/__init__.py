"""The kernel laboratory: the same cases on several kernels, each of them booted in QEMU."""
