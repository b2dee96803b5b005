/* The shared page into which parent, child and the exec'ed image stamp the events of one process
   creation. Plain C without libc, because the nolibc image includes it. The page reaches an image
   as an open file: its last two arguments are the descriptor and the clock ("counter" or
   "syscall"). The last, because a script's interpreter finds paths before them. */
#ifndef FORKCOST_TIMELINE_PAGE_H
#define FORKCOST_TIMELINE_PAGE_H

#include <stdint.h>

enum forkcost_event {
  FORKCOST_CALL,    /* parent: just before the call */
  FORKCOST_RESUMED, /* parent: just after it returned */
  FORKCOST_CHILD,   /* child: its first instruction after the call */
  FORKCOST_EXEC,    /* child: just before execve */
  FORKCOST_IMAGE,   /* image: its first user instruction, where the entry point is ours */
  FORKCOST_ENTRY,   /* image: the program's own first instruction, after the loader; where the entry
                       point is ours */
  FORKCOST_MAIN,    /* image: first line of main */
  FORKCOST_EXIT,    /* child or image: just before _exit */
  FORKCOST_REAPED,  /* parent: wait returned */
  FORKCOST_EVENTS
};

/* Something that an image did after main began. */
struct forkcost_step {
  volatile uint64_t begin, end; /* clock ticks; 0: not done */
  volatile uint64_t minor_faults, major_faults;
};

enum { FORKCOST_STEPS = 32, FORKCOST_ROOM = 4 };

struct forkcost_timeline_page {
  volatile uint64_t ticks[FORKCOST_EVENTS]; /* clock ticks; 0: not stamped */
  volatile int32_t child_cpu;           /* the child's CPU at its first instruction; -1: unknown */
  volatile int32_t child_errno;         /* why the child gave up; 0: it did not */
  char child_failed_at[64];             /* what it was doing then */
  volatile int32_t room[FORKCOST_ROOM]; /* of the benchmark and its images; 0 after a reset */
  struct forkcost_step steps[FORKCOST_STEPS];
};

/* The CPU's own counter. The fence keeps the read from overtaking what is being timed. */
static inline uint64_t forkcost_counter(void) {
#if defined(__x86_64__)
  uint32_t low, high;
  __asm__ volatile("lfence\n\trdtsc" : "=a"(low), "=d"(high)::"memory");
  return ((uint64_t)high << 32) | low;
#elif defined(__aarch64__)
  uint64_t ticks;
  __asm__ volatile("isb\n\tmrs %0, cntvct_el0" : "=r"(ticks)::"memory");
  return ticks;
#else
  return 0;
#endif
}

#endif
