// The end of a run for people without Python.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "harness/json.h"
#include "harness/result_document.h"

namespace forkcost::runner {

// Nearest rank; none without values. Sorts `values`.
std::optional<double> quantile(std::vector<Weighted>& values, double share);

// 1234567 ns -> "1.235 ms"; counts and ratios get no unit.
std::string human(double value, const std::string& unit);

// Of a run, or of both of its sides. `note`: what else is to be said of the run as a whole; may be
// empty.
std::string summarize(const std::vector<Json>& documents, const std::string& note);

}  // namespace forkcost::runner
