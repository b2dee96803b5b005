// JSON as the runner reads and writes it: keys stay in the order in which a bench binary wrote
// them.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

namespace forkcost::runner {

using Json = nlohmann::ordered_json;

// Never throws for text that is not UTF-8 (what a failing program says may be anything).
inline std::string to_text(const Json& value, int indent = -1) {
  return value.dump(indent, ' ', false, Json::error_handler_t::replace);
}

}  // namespace forkcost::runner
