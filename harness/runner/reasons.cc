#include "harness/runner/reasons.h"

#include <algorithm>
#include <cstdlib>
#include <map>
#include <string_view>

namespace forkcost::runner {
namespace {

constexpr char kNumber = '\x01';  // in a shape, in the place of a number or a size

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

bool is_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

struct Number {
  std::string text;
  double value;
};

// "1,234.5": the end of the number that begins at `at`.
size_t end_of_number(std::string_view text, size_t at) {
  size_t end = at;
  while (end < text.size() &&
         (is_digit(text[end]) || ((text[end] == '.' || text[end] == ',') && end + 1 < text.size() &&
                                  is_digit(text[end + 1])))) {
    ++end;
  }
  return end;
}

// A size is one number, whatever its unit: 16 MiB and 1 GiB are of one shape.
size_t add_unit(std::string_view text, size_t end, double& value) {
  double scale = 1;
  for (const std::string_view unit : {"B", "KiB", "MiB", "GiB", "TiB"}) {
    for (const std::string_view gap : {"", " "}) {
      const std::string_view rest = text.substr(end);
      if (!rest.starts_with(gap) || !rest.substr(gap.size()).starts_with(unit)) continue;
      const size_t after = end + gap.size() + unit.size();
      if (after < text.size() && is_letter(text[after])) continue;
      value *= scale;
      return after;
    }
    scale *= 1024;
  }
  return end;
}

// The shape of `text`; its numbers go to `numbers`. Digits within a word are none (x86_64).
std::string shape_of(std::string_view text, std::vector<Number>& numbers) {
  std::string shape;
  for (size_t at = 0; at < text.size();) {
    if (!is_digit(text[at]) || (at > 0 && (is_letter(text[at - 1]) || is_digit(text[at - 1])))) {
      shape += text[at++];
      continue;
    }
    size_t end = end_of_number(text, at);
    std::string digits(text.substr(at, end - at));
    digits.erase(std::remove(digits.begin(), digits.end(), ','), digits.end());
    double value = std::strtod(digits.c_str(), nullptr);
    end = add_unit(text, end, value);
    numbers.push_back({std::string(text.substr(at, end - at)), value});
    shape += kNumber;
    at = end;
  }
  return shape;
}

struct Kind {
  std::vector<Number> lowest, highest;
  std::vector<std::string> cases;
  size_t first = 0;  // place among the reasons
};

std::string describe(const std::string& shape, const Kind& kind) {
  std::string text;
  size_t i = 0;
  for (const char c : shape) {
    if (c != kNumber) {
      text += c;
      continue;
    }
    text += kind.lowest[i].text;
    if (kind.lowest[i].text != kind.highest[i].text) text += " to " + kind.highest[i].text;
    ++i;
  }
  return text;
}

}  // namespace

std::vector<ReasonKind> group_reasons(const std::vector<Reason>& reasons) {
  std::map<std::string, Kind> kinds;
  for (size_t place = 0; place < reasons.size(); ++place) {
    std::vector<Number> numbers;
    const auto [at, is_new] = kinds.try_emplace(shape_of(reasons[place].text, numbers));
    Kind& kind = at->second;
    if (is_new) kind = {numbers, numbers, {}, place};
    for (size_t i = 0; i < numbers.size(); ++i) {
      if (numbers[i].value < kind.lowest[i].value) kind.lowest[i] = numbers[i];
      if (numbers[i].value > kind.highest[i].value) kind.highest[i] = numbers[i];
    }
    const std::string& name = reasons[place].name;
    if (std::find(kind.cases.begin(), kind.cases.end(), name) == kind.cases.end()) {
      kind.cases.push_back(name);
    }
  }
  std::vector<std::pair<std::string, Kind>> sorted(kinds.begin(), kinds.end());
  std::sort(sorted.begin(), sorted.end(), [](const auto& a, const auto& b) {
    return std::pair{b.second.cases.size(), a.second.first} <
           std::pair{a.second.cases.size(), b.second.first};
  });
  std::vector<ReasonKind> described;
  for (auto& [shape, kind] : sorted) described.push_back({describe(shape, kind), kind.cases});
  return described;
}

}  // namespace forkcost::runner
