// The name alone: who only passes JSON on need not read the library, which is long to compile.
#pragma once

#include <nlohmann/json_fwd.hpp>

namespace forkcost {

// Keys stay in the order in which they were put in.
using Json = nlohmann::ordered_json;

}  // namespace forkcost
