#include "harness/axes.h"

#include <fmt/format.h>

#include <algorithm>

#include "harness/error.h"
#include "harness/json.h"

namespace forkcost {
namespace {

const std::vector<Axis>& all_axes() {
  static const std::vector<Axis> axes = [] {
    std::vector<Axis> all = shared_axes();
    for (Axis& own : program_axes()) {
      // The first would win, and the other's default name another case.
      if (std::ranges::find(all, own.name, &Axis::name) != all.end()) {
        throw Failure(fmt::format("axis '{}' is declared twice", own.name));
      }
      all.push_back(std::move(own));
    }
    return all;
  }();
  return axes;
}

const Axis& find_axis(std::string_view name) {
  const auto found = std::ranges::find(all_axes(), name, &Axis::name);
  if (found == all_axes().end()) {
    throw Failure(
        fmt::format("axis '{}' is not declared; add it to program_axes() of the benchmark", name));
  }
  return *found;
}

}  // namespace

std::string name_of_case(std::string_view benchmark, const AxisValues& axes) {
  std::string name(benchmark);
  for (const auto& [axis, value] : axes) {
    if (find_axis(axis).usual != value) name += fmt::format("/{}:{}", axis, value);
  }
  return name;
}

std::string full_name_of_case(std::string_view benchmark, const AxisValues& axes) {
  std::string name(benchmark);
  for (const auto& [axis, value] : axes) name += fmt::format("/{}:{}", axis, value);
  return name;
}

Json describe_axes() {
  Json rows = Json::object();
  for (const Axis& axis : all_axes()) {
    rows[axis.name] = {{"default", axis.usual ? Json(*axis.usual) : Json()},
                       {"meaning", axis.meaning}};
  }
  return rows;
}

}  // namespace forkcost
