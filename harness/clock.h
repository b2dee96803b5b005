// One clock for parent, child and image: the CPU's counter where it is invariant, else
// CLOCK_MONOTONIC. Ticks are compared only with ticks; to_ns() converts a difference.
#pragma once

#include <cstdint>
#include <string_view>

#include "harness/timeline_page.h"

namespace forkcost {

enum class ClockSource : uint8_t { kTsc, kCntvct, kVdso };

struct ClockInfo {
  ClockSource source = ClockSource::kVdso;
  double hz = 1e9;               // ticks per second
  double resolution_ns = 0;      // the steps in which it advances
  double stamp_cost_ns = 0;      // median distance of two stamps with nothing between them
  double cpu_clock_cost_ns = 0;  // the same for the thread's CPU clock
};

namespace clock_internal {
extern const bool use_counter;
uint64_t monotonic_ns();
}  // namespace clock_internal

// Ticks of the clock.
inline uint64_t clock_ticks() {
  return clock_internal::use_counter ? forkcost_counter() : clock_internal::monotonic_ns();
}

// CPU time of the calling thread in nanoseconds. A system call: about 100 ns.
int64_t thread_cpu_ns();

// Calibrates on first use, which waits until the process is 3 ms old, and is the same for the whole
// process.
const ClockInfo& clock_info();
const char* clock_source_name(ClockSource source);

// As another process of this machine calibrated it: that takes 2 ms. Before the first use of
// clock_info(); without effect where this process reads another clock.
void use_known_clock(std::string_view source, const ClockInfo& known);

// What stored times are whole multiples of: the resolution, rounded down to a power of ten, so that
// two readings that differ still do in the file; at least 1. Digits below are not the clock's.
int64_t clock_step_ns();
int64_t power_of_ten_below(double resolution_ns);

inline double ticks_to_ns(double ticks) {
  return ticks * 1e9 / clock_info().hz;
}

// Whether the TSC may be trusted across CPUs and power states: the CPU says that it is invariant
// (`cpu_flags`, of /proc/cpuinfo) and the kernel has not found it unstable (it then leaves
// `available_clocksource`).
bool tsc_is_usable(std::string_view cpu_flags, std::string_view available_clocksource);

}  // namespace forkcost
