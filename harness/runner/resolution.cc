#include "harness/runner/resolution.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "harness/runner/student.h"

namespace forkcost::runner {
namespace {

struct Seen {
  double change;  // of the logarithm
  std::string name, quantity;
};

// Of a change of the logarithm.
std::string percent(double change) {
  const double value = 100 * std::expm1(change);
  return fmt::format("{:.{}f}%", value, value < 10 ? 1 : 0);
}

std::string describe(std::vector<Seen> all, size_t sides, const char* verb) {
  if (all.empty()) return "";
  std::sort(all.begin(), all.end(),
            [](const Seen& a, const Seen& b) { return a.change < b.change; });
  const Seen& worst = all.back();
  return fmt::format(
      "{} a change of {} (median of {} quantities; the worst {}: {} of {})\n"
      "in 8 of 10 cases, wrong in 1% for all of them, {}\n",
      verb, percent(all[all.size() / 2].change), all.size(), percent(worst.change), worst.quantity,
      worst.name,
      sides == 1 ? "against another run like this (without what the machine moves between runs)"
                 : "between the two sides");
}

double level_of(size_t quantities) {
  return kFamilyLevel / static_cast<double>(quantities);
}

}  // namespace

std::string foresee(const std::vector<CaseNoise>& cases, const std::vector<double>& rounds,
                    size_t sides) {
  size_t quantities = 0;
  for (const CaseNoise& one : cases) quantities += one.quantities.size();
  std::vector<Seen> all;
  for (size_t i = 0; i < cases.size(); ++i) {
    const double unpaired = sides == 1 ? 2 : 1;
    const double n = std::max(std::floor(rounds[i]), 2.0);
    for (const QuantityNoise& one : cases[i].quantities) {
      const double error = std::sqrt(unpaired * one.variance(cases[i].samples) / n);
      all.push_back({smallest_change(error, unpaired * (n - 1), level_of(quantities)),
                     cases[i].name, one.quantity});
    }
  }
  return describe(std::move(all), sides, "will see");
}

std::string look_back(const std::vector<Series>& series, size_t sides) {
  std::vector<Seen> all;
  for (const Series& one : series) {
    if (one.values.size() < 3) continue;
    all.push_back({one.smallest_change(level_of(series.size()), sides), one.name, one.quantity});
  }
  return describe(std::move(all), sides, "could have seen");
}

}  // namespace forkcost::runner
