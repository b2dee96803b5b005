#include "harness/size.h"

#include <fmt/format.h>

#include <array>
#include <cctype>
#include <charconv>
#include <cmath>

#include "harness/error.h"

namespace forkcost {
namespace {

constexpr std::array<const char*, 5> kUnits = {"", "KiB", "MiB", "GiB", "TiB"};

// Above 0; what follows it goes to `unit`. 0 for what is no such number.
double parse_amount(std::string_view text, std::string_view& unit) {
  double number = 0;
  const auto [rest, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  unit = text.substr(static_cast<size_t>(rest - text.data()));
  return error == std::errc{} && std::isfinite(number) && number > 0 ? number : 0;
}

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

double parse_percent(std::string_view text) {
  std::string_view unit;
  const double number = parse_amount(text, unit);
  if (number == 0 || number >= 100 || unit != "%") {
    throw UsageError(fmt::format("'{}' is not a share; write one such as 2%", text));
  }
  return number / 100;
}

double parse_duration(std::string_view text) {
  std::string_view unit;
  const double number = parse_amount(text, unit);
  const double seconds = unit == "s" ? 1 : unit == "min" ? 60 : unit == "h" ? 3600 : 0;
  if (number * seconds == 0) {
    throw UsageError(fmt::format("'{}' is not a time; write one such as 90s, 10min or 1h", text));
  }
  return number * seconds;
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
