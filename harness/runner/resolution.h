// What a run will be able to see, and what it could have seen, in a sentence.
#pragma once

#include <string>
#include <vector>

#include "harness/runner/allocation.h"
#include "harness/runner/estimates.h"

namespace forkcost::runner {

// That of all tests of a run together.
inline constexpr double kFamilyLevel = 0.01;

// Before: from the noise of the pilot and the rounds that each case will have.
std::string foresee(const std::vector<CaseNoise>& cases, const std::vector<double>& rounds,
                    size_t sides);

// After: from the rounds that there are. Empty where no quantity has three.
std::string look_back(const std::vector<Series>& series, size_t sides);

}  // namespace forkcost::runner
