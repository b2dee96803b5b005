#include "harness/reporter.h"

#include <algorithm>
#include <map>
#include <sstream>
#include <string>
#include <utility>

#include "harness/clock.h"
#include "harness/error.h"
#include "harness/google_benchmark.h"

namespace forkcost {
namespace {

// Google Benchmark's own JSON of the context: whatever its version writes, ours has too.
nlohmann::json own_context(const benchmark::BenchmarkReporter::Context& context) {
  std::ostringstream text;
  benchmark::JSONReporter reporter;
  reporter.SetOutputStream(&text);
  reporter.SetErrorStream(&text);
  reporter.ReportContext(context);
  reporter.Finalize();
  return nlohmann::json::parse(text.str())["context"];
}

void set_times(benchmark::BenchmarkReporter::Run& run, const CaseResult& result) {
  run.iterations = static_cast<benchmark::IterationCount>(result.samples);
  // Google Benchmark divides by the iterations again.
  const double to_seconds = 1e-9 * static_cast<double>(result.samples);
  run.real_accumulated_time = result.real_time_ns * to_seconds;
  run.cpu_accumulated_time = result.cpu_time_ns * to_seconds;
}

}  // namespace

Reporter::Reporter(const std::vector<CaseResult>& results,
                   std::unique_ptr<benchmark::BenchmarkReporter> inner)
    : results_(results), inner_(std::move(inner)) {}

bool Reporter::ReportContext(const Context& context) {
  inner_->SetOutputStream(&GetOutputStream());
  inner_->SetErrorStream(&GetErrorStream());
  context_ = own_context(context);
  return inner_->ReportContext(context);
}

const CaseResult* Reporter::find_result(const Run& run) const {
  const auto counter = run.counters.find(kResultCounter);
  if (counter != run.counters.end()) {
    return &results_.at(static_cast<size_t>(counter->second.value));
  }
  // Google Benchmark drops the counters of a run with an error. Such a run stops its case, so the
  // last result of that name is the one.
  const std::string name = run.run_name.str();
  const auto found =
      std::ranges::find_if(results_.rbegin(), results_.rend(),
                           [&](const auto& result) { return result.entry["name"] == name; });
  return was_skipped(run) && found != results_.rend() ? &*found : nullptr;
}

void Reporter::ReportRuns(const std::vector<Run>& runs) {
  std::vector<Run> shown;
  for (Run run : runs) {
    // Aggregates would be those of Google Benchmark's own loop times, which are not ours.
    const CaseResult* const result = run.run_type == Run::RT_Aggregate ? nullptr : find_result(run);
    if (result == nullptr) continue;
    run.counters.erase(kResultCounter);
    if (result->samples > 0) set_times(run, *result);
    shown.push_back(run);
  }
  if (!shown.empty()) inner_->ReportRuns(shown);
}

void Reporter::Finalize() {
  inner_->Finalize();
}

nlohmann::json make_document(nlohmann::json context, nlohmann::json ours,
                             const std::vector<CaseResult>& results) {
  std::map<std::string, int> repetitions;
  for (const CaseResult& result : results) ++repetitions[result.entry["name"]];
  std::map<std::string, int> index, family;
  nlohmann::json measured = nlohmann::json::array(), unmeasured = nlohmann::json::array();
  for (const CaseResult& result : results) {
    nlohmann::json entry = result.entry;
    const std::string name = entry["name"];
    entry["repetition_index"] = index[name]++;
    if (result.samples == 0) {
      unmeasured.push_back(std::move(entry));
      continue;
    }
    entry.update({{"run_name", name},
                  {"run_type", "iteration"},
                  {"family_index", family.emplace(name, family.size()).first->second},
                  {"per_family_instance_index", 0},
                  {"repetitions", repetitions[name]},
                  {"threads", 1},
                  {"iterations", result.samples},
                  {"real_time", result.real_time_ns},
                  {"cpu_time", result.cpu_time_ns},
                  {"time_unit", "ns"}});
    measured.push_back(std::move(entry));
  }
  context["forkcost"] = std::move(ours);
  return {{"context", std::move(context)},
          {"benchmarks", std::move(measured)},
          {"unmeasured", std::move(unmeasured)}};
}

nlohmann::json describe_clock() {
  const ClockInfo& info = clock_info();
  return {{"source", clock_source_name(info.source)},
          {"hz", info.hz},
          {"resolution_ns", info.resolution_ns},
          {"stamp_cost_ns", info.stamp_cost_ns},
          {"cpu_clock_cost_ns", info.cpu_clock_cost_ns}};
}

nlohmann::json describe_estimators() {
  nlohmann::json estimators = {{"blocked_ns", "p50"}, {"touch_ns", "p10"}};
  for (const char* quantity :
       {"blocked_cpu_ns", "child_start_ns", "exec_ns", "image_start_ns", "main_start_ns",
        "teardown_ns", "total_ns", "child_cpu_ns", "debt_ns", "debt_cpu_ns", "fault_ns"}) {
    estimators[quantity] = "p25";
  }
  return estimators;
}

}  // namespace forkcost
