/* An image with libc, linked statically or dynamically: what a user of a spawn call waits for.
   Usage: IMAGE TIMELINE-DESCRIPTOR counter|syscall

   Linked statically, its entry point is ours: it takes the time, then jumps to libc's. Linked
   dynamically, the first user instruction is the loader's, and `image` stays unstamped. */
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "harness/timeline_page.h"

#ifdef FORKCOST_OWN_ENTRY
uint64_t forkcost_entry_ticks;
/* rdx holds the loader's exit function and must survive; rcx, rax and x9, x10 are free here. */
#if defined(__x86_64__)
__asm__(
    ".globl forkcost_entry\n"
    "forkcost_entry:\n"
    "  mov %rdx, %rcx\n"
    "  lfence\n"
    "  rdtsc\n"
    "  shl $32, %rdx\n"
    "  or %rdx, %rax\n"
    "  mov %rax, forkcost_entry_ticks(%rip)\n"
    "  mov %rcx, %rdx\n"
    "  jmp _start\n");
#elif defined(__aarch64__)
__asm__(
    ".globl forkcost_entry\n"
    "forkcost_entry:\n"
    "  isb\n"
    "  mrs x9, cntvct_el0\n"
    "  adrp x10, forkcost_entry_ticks\n"
    "  str x9, [x10, :lo12:forkcost_entry_ticks]\n"
    "  b _start\n");
#endif
#endif

static uint64_t now(int use_counter) {
  if (use_counter) return forkcost_counter();
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

int main(int argc, char** argv) {
  const int use_counter = argc > 2 && argv[2][0] == 'c';
  const uint64_t main_ticks = now(use_counter);
  if (argc < 3) return 64;
  struct forkcost_timeline_page* page =
      mmap(NULL, sizeof *page, PROT_READ | PROT_WRITE, MAP_SHARED, atoi(argv[1]), 0);
  if (page == MAP_FAILED) return 65;
#ifdef FORKCOST_OWN_ENTRY
  if (use_counter) page->ticks[FORKCOST_IMAGE] = forkcost_entry_ticks;
#endif
  page->ticks[FORKCOST_MAIN] = main_ticks;
  page->ticks[FORKCOST_EXIT] = now(use_counter);
  _exit(0);
}
