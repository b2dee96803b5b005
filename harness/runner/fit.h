// Lines through a handful of measured sizes.
#pragma once

#include <optional>
#include <utility>
#include <vector>

namespace forkcost::runner {

using Point = std::pair<double, double>;

// The median of the slopes between all pairs of points, each weighing as much as its points are
// apart (Theil–Sen, weighted): one disturbed size does not move it, and the noise between two small
// sizes does not outweigh the distance to a large one. None of fewer than two different x.
std::optional<double> slope(const std::vector<Point>& points);

// Where the points, joined by lines, first reach y. Nothing is extrapolated: `below` or `above` say
// that this is before the first point, or behind the last.
struct Crossing {
  enum class Where { kBelow, kAt, kAbove } where;
  double x;  // or that of the first, or the last point
};
// None of fewer than two points, which have no line.
std::optional<Crossing> crossing(std::vector<Point> points, double y);

}  // namespace forkcost::runner
