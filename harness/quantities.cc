#include "harness/quantities.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "harness/clock.h"
#include "harness/error.h"
#include "harness/json.h"

namespace forkcost {
namespace {

constexpr int64_t kMicrosecond = 1000;

struct Row {
  Quantity quantity;
  // The events between which it is the time; the same twice: it is read elsewhere.
  forkcost_event from = FORKCOST_CALL, to = FORKCOST_CALL;

  constexpr bool is_span() const { return from != to; }
};

constexpr auto kRows = std::to_array<Row>({
    {{"blocked_ns", "caller blocked", "ns", "lower", "p50", Resolution::kClock,
      "just before the call to just after it returned in the parent"},
     FORKCOST_CALL,
     FORKCOST_RESUMED},
    {{"blocked_cpu_ns", "caller blocked, CPU time", "ns", "lower", "p25", Resolution::kClock,
      "CPU time of the calling thread from the call until it returned"}},
    {{"child_start_ns", "until the child runs", "ns", "lower", "p25", Resolution::kClock,
      "the call to the first instruction of the child"},
     FORKCOST_CALL,
     FORKCOST_CHILD},
    {{"exec_ns", "until exec is called", "ns", "lower", "p25", Resolution::kClock,
      "the call to the child's call of execve (paths whose child is ours)"},
     FORKCOST_CALL,
     FORKCOST_EXEC},
    {{"image_start_ns", "until the image runs", "ns", "lower", "p25", Resolution::kClock,
      "the call to the first user instruction of the new image (images whose entry point is ours)"},
     FORKCOST_CALL,
     FORKCOST_IMAGE},
    {{"entry_start_ns", "until the loader is done", "ns", "lower", "p25", Resolution::kClock,
      "the call to the program's own first instruction, when a loader has finished (images whose "
      "entry point is ours; without a loader the same as image_start_ns)"},
     FORKCOST_CALL,
     FORKCOST_ENTRY},
    {{"main_start_ns", "until main", "ns", "lower", "p25", Resolution::kClock,
      "the call to the first line of the new image's main"},
     FORKCOST_CALL,
     FORKCOST_MAIN},
    {{"teardown_ns", "from the child's exit to wait's return", "ns", "lower", "p25",
      Resolution::kClock, "just before the child's _exit to the return of wait"},
     FORKCOST_EXIT,
     FORKCOST_REAPED},
    {{"total_ns", "until wait returns", "ns", "lower", "p25", Resolution::kClock,
      "the call to the return of wait"},
     FORKCOST_CALL,
     FORKCOST_REAPED},
    {{"child_cpu_ns", "child's CPU time", "ns", "lower", "p25", Resolution::kMicroseconds,
      "the child's user and system time, as wait4 reports it"}},
    {{"child_minor_faults", "child's minor faults", "1", "none", "p50", Resolution::kOne,
      "the child's minor page faults from its first instruction to its end, as wait4 reports "
      "them"}},
    {{"child_major_faults", "child's major faults", "1", "none", "p50", Resolution::kOne,
      "the child's page faults that waited for a disk, as wait4 reports them"}},
});

constexpr auto kTimeline = [] {
  std::array<Quantity, kRows.size()> quantities{};
  std::ranges::transform(kRows, quantities.begin(), &Row::quantity);
  return quantities;
}();

constexpr auto kSpans = [] {
  std::array<TimelineSpan, static_cast<size_t>(std::ranges::count_if(kRows, &Row::is_span))>
      spans{};
  auto* next = spans.begin();
  for (const Row& row : kRows) {
    if (row.is_span()) *next++ = {row.quantity.name.data(), row.from, row.to};
  }
  return spans;
}();

}  // namespace

std::span<const Quantity> timeline_quantities() {
  return kTimeline;
}

std::span<const TimelineSpan> timeline_spans() {
  return kSpans;
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
      row["title"] = quantity.title;
      row["meaning"] = quantity.meaning;
    }
  }
  return rows;
}

}  // namespace forkcost
