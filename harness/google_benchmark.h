// What Google Benchmark's versions differ in, from 1.7.1 to 1.9.5: nothing else of ours asks which
// one it is. By what the headers have, never by a number: distributions patch one without the
// other.
#pragma once

#include <benchmark/benchmark.h>

#include <string>

namespace forkcost {

// Templates, so that a member which this version lacks is no error but the other branch.

// Did the run end without a figure? 1.8 made `error_occurred` one of several values of `skipped`.
template <typename Run = benchmark::BenchmarkReporter::Run>
bool was_skipped(const Run& run) {
  if constexpr (requires { run.skipped; }) {
    return static_cast<int>(run.skipped) != 0;  // NotSkipped
  } else {
    return run.error_occurred;
  }
}

// The value of --benchmark_min_time as this version wants it. 1.8, which brought `skipped`, wants a
// unit
// (`0.5s`) or a number of iterations (`3x`), and stops at a bare number; 1.7 stops at the unit.
template <typename Run = benchmark::BenchmarkReporter::Run>
std::string min_time_value(std::string value) {
  const bool has_unit = value.ends_with('s'), is_count = value.ends_with('x');
  if constexpr (requires(const Run& run) { run.skipped; }) {
    return has_unit || is_count ? value : value + "s";
  } else {
    if (has_unit) value.pop_back();
    return value;
  }
}

}  // namespace forkcost
