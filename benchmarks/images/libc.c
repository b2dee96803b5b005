/* An image with libc, linked statically or dynamically: what a user of a spawn call waits for.
   Usage: IMAGE [ignored…] TIMELINE-DESCRIPTOR counter|syscall

   Its entry point is ours: it takes the time, then jumps to libc's. Linked statically that is the
   first user instruction; linked dynamically the loader was there before, and `image` stays
   unstamped. */
#include <sys/wait.h>

#include "benchmarks/images/with_libc.h"

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

/* For every order: forks a child that does what the page now orders, says its pid, waits for it,
   and says its status. */
__attribute__((noreturn)) static void serve(void) {
  const int channel = page->room[FORKCOST_CHANNEL];
  if (!forkcost_say(channel, 0)) _exit(66);
  while (forkcost_next_order(channel)) {
    const pid_t pid = fork();
    if (pid == 0) {
      page->ticks[FORKCOST_CHILD] = now();
      page->ticks[FORKCOST_MAIN] = page->ticks[FORKCOST_CHILD];
      if (page->room[FORKCOST_ORDER] == FORKCOST_WAIT) stay_and_leave(page->room[FORKCOST_GATE]);
      leave();
    }
    int status = 0;
    if (!forkcost_say(channel, pid < 0 ? -errno : pid)) break;
    if (pid < 0) continue;
    if (waitpid(pid, &status, 0) != pid || !forkcost_say(channel, status)) break;
  }
  _exit(0);
}

int main(int argc, char** argv) {
  choose_clock(argc, argv);
  const uint64_t main_ticks = now();
  if (argc < 3) return 64;
  page = map_shared(argv[argc - 2], sizeof *page, 0);
  if (use_counter) {
#ifndef FORKCOST_LOADED
    page->ticks[FORKCOST_IMAGE] = forkcost_entry_ticks;
#endif
    page->ticks[FORKCOST_ENTRY] = forkcost_entry_ticks;
  }
  page->ticks[FORKCOST_MAIN] = main_ticks;
  if (page->room[FORKCOST_ORDER] == FORKCOST_WAIT) stay_and_leave(page->room[FORKCOST_CHANNEL]);
  if (page->room[FORKCOST_ORDER] == FORKCOST_SERVE) serve();
  leave();
}
