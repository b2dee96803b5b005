// Student's t, and what a test by it can see.
#pragma once

namespace forkcost::runner {

// The value below which a share `p` of Student's t with `degrees` degrees of freedom is.
double student_quantile(double p, double degrees);

// The smallest change, in the unit of `standard_error`, that a two-sided t-test at `level` finds in
// 80% of cases.
double smallest_change(double standard_error, double degrees, double level);

}  // namespace forkcost::runner
