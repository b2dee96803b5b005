// libstdc++'s std::random_device takes its numbers from arc4random where the C library it was built
// with has one: glibc since 2.36. Linked statically it would make every program of ours ask for
// that glibc, since libstdc++'s strings bring the device along, and Google Benchmark uses it. So
// the programs have their own, from the same source.
//
// In C: the declaration in <stdlib.h>, where there is one, has attributes of its own.
#include <errno.h>
#include <stdint.h>
#include <sys/random.h>

uint32_t arc4random(void);

uint32_t arc4random(void) {
  uint32_t number;
  // So few bytes come whole. Interrupted it can be only before the kernel's pool is ready.
  while (getrandom(&number, sizeof number, 0) != sizeof number) {
    if (errno != EINTR) __builtin_trap();  // as glibc's own: it has no way to fail
  }
  return number;
}
