/* The other side of bench_switch as a program of its own.
   Usage: IMAGE TURNS-DESCRIPTOR TIMELINE-DESCRIPTOR counter|syscall */
#define _GNU_SOURCE
#include <stdlib.h>

#include "benchmarks/switch/turns.h"

int main(int argc, char** argv) {
  if (argc != 4) return 64;
  struct forkcost_turns* const turns =
      mmap(NULL, sizeof *turns, PROT_READ | PROT_WRITE, MAP_SHARED, atoi(argv[1]), 0);
  if (turns == MAP_FAILED) return 65;
  forkcost_be_partner(turns);
  return 0;
}
