#include "harness/near_names.h"

#include <algorithm>
#include <cctype>
#include <utility>

namespace forkcost {
namespace {

bool same_letter(char a, char b) {
  return std::tolower(static_cast<unsigned char>(a)) == std::tolower(static_cast<unsigned char>(b));
}

// Length of the longest common part.
size_t likeness(std::string_view a, std::string_view b) {
  size_t best = 0;
  std::vector<size_t> row(b.size() + 1);
  for (const char c : a) {
    for (size_t j = b.size(); j > 0; --j) {
      row[j] = same_letter(b[j - 1], c) ? row[j - 1] + 1 : 0;
      best = std::max(best, row[j]);
    }
  }
  return best;
}

}  // namespace

std::vector<std::string> near_names(const std::vector<std::string>& names, std::string_view wanted,
                                    size_t count) {
  std::vector<std::pair<size_t, std::string>> ranked;
  ranked.reserve(names.size());
  for (const std::string& name : names) ranked.emplace_back(likeness(name, wanted), name);
  std::ranges::stable_sort(ranked, [](const auto& a, const auto& b) { return a.first > b.first; });
  std::vector<std::string> best;
  for (size_t i = 0; i < std::min(count, ranked.size()); ++i) best.push_back(ranked[i].second);
  return best;
}

}  // namespace forkcost
