/* The next pages of the caller's stack, written before a count begins, in C and C++. */
#ifndef FORKCOST_SETTLE_STACK_H
#define FORKCOST_SETTLE_STACK_H

#include <stddef.h>

/* Writes `bytes` of stack below the caller's frame. A page of the stack that is new, or that a fork
   write-protected, faults at its first write; where the pages begin is up to the environment's
   size, and so whether a deeper call crosses into the next one (seen: 257 faults of 256, in each
   sample of the processes in which a call 64 bytes deeper did).

   Never inlined: its room would be part of the caller's frame, and what is called later would lie
   below it. */
__attribute__((noinline, unused, no_sanitize("address", "undefined"))) static void
forkcost_settle_stack(size_t bytes) {
  volatile char* const room = (volatile char*)__builtin_alloca(bytes);
  for (size_t at = 0; at < bytes; at += 1024) room[at] = 0;
}

#endif
