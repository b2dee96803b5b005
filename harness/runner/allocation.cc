#include "harness/runner/allocation.h"

#include <algorithm>
#include <cmath>

namespace forkcost::runner {
namespace {

constexpr double kFewest = 7;
constexpr double kMost = 255;
// within / between of most cases here (seen: 3 to 60).
constexpr double kUsualRatio = 16;
// A case of which the pilot saw no variance between processes has some all the same: 0.1%, squared.
constexpr double kLeastBetween = 1e-6;
constexpr double kNearEnough = 2;
// A t-test with n rounds at the level of one of 26 finds what one with n less these would if it
// knew the variance (by Student's quantiles, 5.2 with 8 rounds and 5.8 with 100).
constexpr double kToKnowTheVariance = 6;

struct Sums {
  double between = 0, within = 0;
};

Sums sums_of(const CaseNoise& noise) {
  Sums sums;
  for (const QuantityNoise& one : noise.quantities) {
    sums.between += std::max(one.between, kLeastBetween);
    sums.within += one.within;
  }
  return sums;
}

double best_count(const CaseNoise& noise, double within_by_between) {
  if (noise.sample_s <= 0) return kMost;
  return std::sqrt(within_by_between * noise.start_s / noise.sample_s);
}

}  // namespace

size_t even_samples(double wanted, bool alternates) {
  const double each = std::clamp(alternates ? wanted / 2 : wanted, kFewest, kMost);
  const auto quarters = static_cast<size_t>(std::round((each + 1) / 4));
  return (4 * quarters - 1) * (alternates ? 2 : 1);
}

size_t first_samples(const CaseNoise& costs) {
  return even_samples(best_count(costs, kUsualRatio), costs.alternates);
}

size_t choose_samples(const CaseNoise& noise, double most_seconds) {
  const Sums sums = sums_of(noise);
  double wanted = best_count(noise, sums.within / sums.between);
  if (noise.sample_s > 0) {
    wanted = std::min(wanted, (most_seconds - noise.start_s) / noise.sample_s);
  }
  const size_t best = even_samples(wanted, noise.alternates);
  const double ratio = static_cast<double>(noise.samples) / static_cast<double>(best);
  return ratio >= 1 / kNearEnough && ratio <= kNearEnough ? noise.samples : best;
}

std::vector<double> allocate(const std::vector<CaseNoise>& cases, double seconds, double least) {
  std::vector<double> weights;
  for (const CaseNoise& noise : cases) {
    double errors = 0;
    for (const QuantityNoise& one : noise.quantities) {
      errors += one.weight * std::sqrt(std::max(one.variance(noise.samples), kLeastBetween));
    }
    // Where one more second earns the same everywhere: errors / rounds^1.5 = cost.
    weights.push_back(std::pow(errors / noise.process_seconds(), 2.0 / 3));
  }
  // In proportion to the weights, beside those that are for the variance; those that would have too
  // few get the least, and the others what is left.
  std::vector<double> rounds(cases.size(), least);
  std::vector<bool> too_few(cases.size(), false);
  for (bool changed = true; changed;) {
    changed = false;
    double left = seconds, per_scale = 0;
    for (size_t i = 0; i < cases.size(); ++i) {
      if (too_few[i]) {
        left -= least * cases[i].process_seconds();
      } else {
        left -= kToKnowTheVariance * cases[i].process_seconds();
        per_scale += weights[i] * cases[i].process_seconds();
      }
    }
    for (size_t i = 0; i < cases.size(); ++i) {
      if (too_few[i]) continue;
      rounds[i] = kToKnowTheVariance + std::max(left, 0.0) / per_scale * weights[i];
      if (rounds[i] >= least) continue;
      rounds[i] = least;
      too_few[i] = changed = true;
    }
  }
  return rounds;
}

}  // namespace forkcost::runner
