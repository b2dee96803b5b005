/* 1 MiB of text that is there to be mapped: of the image `resident`, and of its library. */

__asm__(
    ".text\n"
    ".balign 4096\n"
    ".globl forkcost_resident_text\n"
    "forkcost_resident_text:\n"
    "  .fill 0x100000, 1, 0xc3\n");
