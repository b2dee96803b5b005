// The tables that a suite's benchmarks define, for tests that have no benchmarks.
#include <array>

#include "harness/axes.h"
#include "harness/quantities.h"

namespace forkcost {

std::vector<Axis> shared_axes() {
  return {{"path", {}, "how the process is made"}, {"heap", {}, "size of the parent's memory"}};
}

std::vector<Axis> program_axes() {
  return {{"backing", "4k", "what its pages are"}};
}

std::span<const Quantity> benchmark_quantities() {
  static constexpr std::array kQuantities = {
      Quantity{"debt_ns", "all first touches", "ns", "lower", "p25", Resolution::kClock,
               "all touches"},
      Quantity{"touch_ns", "one touch", "ns", "lower", "p10", Resolution::kNone, "one touch"},
      Quantity{"overhead_ratio", "one against the other", "ratio", "lower", "p50",
               Resolution::kNone, "one time by another"}};
  return kQuantities;
}

}  // namespace forkcost
