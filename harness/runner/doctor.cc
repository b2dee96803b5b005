#include "harness/runner/doctor.h"

#include <fmt/format.h>

#include "harness/environment.h"
#include "harness/json.h"
#include "harness/yardsticks.h"

namespace forkcost::runner {
namespace {

// What no bound can be drawn for: a machine's own hour and another's differ as much. To be compared
// by whoever knows them.
std::string describe_meanwhile() {
  constexpr double kMs = 500;
  std::string said = "meanwhile, for half a second, work of user space alone took\n";
  const Json table = describe_yardsticks();
  const Json taken = watch_machine(kMs);
  for (const auto& [name, one] : taken.items()) {
    said += fmt::format("    {:<17} {:6.2f} ns, one in ten {:.2f} ns or more\n",
                        table[name]["title"].get<std::string>(), one["p50"].get<double>(),
                        one["p90"].get<double>());
  }
  return said;
}

}  // namespace

std::string format_warnings(const std::vector<Warning>& warnings, bool with_remedy) {
  std::string text;
  for (const Warning& warning : warnings) {
    text += fmt::format("{}: {}\n", warning.id, warning.message);
    if (with_remedy) text += fmt::format("    {}\n", warning.remedy);
  }
  return text;
}

std::string examine_machine(std::chrono::milliseconds watch) {
  const auto warnings = find_warnings(describe_environment(watch));
  return (warnings.empty() ? "nothing found\n" : format_warnings(warnings, true)) +
         describe_meanwhile();
}

}  // namespace forkcost::runner
