// What makes the figures of this machine less trustworthy, and what would mend it.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace forkcost {

struct Warning {
  std::string id;
  std::string message;
  std::string remedy;  // a command where there is one; never empty
};

// Judges the result of describe_environment, and nothing else: what is absent there is not judged.
// `wanted_bytes` is the largest arena of the run.
std::vector<Warning> find_warnings(const nlohmann::json& environment, uint64_t wanted_bytes = 0);

// The array `warnings` of the result file.
nlohmann::json to_json(const std::vector<Warning>& warnings);

}  // namespace forkcost
