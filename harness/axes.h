// The axes of cases: what identifies a case, and what its name leaves out.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "harness/json_fwd.h"

namespace forkcost {

struct Axis {
  std::string name;
  // Left out of names; none: the axis always stands. It is what most cases have, and what a person
  // would leave out.
  std::optional<std::string> usual;
  std::string meaning;  // one phrase
};

// All axes of all benchmarks. Defined in their room: no file here knows what is measured.
std::span<const Axis> benchmark_axes();

// In the order of the name.
using AxisValues = std::vector<std::pair<std::string, std::string>>;

// "fork/path:fork/heap:1GiB": without each axis that has its default. Throws Failure for an axis
// that is not in the table.
std::string name_of_case(std::string_view benchmark, const AxisValues& axes);
// With all of them: what names were until defaults were left out.
std::string full_name_of_case(std::string_view benchmark, const AxisValues& axes);

// The result file's `axes` (results/FORMAT.md), with all that there are.
Json describe_axes();

}  // namespace forkcost
