// Student's t, what a test by it can see, and a mean that one bad round does not move.
#pragma once

#include <vector>

namespace forkcost::runner {

// The value below which a share `p` of Student's t with `degrees` degrees of freedom is.
double student_quantile(double p, double degrees);

// The mean without the share `trim` of the values at either end, its standard error from the
// winsorized variance, and the degrees of freedom for Student's t (Yuen, Biometrika 1974).
struct TrimmedMean {
  double centre = 0;
  double error = 0;
  double degrees = 0;
};
TrimmedMean trimmed_mean(std::vector<double> values, double trim);  // of three or more

// The smallest change, in the unit of `standard_error`, that a two-sided t-test at `level` finds in
// 80% of cases.
double smallest_change(double standard_error, double degrees, double level);

}  // namespace forkcost::runner
