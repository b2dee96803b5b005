// Sizes as people write them: "0", "64MiB", "1GiB", "4096"; shares ("2%") and times ("10min"), too.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace forkcost {

inline constexpr uint64_t kKiB = 1024;
inline constexpr uint64_t kMiB = 1024 * kKiB;
inline constexpr uint64_t kGiB = 1024 * kMiB;

// Bytes. Units are binary: K, KiB, M, MiB, G, GiB, T, TiB (upper or lower case); none means bytes.
// Throws UsageError for anything else, for a negative or fractional number, and for 2^64 or more.
uint64_t parse_size(std::string_view text);

// A comma-separated list of sizes.
std::vector<uint64_t> parse_sizes(std::string_view text);

// "2%" -> 0.02. Throws UsageError for anything else, and for what is not between 0 and 100%.
double parse_percent(std::string_view text);

// "90s", "10min", "1h" -> seconds. Throws UsageError for anything else, and for 0.
double parse_duration(std::string_view text);

// The largest unit that divides `bytes`: 268435456 -> "256MiB", 1536 -> "1536". The inverse of
// parse_size, and the spelling in case names.
std::string format_size(uint64_t bytes);

}  // namespace forkcost
