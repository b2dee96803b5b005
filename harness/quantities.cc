#include "harness/quantities.h"

#include <fmt/format.h>

#include <array>

#include "harness/clock.h"
#include "harness/error.h"
#include "harness/json.h"

namespace forkcost {
namespace {

constexpr int64_t kMicrosecond = 1000;

constexpr std::array<Quantity, 12> kTimeline = {{
    {"blocked_ns", "ns", "lower", "p50", Resolution::kClock,
     "just before the call to just after it returned in the parent"},
    {"blocked_cpu_ns", "ns", "lower", "p25", Resolution::kClock,
     "CPU time of the calling thread from the call until it returned"},
    {"child_start_ns", "ns", "lower", "p25", Resolution::kClock,
     "the call to the first instruction of the child"},
    {"exec_ns", "ns", "lower", "p25", Resolution::kClock,
     "the call to the child's call of execve (paths whose child is ours)"},
    {"image_start_ns", "ns", "lower", "p25", Resolution::kClock,
     "the call to the first user instruction of the new image (images whose entry point is ours)"},
    {"entry_start_ns", "ns", "lower", "p25", Resolution::kClock,
     "the call to the program's own first instruction, when a loader has finished (images whose "
     "entry point is ours; without a loader the same as image_start_ns)"},
    {"main_start_ns", "ns", "lower", "p25", Resolution::kClock,
     "the call to the first line of the new image's main"},
    {"teardown_ns", "ns", "lower", "p25", Resolution::kClock,
     "just before the child's _exit to the return of wait"},
    {"total_ns", "ns", "lower", "p25", Resolution::kClock, "the call to the return of wait"},
    {"child_cpu_ns", "ns", "lower", "p25", Resolution::kMicroseconds,
     "the child's user and system time, as wait4 reports it"},
    {"child_minor_faults", "1", "none", "p50", Resolution::kOne,
     "the child's minor page faults from its first instruction to its end, as wait4 reports them"},
    {"child_major_faults", "1", "none", "p50", Resolution::kOne,
     "the child's page faults that waited for a disk, as wait4 reports them"},
}};

}  // namespace

std::span<const Quantity> timeline_quantities() {
  return kTimeline;
}

const Quantity& find_quantity(std::string_view name) {
  for (const auto& table : {timeline_quantities(), benchmark_quantities()}) {
    for (const Quantity& quantity : table) {
      if (quantity.name == name) return quantity;
    }
  }
  throw Failure(fmt::format(
      "the quantity '{}' is in no table; add it to benchmarks/quantities.cc and FORMAT.md", name));
}

int64_t step_of(const Quantity& quantity) {
  switch (quantity.resolution) {
    case Resolution::kClock:
      return clock_step_ns();
    case Resolution::kMicroseconds:
      return kMicrosecond;
    case Resolution::kOne:
      return 1;
    case Resolution::kNone:
      break;
  }
  return 0;
}

Json describe_quantities() {
  Json rows = Json::object();
  for (const auto& table : {timeline_quantities(), benchmark_quantities()}) {
    for (const Quantity& quantity : table) {
      Json& row = rows[std::string(quantity.name)] = {
          {"unit", quantity.unit}, {"better", quantity.better}, {"estimator", quantity.estimator}};
      if (const int64_t step = step_of(quantity)) row["step"] = step;
      row["meaning"] = quantity.meaning;
    }
  }
  return rows;
}

}  // namespace forkcost
