// What comes of measuring a case, as JSON. Apart from measurement.h, so that a benchmark need not
// read all of the JSON library.
#pragma once

#include <cstddef>

#include "harness/json.h"
#include "harness/measurement.h"

namespace forkcost {

// What came of one case in this process: one entry of `benchmarks` or `unmeasured`, without Google
// Benchmark's own keys, and with the case's row of the table `cases` still in it.
struct CaseResult {
  Json entry;
  double real_time_ns = 0;  // medians of the primary quantities
  double cpu_time_ns = 0;
  size_t samples = 0;
};

// What of the entry comes from the samples that were taken.
CaseResult describe_samples_of(const Case& the_case, const Measurement& measurement);

// An entry's `verification`.
Json describe_checks(const Verification& verification);

// Takes all samples of `the_case`. Skip and Failure become the result's outcome.
CaseResult measure(const Case& the_case, const MeasureOptions& options, size_t min_samples);

}  // namespace forkcost
