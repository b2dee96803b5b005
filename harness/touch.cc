#include "harness/touch.h"

#include <dlfcn.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <numeric>
#include <random>

#include "harness/clock.h"
#include "harness/procfs.h"
#include "harness/settle_stack.h"

namespace forkcost {
namespace {

constexpr size_t kStridePages = 16;
constexpr size_t kSettledStack = 16384;  // what a counted span calls takes less than 2 KiB

// Not instrumented: the sanitizer's shadow of the arena would fault, too, and be counted.
#define FORKCOST_NOT_SANITIZED __attribute__((no_sanitize("address", "undefined")))

#ifdef __clang__
#define FORKCOST_ONE_COPY __attribute__((noinline))
#else
#define FORKCOST_ONE_COPY __attribute__((noinline, noclone))
#endif

FORKCOST_NOT_SANITIZED inline void touch_one(char* at, Access access) {
  auto* byte = reinterpret_cast<volatile char*>(at);
  if (access == Access::kWrite) {
    *byte = 1;
  } else {
    static_cast<void>(*byte);
  }
}

// `order` may be null: then place after place.
FORKCOST_NOT_SANITIZED FORKCOST_ONE_COPY Faults touch_run(char* base, size_t count, size_t distance,
                                                          const uint32_t* order, Access access) {
  const Faults before = thread_faults();
  for (size_t i = 0; i < count; ++i) {
    touch_one(base + (order == nullptr ? i : order[i]) * distance, access);
  }
  return thread_faults() - before;
}

// The kernel writes the thread's rseq area when it preempts us. After a fork that page is
// write-protected too, and its fault would be counted among the arena's (seen: 4,097 of 4,096).
//
// Looked up, and that when the program starts: a reference to the symbol, even a weak one, makes
// the program ask for glibc 2.35, and in a child no lookup is safe.
const auto* const rseq_offset = static_cast<const ptrdiff_t*>(dlsym(RTLD_DEFAULT, "__rseq_offset"));

void settle_rseq() {
  if (rseq_offset == nullptr) return;  // glibc before 2.35 registers none
  constexpr ptrdiff_t kFlags = 16;     // reserved, zero
  char* const area = static_cast<char*>(__builtin_thread_pointer()) + *rseq_offset;
  *reinterpret_cast<volatile uint32_t*>(area + kFlags) = 0;
}

}  // namespace

const char* pattern_name(Pattern pattern) {
  static constexpr std::array<const char*, 3> kNames = {"sequential", "random", "stride"};
  return kNames.at(static_cast<size_t>(pattern));
}

void settle_thread() {
  settle_rseq();
  forkcost_settle_stack(kSettledStack);
}

void touch_page(char* page, Access access) {
  touch_one(page, access);
}

// First on the stack in place of the memory: a forked child has to fault in its code and its stack.
Faults count_touches(char* base, size_t count, size_t distance, const uint32_t* order,
                     Access access) {
  settle_thread();
  char scratch = 0;
  touch_run(&scratch, 1, 0, nullptr, access);
  return touch_run(base, count, distance, order, access);
}

std::vector<uint32_t> touch_order(Pattern pattern, size_t pages) {
  std::vector<uint32_t> order;
  order.reserve(pages);
  const size_t step = pattern == Pattern::kStride ? kStridePages : 1;
  for (size_t first = 0; first < step; ++first) {
    for (size_t page = first; page < pages; page += step) {
      order.push_back(static_cast<uint32_t>(page));
    }
  }
  if (pattern == Pattern::kRandom) {
    std::mt19937_64 generator(1);
    for (size_t i = pages; i > 1; --i) std::swap(order[i - 1], order[generator() % i]);
  }
  return order;
}

PageToucher::PageToucher(const Arena& arena, Pattern pattern)
    : PageToucher(arena.base(), arena.touch_bytes(), arena.touches(), pattern) {}

PageToucher::PageToucher(char* base, size_t distance, size_t touches, Pattern pattern)
    : base_(base), distance_(distance), order_(touches), ticks_(touches), scratch_(1) {
  std::ranges::copy(touch_order(pattern, order_.size()), order_.data());
}

// One copy of it for both targets: an inlined one would run on other pages of code, and stand at
// another depth of the stack.
FORKCOST_NOT_SANITIZED FORKCOST_ONE_COPY TouchResult PageToucher::run(char* base, size_t distance,
                                                                      size_t count, Access access) {
  const uint32_t* const order = order_.data();
  uint32_t* const ticks = ticks_.data();
  const int64_t faults = thread_faults().minor;
  const int64_t cpu = thread_cpu_ns();
  for (size_t i = 0; i < count; ++i) {
    char* const at = base + order[i] * distance;
    const uint64_t before = clock_ticks();
    touch_one(at, access);
    ticks[i] = static_cast<uint32_t>(clock_ticks() - before);
  }
  const int64_t cpu_ns = thread_cpu_ns() - cpu;
  return {.faults = thread_faults().minor - faults, .cpu_ns = cpu_ns};
}

// After a fork the child has no page table entries for shared and file mappings, and its stack is
// write-protected: without this the first use of each would be counted as a fault of the arena.
void PageToucher::settle(Access access) {
  settle_thread();
  uint32_t seen = 0;
  for (size_t i = 0; i < order_.size(); ++i) {
    seen ^= order_[i];
    ticks_[i] = 0;
  }
  run(scratch_.data(), 0, 1, access);
  ticks_[0] = seen;  // so that the reads are not optimised away
}

TouchResult PageToucher::touch(Access access, TouchTarget target) {
  settle(access);
  const bool real = target == TouchTarget::kMemory;
  TouchResult result =
      run(real ? base_ : scratch_.data(), real ? distance_ : 0, real ? order_.size() : 1, access);
  const ClockInfo& clock = clock_info();
  const double timers =
      clock.cpu_clock_cost_ns + 2 * clock.stamp_cost_ns * static_cast<double>(order_.size());
  result.cpu_ns = std::max<int64_t>(result.cpu_ns - static_cast<int64_t>(timers), 0);
  return result;
}

void PageToucher::touch_untimed(Access access) const {
  for (size_t page = 0; page < order_.size(); ++page) touch_one(base_ + page * distance_, access);
}

std::vector<uint32_t> PageToucher::times_ns() {
  const double cost = clock_info().stamp_cost_ns;
  std::vector<uint32_t> times(ticks_.size());
  std::ranges::transform(ticks_.span(), times.begin(), [&](uint32_t ticks) {
    return static_cast<uint32_t>(std::max(ticks_to_ns(ticks) - cost, 0.0));
  });
  return times;
}

double PageToucher::debt_ns() {
  const auto ticks = ticks_.span();
  const double sum = ticks_to_ns(std::accumulate(ticks.begin(), ticks.end(), 0.0));
  return std::max(sum - clock_info().stamp_cost_ns * static_cast<double>(ticks.size()), 0.0);
}

}  // namespace forkcost
