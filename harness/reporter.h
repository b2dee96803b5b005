// From Google Benchmark's runs to the screen and the result file (results/FORMAT.md).
#pragma once

#include <benchmark/benchmark.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <vector>

#include "harness/case_result.h"

namespace forkcost {

// The counter by which a run finds its CaseResult again; it never reaches a file or the screen.
inline constexpr const char* kResultCounter = "forkcost_result";

// Puts our figures in the place of Google Benchmark's (its loop also holds set-up and clean-up),
// and hands the runs to one of its own reporters.
class Reporter : public benchmark::BenchmarkReporter {
 public:
  // `results`: filled while the benchmarks run, read by the index in kResultCounter.
  Reporter(const std::vector<CaseResult>& results,
           std::unique_ptr<benchmark::BenchmarkReporter> inner);

  bool ReportContext(const Context& context) override;
  void ReportRuns(const std::vector<Run>& runs) override;
  void Finalize() override;

  // Google Benchmark's own `context`, once it has run.
  const nlohmann::json& context() const { return context_; }

 private:
  const CaseResult* find_result(const Run& run) const;

  const std::vector<CaseResult>& results_;
  std::unique_ptr<benchmark::BenchmarkReporter> inner_;
  nlohmann::json context_;
};

// The whole document. From the results and not from the runs that were reported: Google Benchmark
// can be told to report aggregates only, and what was measured is not to be lost. `context` is
// Google Benchmark's, `ours` the object `forkcost` in it.
nlohmann::json make_document(nlohmann::json context, nlohmann::json ours,
                             const std::vector<CaseResult>& results);

// `clock` of the context.
nlohmann::json describe_clock();

// The quantile of each quantity that repeats best from run to run, as measured in
// results/estimators.md.
nlohmann::json describe_estimators();

}  // namespace forkcost
