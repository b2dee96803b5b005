#include "harness/random.h"

#include <sys/random.h>

#include <cerrno>

#include "harness/error.h"

namespace forkcost {

// Not std::random_device: libstdc++'s takes arc4random, which only glibc 2.36 has.
uint64_t random_number() {
  uint64_t number = 0;
  ssize_t got = 0;
  do {
    got = getrandom(&number, sizeof number, 0);  // so few bytes come whole
  } while (got < 0 && errno == EINTR);
  check(got, "getrandom");
  return number;
}

}  // namespace forkcost
