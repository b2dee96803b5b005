/* What every image with libc is made of: its timeline, its clock, its ways to end. */
#ifndef FORKCOST_WITH_LIBC_H
#define FORKCOST_WITH_LIBC_H

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "benchmarks/images/orders.h"

static struct forkcost_timeline_page* page;
static int use_counter;

static inline uint64_t now(void) {
  if (use_counter) return forkcost_counter();
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* The last two words of every image's command line: here the clock. */
static inline void choose_clock(int argc, char** argv) {
  use_counter = argc > 2 && argv[argc - 1][0] == 'c';
}

/* Memory that a descriptor of the command line stands for. */
static inline void* map_shared(const char* descriptor, size_t size, int flags) {
  void* const memory =
      mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | flags, atoi(descriptor), 0);
  if (memory == MAP_FAILED) _exit(65);
  return memory;
}

__attribute__((noreturn, unused)) static void fail(const char* doing, int error) {
  page->child_errno = error;
  strncpy(page->child_failed_at, doing, sizeof page->child_failed_at - 1);
  _exit(67);
}

__attribute__((noreturn)) static inline void leave(void) {
  page->ticks[FORKCOST_EXIT] = now();
  _exit(0);
}

__attribute__((noreturn)) static inline void stay_and_leave(int channel) {
  if (!forkcost_stay(channel)) _exit(66);
  leave();
}

#endif
