// Touching pages and counting the faults that it took; where it is asked for, each touch timed by
// itself.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "harness/arena.h"
#include "harness/procfs.h"
#include "harness/samples.h"

namespace forkcost {

enum class Access : uint8_t { kRead, kWrite };

enum class Pattern : uint8_t {
  kSequential,
  kRandom,  // every page once, in a fixed random order
  kStride   // every 16th page, then from the next one on, until each was touched once
};

const char* pattern_name(Pattern pattern);

// The order in which `pages` pages are touched: each index once.
std::vector<uint32_t> touch_order(Pattern pattern, size_t pages);

// Writes what a fork write-protects beside the memory that is looked at, the thread's rseq area and
// the next pages of its stack: their faults would be counted among those of the memory. To be
// called at the depth from which what is counted will be called, or above.
void settle_thread();

// One byte of it.
void touch_page(char* page, Access access);

// Touches `count` places that are `distance` bytes apart, in this order (null: one after the
// other), untimed. The faults are those of these touches and of nothing else. Async-signal-safe.
Faults count_touches(char* base, size_t count, size_t distance, const uint32_t* order,
                     Access access);

// What is touched: the memory, or in its place one page that nobody counts. Whoever counts a touch
// from outside makes one of kScratch before, with the same access: the very same instructions have
// then faulted in their code, their stack and the tables.
enum class TouchTarget : uint8_t { kMemory, kScratch };

struct TouchResult {
  int64_t faults = 0;  // minor faults of the toucher
  int64_t cpu_ns = 0;  // CPU time of the loop, timer cost subtracted
};

// The touches of one arena. What it needs lies in shared memory, so that a forked process can touch
// and its parent read the times.
class PageToucher {
 public:
  PageToucher(const Arena& arena, Pattern pattern);
  // Of other memory: `touches` places, `distance` bytes apart.
  PageToucher(char* base, size_t distance, size_t touches, Pattern pattern);

  // Touches every page once: writes or reads one byte. Each touch is timed; nothing but the arena's
  // own pages faults between the two readings of the fault counter. To be called by parent or
  // child.
  TouchResult touch(Access access, TouchTarget target = TouchTarget::kMemory);

  // touch() without timing: to set the stage.
  void touch_untimed(Access access) const;

  // Times of the last touch(), by whoever made it: per touch, in nanoseconds, timer cost
  // subtracted.
  std::vector<uint32_t> times_ns();
  // Their sum. Not that of times_ns(), whose values end at 0: that would add up the timer's noise.
  double debt_ns();
  size_t count() const { return order_.size(); }

 private:
  void settle(Access access);
  TouchResult run(char* base, size_t distance, size_t count, Access access);

  char* base_;
  size_t distance_;
  SharedArray<uint32_t> order_;
  SharedArray<uint32_t> ticks_;
  SharedArray<char> scratch_;
};

}  // namespace forkcost
