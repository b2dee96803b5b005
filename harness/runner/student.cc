#include "harness/runner/student.h"

#include <algorithm>
#include <boost/math/distributions/students_t.hpp>
#include <cmath>
#include <cstddef>

namespace forkcost::runner {

double student_quantile(double p, double degrees) {
  return boost::math::quantile(boost::math::students_t(degrees), p);
}

TrimmedMean trimmed_mean(std::vector<double> values, double trim) {
  std::sort(values.begin(), values.end());
  const size_t n = values.size();
  const auto cut = static_cast<size_t>(trim * static_cast<double>(n));
  const auto kept = static_cast<double>(n - 2 * cut);
  double sum = 0, squares = 0, all = 0;
  for (size_t i = cut; i < n - cut; ++i) sum += values[i];
  for (double& value : values) value = std::clamp(value, values[cut], values[n - 1 - cut]);
  for (const double value : values) all += value;
  const double centre = all / static_cast<double>(n);
  for (const double value : values) squares += (value - centre) * (value - centre);
  return {sum / kept, std::sqrt(squares / (kept * (kept - 1))), kept - 1};
}

double smallest_change(double standard_error, double degrees, double level) {
  constexpr double kPower = 0.8;
  return standard_error *
         (student_quantile(1 - level / 2, degrees) + student_quantile(kPower, degrees));
}

}  // namespace forkcost::runner
