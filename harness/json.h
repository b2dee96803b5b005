// JSON as it is read and written.
#pragma once

#include <cmath>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>

#include "harness/json_fwd.h"

namespace forkcost {

// Never throws for text that is not UTF-8 (what a failing program says may be anything).
inline std::string to_text(const Json& value, int indent = -1) {
  return value.dump(indent, ' ', false, Json::error_handler_t::replace);
}

// With `digits` behind the point, and as short as it reads back: 3 for 3.0.
inline Json short_number(double value, int digits = 0) {
  const double scale = std::pow(10, digits);
  const double rounded = std::round(value * scale) / scale;
  if (rounded != std::round(rounded)) return rounded;
  return static_cast<int64_t>(std::llround(rounded));
}

}  // namespace forkcost
