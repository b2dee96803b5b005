// From Google Benchmark's runs to the screen and the result file (results/FORMAT.md).
#pragma once

#include <benchmark/benchmark.h>

#include <memory>
#include <string>
#include <vector>

#include "harness/case_result.h"
#include "harness/json.h"

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
  const Json& context() const { return context_; }

 private:
  const CaseResult* find_result(const Run& run) const;

  const std::vector<CaseResult>& results_;
  std::unique_ptr<benchmark::BenchmarkReporter> inner_;
  Json context_;
};

// What Google Benchmark says above its table, without the warning that its library was built with
// assertions (as Debian's is): that slows its own loop, which times nothing of ours.
// `library_build_type` in the file says it all the same.
std::string without_debug_warning(const std::string& said);

// The whole document. From the results and not from the runs that were reported: Google Benchmark
// can be told to report aggregates only, and what was measured is not to be lost. `context` is
// Google Benchmark's, with our object `forkcost` in it.
Json make_document(Json context, const std::vector<CaseResult>& results);

// `clock` of the context.
Json describe_clock();
// The inverse, of another process of this machine: this one then need not calibrate. Throws
// UsageError.
void use_clock_of(std::string_view described);

}  // namespace forkcost
