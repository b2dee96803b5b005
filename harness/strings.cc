#include "harness/strings.h"

#include <algorithm>
#include <charconv>

namespace forkcost {
namespace {

constexpr std::string_view kSpace = " \t\r\n";

}  // namespace

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  for (size_t begin = 0; begin <= text.size();) {
    const size_t end = std::min(text.find(separator, begin), text.size());
    if (end > begin) parts.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return parts;
}

std::string_view trim(std::string_view text) {
  const size_t begin = text.find_first_not_of(kSpace);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kSpace) - begin + 1);
}

bool has_word(std::string_view text, std::string_view word) {
  while (!(text = trim(text)).empty()) {
    const std::string_view first = text.substr(0, text.find_first_of(kSpace));
    if (first == word) return true;
    text.remove_prefix(first.size());
  }
  return false;
}

std::optional<uint64_t> parse_number(std::string_view text) {
  text = trim(text);
  uint64_t number = 0;
  const char* end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, number);
  if (error != std::errc{} || rest != end) return std::nullopt;
  return number;
}

std::optional<uint64_t> leading_number(std::string_view text, int base) {
  text = trim(text);
  uint64_t number = 0;
  const auto [rest, error] = std::from_chars(text.data(), text.data() + text.size(), number, base);
  if (error != std::errc{}) return std::nullopt;
  return number;
}

}  // namespace forkcost
