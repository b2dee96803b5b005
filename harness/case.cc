#include "harness/case.h"

#include <fmt/format.h>

#include <array>

#include "harness/error.h"
#include "harness/json.h"

namespace forkcost {
namespace {

constexpr std::array<const char*, 4> kPresetNames = {"smoke", "quick", "standard", "full"};

}  // namespace

const char* preset_name(Preset preset) {
  return kPresetNames.at(static_cast<size_t>(preset));
}

Preset parse_preset(std::string_view name) {
  const auto* found = std::ranges::find(kPresetNames, name);
  if (found == kPresetNames.end()) {
    throw UsageError(
        fmt::format("unknown preset '{}'; there are smoke, quick, gate, standard and full", name));
  }
  return static_cast<Preset>(found - kPresetNames.begin());
}

Json describe_axes_of(const Case& the_case) {
  Json axes = Json::object();
  for (const auto& [axis, value] : the_case.axes) axes[axis] = value;
  return axes;
}

const std::string& Case::operation_quantity() const {
  static const std::string creation = "total_ns";
  if (!operation.empty()) return operation;
  return required.empty() ? primary : creation;
}

}  // namespace forkcost
