"""Boots a Linux kernel in QEMU with an initramfs of given files, and runs one command there."""
