/* An image with libc, linked statically or dynamically: what a user of a spawn call waits for.
   Usage: IMAGE [ignored…] TIMELINE-DESCRIPTOR counter|syscall

   Its entry point is ours: it takes the time, then jumps to libc's. Linked statically that is the
   first user instruction; linked dynamically the loader was there before, and `image` stays
   unstamped. */
#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "harness/timeline_page.h"

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

static struct forkcost_timeline_page* page;
static int use_counter;

static uint64_t now(void) {
  if (use_counter) return forkcost_counter();
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

__attribute__((noreturn)) static void end(void) {
  page->ticks[FORKCOST_EXIT] = now();
  _exit(0);
}

__attribute__((noreturn)) static void wait_on(int socket) {
  char byte = 1;
  if (write(socket, &byte, 1) != 1) _exit(66);
  /* From here on the page is somebody else's: it may be made ready for the next image. */
  while (read(socket, &byte, 1) < 0 && errno == EINTR) {
  }
  end();
}

/* For every byte that comes on the socket: forks a child that does what the page now orders, says
   its pid, waits for it, and says its status. */
__attribute__((noreturn)) static void serve(void) {
  const int socket = page->image_socket;
  char byte = 1;
  if (write(socket, &byte, 1) != 1) _exit(66);
  while (read(socket, &byte, 1) == 1) {
    const pid_t pid = fork();
    if (pid == 0) {
      page->ticks[FORKCOST_CHILD] = now();
      page->ticks[FORKCOST_MAIN] = page->ticks[FORKCOST_CHILD];
      if (page->image_order == FORKCOST_WAIT) wait_on(page->image_gate);
      end();
    }
    int status = pid < 0 ? errno : 0;
    if (write(socket, &pid, sizeof pid) != sizeof pid) break;
    if (pid > 0 && waitpid(pid, &status, 0) != pid) break;
    if (write(socket, &status, sizeof status) != sizeof status) break;
  }
  _exit(0);
}

int main(int argc, char** argv) {
  use_counter = argc > 2 && argv[argc - 1][0] == 'c';
  const uint64_t main_ticks = now();
  if (argc < 3) return 64;
  page = mmap(NULL, sizeof *page, PROT_READ | PROT_WRITE, MAP_SHARED, atoi(argv[argc - 2]), 0);
  if (page == MAP_FAILED) return 65;
  if (use_counter) {
#ifndef FORKCOST_LOADED
    page->ticks[FORKCOST_IMAGE] = forkcost_entry_ticks;
#endif
    page->ticks[FORKCOST_ENTRY] = forkcost_entry_ticks;
  }
  page->ticks[FORKCOST_MAIN] = main_ticks;
  if (page->image_order == FORKCOST_WAIT) wait_on(page->image_socket);
  if (page->image_order == FORKCOST_SERVE) serve();
  end();
}
