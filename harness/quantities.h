// What each quantity is: one table for who measures, for the result file and for its readers.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "harness/json_fwd.h"
#include "harness/timeline_page.h"

namespace forkcost {

// What one unit of the stored samples is worth: digits below are not written.
enum class Resolution : uint8_t {
  kClock,         // clock_step_ns()
  kMicroseconds,  // what the kernel tells in µs
  kOne,           // counts, bytes, and times that are computed from many readings
  kNone           // stored as they are: ratios, parts of a count, histograms
};

struct Quantity {
  std::string_view name;
  std::string_view title;      // a few words for tables and figures: "caller blocked"
  std::string_view unit;       // "ns", "1" (a count), "ratio", "bytes"
  std::string_view better;     // "lower", "higher", "none"
  std::string_view estimator;  // "min", "p10", "p25", "p50": repeats best, results/estimators.md
  Resolution resolution;
  std::string_view meaning;  // one sentence
};

// Those of the timeline, which the harness records itself.
std::span<const Quantity> timeline_quantities();

// Of these, those that are the time from one event to another.
struct TimelineSpan {
  const char* quantity;
  forkcost_event from, to;
};
std::span<const TimelineSpan> timeline_spans();

// Those of the benchmarks. Defined in their room: no file here knows what is measured.
std::span<const Quantity> benchmark_quantities();

// Throws Failure for one that is in no table: its reader would not know what it is.
const Quantity& find_quantity(std::string_view name);

// What one unit of its stored samples is worth here; 0: they are stored as they are.
int64_t step_of(const Quantity& quantity);

// The result file's `quantities` (results/FORMAT.md), with all that there are.
Json describe_quantities();

}  // namespace forkcost
