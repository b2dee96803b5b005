// Strings: taken apart, and as numbers.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace forkcost {

// The parts between separators; none that is empty.
std::vector<std::string_view> split(std::string_view text, char separator);
// Without blanks and line ends around it.
std::string_view trim(std::string_view text);
// Whether it is one of the words between blanks.
bool has_word(std::string_view text, std::string_view word);

// A number and nothing else but blanks around it.
std::optional<uint64_t> parse_number(std::string_view text);
// The number with which `text` begins after blanks, whatever follows it.
std::optional<uint64_t> leading_number(std::string_view text, int base = 10);

}  // namespace forkcost
