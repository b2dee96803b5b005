#include "harness/runner/preset.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "harness/case.h"
#include "harness/error.h"

namespace forkcost::runner {
namespace {

// quick stays below 2 min and standard below 15 min with room for what a projection gets wrong.
constexpr std::array<Preset, 5> kPresets = {{
    {"smoke", 1, 1, 5, 0, 20},
    {"quick", 3, 5, 40, 105, 60},
    {kGate, 10, 2000, 20, 60, 60, true},
    {"standard", 3, 10, 100, 850, 120},
    {"full", 10, 10, 100, 0, 600},
}};

}  // namespace

const Preset& find_preset(std::string_view name) {
  const auto* found = std::find_if(kPresets.begin(), kPresets.end(),
                                   [&](const Preset& p) { return p.name == name; });
  if (found == kPresets.end()) {
    throw UsageError(fmt::format(
        "there is no preset '{}'; there are smoke, quick, gate, standard and full", name));
  }
  return *found;
}

}  // namespace forkcost::runner
