#include "benchmarks/load_statistics.h"

#include <array>
#include <utility>

#include "harness/strings.h"

namespace forkcost {
namespace {

using Field = std::optional<uint64_t> LoadStatistics::*;

// What follows the loader's pid and a tab, without blanks.
constexpr std::array<std::pair<std::string_view, Field>, 6> kLines = {{
    {"total startup time in dynamic loader", &LoadStatistics::total_ticks},
    {"time needed for relocation", &LoadStatistics::relocation_ticks},
    {"time needed to load objects", &LoadStatistics::load_ticks},
    {"number of relocations", &LoadStatistics::relocations},
    {"number of relocations from cache", &LoadStatistics::from_cache},
    {"number of relative relocations", &LoadStatistics::relative},
}};

// "  1234:\tname: value ..." -> name and value.
std::optional<std::pair<std::string_view, uint64_t>> parse_line(std::string_view line) {
  const size_t tab = line.find('\t');
  if (tab == std::string_view::npos) return std::nullopt;
  line = trim(line.substr(tab));
  const size_t colon = line.find(": ");
  if (colon == std::string_view::npos) return std::nullopt;
  std::string_view value = trim(line.substr(colon + 1));
  value = value.substr(0, value.find(' '));
  const auto number = parse_number(value);
  if (!number) return std::nullopt;
  return std::pair(line.substr(0, colon), *number);
}

uint64_t count_lines(std::string_view text, std::string_view with) {
  uint64_t count = 0;
  for (const std::string_view line : split(text, '\n')) {
    count += line.find(with) != std::string_view::npos;
  }
  return count;
}

}  // namespace

LoadStatistics parse_load_statistics(std::string_view text) {
  LoadStatistics statistics;
  for (const std::string_view line : split(text, '\n')) {
    const auto found = parse_line(line);
    if (!found) continue;
    for (const auto& [name, field] : kLines) {
      if (found->first == name && !(statistics.*field)) statistics.*field = found->second;
    }
  }
  return statistics;
}

bool may_lack_a_digit(const LoadStatistics& statistics, uint64_t call_to_entry_ticks) {
  return statistics.total_ticks && *statistics.total_ticks <= call_to_entry_ticks / 10;
}

void append_digit(LoadStatistics& statistics) {
  // Which one is not known: the middle of those that it can be.
  for (auto* const ticks :
       {&statistics.total_ticks, &statistics.relocation_ticks, &statistics.load_ticks}) {
    if (*ticks) **ticks = **ticks * 10 + 5;
  }
}

uint64_t count_tried_files(std::string_view text) {
  return count_lines(text, "\t  trying file=");
}

uint64_t count_searches(std::string_view text) {
  return count_lines(text, "\tfind library=");
}

}  // namespace forkcost
