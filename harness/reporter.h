// From Google Benchmark's runs to the result file (results/FORMAT.md).
#pragma once

#include <benchmark/benchmark.h>

#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "harness/bench_case.h"

namespace forkcost {

// The counter by which a run finds its CaseResult again; it never reaches a file or the screen.
inline constexpr const char* kResultCounter = "forkcost_result";

// Puts our figures in the place of Google Benchmark's (its loop also holds set-up and clean-up),
// shows them through its own display, and collects them for the file.
class Reporter : public benchmark::BenchmarkReporter {
 public:
  // `results`: filled while the benchmarks run, read by the index in kResultCounter.
  explicit Reporter(const std::vector<CaseResult>& results);

  bool ReportContext(const Context& context) override;
  void ReportRuns(const std::vector<Run>& runs) override;
  void Finalize() override;

  // The whole document. `forkcost_context` is the object under `context`.
  nlohmann::json document(nlohmann::json forkcost_context) const;

 private:
  const CaseResult* find_result(const Run& run) const;

  const std::vector<CaseResult>& results_;
  std::unique_ptr<benchmark::BenchmarkReporter> display_;
  nlohmann::json context_;
  nlohmann::json benchmarks_ = nlohmann::json::array();
  nlohmann::json unmeasured_ = nlohmann::json::array();
};

// `clock` of the context.
nlohmann::json describe_clock();

// The quantile of each quantity that repeats best from run to run, as measured in
// results/estimators.md.
nlohmann::json describe_estimators();

}  // namespace forkcost
