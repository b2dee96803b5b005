#include "harness/runner/fit.h"

#include <algorithm>
#include <cmath>

namespace forkcost::runner {

std::optional<double> slope(const std::vector<Point>& points) {
  struct Pair {
    double slope;
    double weight;
  };
  std::vector<Pair> pairs;
  double total = 0;
  for (size_t i = 0; i < points.size(); ++i) {
    for (size_t j = 0; j < i; ++j) {
      const double apart = points[i].first - points[j].first;
      if (apart == 0) continue;
      pairs.push_back({(points[i].second - points[j].second) / apart, std::fabs(apart)});
      total += pairs.back().weight;
    }
  }
  if (pairs.empty()) return std::nullopt;
  std::sort(pairs.begin(), pairs.end(), [](auto& a, auto& b) { return a.slope < b.slope; });
  double seen = 0;
  for (const Pair& pair : pairs) {
    seen += pair.weight;
    if (seen >= total / 2) return pair.slope;
  }
  return pairs.back().slope;
}

std::optional<Crossing> crossing(std::vector<Point> points, double y) {
  if (points.size() < 2) return std::nullopt;
  std::sort(points.begin(), points.end());
  if (points.front().second >= y) return Crossing{Crossing::Where::kBelow, points.front().first};
  for (size_t i = 1; i < points.size(); ++i) {
    const auto& [x0, y0] = points[i - 1];
    const auto& [x1, y1] = points[i];
    if (y1 >= y) return Crossing{Crossing::Where::kAt, x0 + (x1 - x0) * (y - y0) / (y1 - y0)};
  }
  return Crossing{Crossing::Where::kAbove, points.back().first};
}

}  // namespace forkcost::runner
