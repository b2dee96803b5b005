/* A library with pages of its own: 1 MiB of text, all of it read when it is loaded, and a page of
   data that nobody else writes. */
#include <stddef.h>

enum { TEXT_BYTES = 1 << 20, PAGE_BYTES = 1 << 16 }; /* the largest base page */

#if defined(__aarch64__)
#define TYPE_PREFIX "%"
#else
#define TYPE_PREFIX "@"
#endif
__asm__(".pushsection .text.forkcost_fill,\"ax\"," TYPE_PREFIX
        "progbits\n"
        ".balign 65536\n"
        ".globl forkcost_fill\n"
        ".hidden forkcost_fill\n"
        "forkcost_fill: .fill 1048576,1,0x90\n"
        ".popsection\n");
extern const volatile char forkcost_fill[TEXT_BYTES] __attribute__((visibility("hidden")));

/* The page in the middle of three: no other data lies in it. */
__attribute__((aligned(PAGE_BYTES))) char forkcost_library_data[3 * PAGE_BYTES] = {1};

__attribute__((constructor)) static void read_text(void) {
  for (size_t at = 0; at < TEXT_BYTES; at += 4096) (void)forkcost_fill[at];
}
