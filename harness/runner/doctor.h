// What is said of the machine, by --doctor and before a run.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "harness/warnings.h"

namespace forkcost::runner {

// A line each, and one for its remedy.
std::string format_warnings(const std::vector<Warning>& warnings, bool with_remedy);

// The sources of noise with their remedies, others being watched for so long, and what yardsticks
// take meanwhile.
std::string examine_machine(std::chrono::milliseconds watch);

}  // namespace forkcost::runner
