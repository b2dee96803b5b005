#include "harness/verification.h"

#include <fmt/format.h>

#include <utility>

#include "harness/clock.h"
#include "harness/error.h"
#include "harness/timeline.h"

namespace forkcost {

Check check_equal(std::string name, std::string expected, std::string observed) {
  const bool ok = expected == observed;
  return {std::move(name), std::move(expected), std::move(observed), ok};
}

void Verification::add(Check check) {
  checks_.push_back(std::move(check));
  const Check& added = checks_.back();
  if (!added.ok) {
    throw Failure(fmt::format("verification: {} is {}, expected {}", added.name, added.observed,
                              added.expected));
  }
}

void require_timeline(const forkcost_timeline_page& page,
                      const std::vector<forkcost_event>& required) {
  for (const forkcost_event event : required) {
    if (page.ticks[event] == 0) {
      throw Failure(
          fmt::format("event '{}' missing: the operation did not run", event_name(event)));
    }
  }
  if (const std::string disorder = find_disorder(page); !disorder.empty()) {
    throw Failure(fmt::format("{}: the clock ({}) is not in step on all CPUs", disorder,
                              clock_source_name(clock_info().source)));
  }
}

bool is_misplaced(Placement placement, const forkcost_timeline_page& page, int parent_cpu) {
  return placement == Placement::kOtherCpu && page.child_cpu == parent_cpu;
}

}  // namespace forkcost
