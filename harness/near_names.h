// What somebody may have meant who wrote a name that is not there.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace forkcost {

// The names that have the longest part in common with `wanted`, best first; at most `count`.
std::vector<std::string> near_names(const std::vector<std::string>& names, std::string_view wanted,
                                    size_t count);

}  // namespace forkcost
