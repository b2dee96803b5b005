#include "harness/disturbance.h"

#include <sys/resource.h>
#include <unistd.h>

#include "harness/clock.h"
#include "harness/environment_parse.h"
#include "harness/error.h"
#include "harness/files.h"

namespace forkcost {
namespace {

constexpr double kStealLimit = 0.02;
// Involuntary switches beyond the case's own: more than 100 a second are somebody else's work.
constexpr double kSwitchEveryNs = 1e7;

int64_t steal_ns() {
  const auto times = parse_cpu_times(read_text_file("/proc/stat").value_or(""));
  return times ? static_cast<int64_t>(times->steal) * 1'000'000'000 / sysconf(_SC_CLK_TCK) : 0;
}

}  // namespace

KernelCounts read_kernel_counts() {
  rusage usage{};
  check(getrusage(RUSAGE_SELF, &usage), "getrusage");
  return {steal_ns(), usage.ru_nivcsw, clock_ticks()};
}

std::vector<std::string> find_disturbances(const Conditions& conditions, double own_switches,
                                           bool bound) {
  std::vector<std::string> reasons;
  const auto [elapsed, steal, switches, migrations, misplaced] = conditions;
  if (static_cast<double>(steal) > kStealLimit * elapsed) {
    reasons.emplace_back("steal time above 2%");
  }
  if (static_cast<double>(switches) > own_switches + elapsed / kSwitchEveryNs) {
    reasons.emplace_back("involuntary switches");
  }
  if (bound && migrations > 0) reasons.emplace_back("migrations");
  return reasons;
}

}  // namespace forkcost
