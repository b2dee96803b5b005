// What disturbed the samples of a case: FORMAT.md, `conditions`.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace forkcost {

// What the kernel has counted so far.
struct KernelCounts {
  int64_t steal_ns = 0;              // of all CPUs
  int64_t involuntary_switches = 0;  // of this process
  uint64_t ticks = 0;                // of our clock, at this moment
};
KernelCounts read_kernel_counts();

struct Conditions {
  double elapsed_ns = 0;
  int64_t steal_ns = 0;
  int64_t involuntary_switches = 0;
  size_t migrations = 0;  // samples after whose call the parent was on another CPU
  size_t misplaced = 0;   // samples whose child began on the wrong CPU
};

// `own_switches`: how many involuntary switches the case's own children may cause. `bound`: parent
// and child have one CPU. The reasons that make these samples a disturbed round; none: it is not.
std::vector<std::string> find_disturbances(const Conditions& conditions, double own_switches,
                                           bool bound);

}  // namespace forkcost
