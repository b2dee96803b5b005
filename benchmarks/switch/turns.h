/* Two sides that take turns on one CPU. What each does in its turn, in plain C: the image `partner`
   is one of them. */
#ifndef FORKCOST_TURNS_H
#define FORKCOST_TURNS_H

#include <errno.h>
#include <linux/futex.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

/* NOLINTBEGIN(modernize-use-nullptr): C */

enum { FORKCOST_FIRST, FORKCOST_PARTNER }; /* the sides; the first one is the bench program */

/* In memory shared by both. */
struct forkcost_turns {
  uint32_t turn;           /* whose turn it is: the futex */
  uint32_t alone;          /* a futex that nobody waits for */
  uint32_t stop;           /* the partner is to end, or has ended */
  uint32_t pages;          /* that each side reads in its turn, from memory of its own */
  uint32_t waits[2];       /* of each side so far: calls to wait for its turn that have ended */
  int32_t by_pipe;         /* else by futex */
  int32_t from[2], to[2];  /* each side's ends of the pipes */
  uint64_t partner_memory; /* where the partner's pages are */
  int32_t partner_thread;  /* its thread id */
  int32_t partner_errno;   /* why it gave up; 0: it did not */
};

/* Memory of base pages, all of them there; NULL for 0 pages, MAP_FAILED with errno. */
static inline char* forkcost_map_pages(uint32_t pages) {
  const size_t size = (size_t)sysconf(_SC_PAGESIZE);
  if (pages == 0) return NULL;
  char* const memory =
      (char*)mmap(NULL, pages * size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == (char*)MAP_FAILED) return memory;
  madvise(memory, pages * size, MADV_NOHUGEPAGE); /* EINVAL where there are no huge pages */
  for (uint32_t i = 0; i < pages; ++i) memory[i * size] = 1;
  return memory;
}

/* Reads a byte of each. Not always the first one: these would compete for few sets of the cache. */
static inline void forkcost_read_pages(const char* memory, uint32_t pages, size_t size) {
  for (uint32_t i = 0; i < pages; ++i) {
    (void)*(const volatile char*)(memory + i * size + i * 64 % size);
  }
}

static inline void forkcost_wake(uint32_t* word) {
  syscall(SYS_futex, word, FUTEX_WAKE, 1, NULL, NULL, 0);
}

static inline void forkcost_wait(uint32_t* word, uint32_t value) {
  syscall(SYS_futex, word, FUTEX_WAIT, value, NULL, NULL, 0);
}

/* Giving and taking: 0 when the other side is gone. */
static inline int forkcost_give_turn(struct forkcost_turns* turns, int side) {
  if (turns->by_pipe) {
    char byte = 0;
    while (write(turns->to[side], &byte, 1) != 1) {
      if (errno != EINTR) return 0;
    }
    return 1;
  }
  __atomic_store_n(&turns->turn, (uint32_t)(1 - side), __ATOMIC_RELEASE);
  forkcost_wake(&turns->turn);
  return 1;
}

/* Of a wait that has ended, not of one that begins: when this side reads both counts in its turn,
   the other may be in its next wait or on its way there, which would make the count one more or
   less. */
static inline void forkcost_count_wait(struct forkcost_turns* turns, int side) {
  __atomic_store_n(&turns->waits[side], turns->waits[side] + 1, __ATOMIC_RELAXED);
}

static inline int forkcost_take_turn(struct forkcost_turns* turns, int side) {
  if (turns->by_pipe) {
    char byte;
    ssize_t got;
    while ((got = read(turns->from[side], &byte, 1)) < 0 && errno == EINTR) {
    }
    forkcost_count_wait(turns, side);
    return got == 1 && !__atomic_load_n(&turns->stop, __ATOMIC_ACQUIRE);
  }
  while (__atomic_load_n(&turns->turn, __ATOMIC_ACQUIRE) != (uint32_t)side) {
    /* Whoever sees the other side end says so here and takes its turn from it; giving it a turn at
       that very moment undoes the second, and nobody would wake this side. */
    if (__atomic_load_n(&turns->stop, __ATOMIC_ACQUIRE)) return 0;
    forkcost_wait(&turns->turn, (uint32_t)(1 - side));
    forkcost_count_wait(turns, side);
  }
  return !__atomic_load_n(&turns->stop, __ATOMIC_ACQUIRE);
}

/* The partner: takes its turn until it is stopped. */
static inline void forkcost_be_partner(struct forkcost_turns* turns) {
  const size_t size = (size_t)sysconf(_SC_PAGESIZE);
  const char* const memory = forkcost_map_pages(turns->pages);
  if (memory == (const char*)MAP_FAILED) turns->partner_errno = errno;
  turns->partner_memory = (uint64_t)(uintptr_t)memory;
  turns->partner_thread = (int32_t)syscall(SYS_gettid);
  while (forkcost_take_turn(turns, FORKCOST_PARTNER)) {
    if (turns->partner_errno == 0) forkcost_read_pages(memory, turns->pages, size);
    if (!forkcost_give_turn(turns, FORKCOST_PARTNER)) break;
  }
  if (turns->partner_errno == 0 && memory != NULL) munmap((void*)memory, turns->pages * size);
}

/* NOLINTEND(modernize-use-nullptr) */
#endif
