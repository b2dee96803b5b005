#include "harness/axes.h"

#include <fmt/format.h>

#include <algorithm>

#include "harness/error.h"
#include "harness/json.h"

namespace forkcost {
namespace {

const Axis& find_axis(std::string_view name) {
  const auto axes = benchmark_axes();
  const auto found = std::ranges::find(axes, name, &Axis::name);
  if (found == axes.end()) {
    throw Failure(
        fmt::format("the axis '{}' is not in the table; add it to benchmarks/axes.cc", name));
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
  for (const Axis& axis : benchmark_axes()) {
    rows[axis.name] = {{"default", axis.usual ? Json(*axis.usual) : Json()},
                       {"meaning", axis.meaning}};
  }
  return rows;
}

}  // namespace forkcost
