#include "harness/size.h"

#include <fmt/format.h>

#include <array>
#include <cctype>
#include <charconv>

#include "harness/error.h"

namespace forkcost {
namespace {

constexpr std::array<const char*, 5> kUnits = {"", "KiB", "MiB", "GiB", "TiB"};

}  // namespace

uint64_t parse_size(std::string_view text) {
  const auto fail = [&] {
    return UsageError(fmt::format(
        "'{}' is not a size; write a whole number with K, M, G or T, such as 64MiB", text));
  };
  uint64_t number = 0;
  const auto [rest, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{}) throw fail();
  std::string unit(rest, text.data() + text.size());
  for (char& c : unit) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  static constexpr std::string_view kLetters = "kmgt";
  if (unit.empty() || unit == "b") return number;
  const size_t power = kLetters.find(unit[0]);
  const std::string tail = unit.substr(1);
  if (power == std::string_view::npos || !(tail.empty() || tail == "ib")) throw fail();
  const unsigned shift = 10 * (static_cast<unsigned>(power) + 1);
  if (number > (UINT64_MAX >> shift)) throw fail();
  return number << shift;
}

std::vector<uint64_t> parse_sizes(std::string_view text) {
  std::vector<uint64_t> sizes;
  for (size_t begin = 0; begin <= text.size();) {
    const size_t end = std::min(text.find(',', begin), text.size());
    sizes.push_back(parse_size(text.substr(begin, end - begin)));
    begin = end + 1;
  }
  return sizes;
}

std::string format_size(uint64_t bytes) {
  size_t unit = 0;
  while (bytes != 0 && bytes % 1024 == 0 && unit + 1 < kUnits.size()) {
    bytes /= 1024;
    ++unit;
  }
  return fmt::format("{}{}", bytes, kUnits[unit]);
}

}  // namespace forkcost
