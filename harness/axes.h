// The axes of cases: what identifies a case, and what its name leaves out.
#pragma once

#include <optional>
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

// The two below are defined by the benchmarks: no file here knows what is measured.

// Those that several programs have.
std::vector<Axis> shared_axes();
// This program's own. Defined by the benchmark's .cc, beside its cases.
std::vector<Axis> program_axes();

// In the order of the name.
using AxisValues = std::vector<std::pair<std::string, std::string>>;

// "fork/path:fork/heap:1GiB": without each axis that has its default. Throws Failure for an axis
// that is not declared.
std::string name_of_case(std::string_view benchmark, const AxisValues& axes);
// With all of them: what names were until defaults were left out.
std::string full_name_of_case(std::string_view benchmark, const AxisValues& axes);

// The result file's `axes` (results/FORMAT.md), with all that this program may have.
Json describe_axes();

}  // namespace forkcost
