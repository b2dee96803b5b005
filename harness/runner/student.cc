#include "harness/runner/student.h"

#include <boost/math/distributions/students_t.hpp>

namespace forkcost::runner {

double student_quantile(double p, double degrees) {
  return boost::math::quantile(boost::math::students_t(degrees), p);
}

double smallest_change(double standard_error, double degrees, double level) {
  constexpr double kPower = 0.8;
  return standard_error *
         (student_quantile(1 - level / 2, degrees) + student_quantile(kPower, degrees));
}

}  // namespace forkcost::runner
