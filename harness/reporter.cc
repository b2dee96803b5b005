#include "harness/reporter.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <sstream>
#include <string>
#include <utility>

#include "harness/clock.h"
#include "harness/error.h"
#include "harness/google_benchmark.h"
#include "harness/quantities.h"
#include "harness/result_document.h"
#include "harness/yardsticks.h"

namespace forkcost {
namespace {

// Google Benchmark's own JSON of the context: whatever its version writes, ours has too.
Json own_context(const benchmark::BenchmarkReporter::Context& context) {
  std::ostringstream text;
  benchmark::JSONReporter reporter;
  reporter.SetOutputStream(&text);
  reporter.SetErrorStream(&text);
  reporter.ReportContext(context);
  reporter.Finalize();
  return Json::parse(text.str())["context"];
}

constexpr int kPartsOfNs = 6;  // digits; medians that are whole have none

void set_times(benchmark::BenchmarkReporter::Run& run, const CaseResult& result) {
  run.iterations = static_cast<benchmark::IterationCount>(result.samples);
  // Google Benchmark divides by the iterations again.
  const double to_seconds = 1e-9 * static_cast<double>(result.samples);
  run.real_accumulated_time = result.real_time_ns * to_seconds;
  run.cpu_accumulated_time = result.cpu_time_ns * to_seconds;
}

}  // namespace

std::string without_debug_warning(const std::string& said) {
  std::istringstream lines(said);
  std::string kept;
  for (std::string line; std::getline(lines, line);) {
    if (line.find("Library was built as DEBUG") == std::string::npos) kept += line + '\n';
  }
  return kept;
}

Reporter::Reporter(const std::vector<CaseResult>& results,
                   std::unique_ptr<benchmark::BenchmarkReporter> inner)
    : results_(results), inner_(std::move(inner)) {}

bool Reporter::ReportContext(const Context& context) {
  inner_->SetOutputStream(&GetOutputStream());
  inner_->SetErrorStream(&GetErrorStream());
  context_ = own_context(context);
  std::ostringstream said;
  inner_->SetErrorStream(&said);
  const bool goes_on = inner_->ReportContext(context);
  inner_->SetErrorStream(&GetErrorStream());
  GetErrorStream() << without_debug_warning(said.str());
  return goes_on;
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

Json make_document(Json context, const std::vector<CaseResult>& results) {
  std::map<std::string, int> repetitions, index;
  for (const CaseResult& result : results) ++repetitions[result.entry["name"]];
  const Json axes = describe_axes();
  const Json quantities = describe_quantities();
  const Json yardsticks = describe_yardsticks();
  DocumentBuilder builder(axes, quantities, yardsticks);
  for (const CaseResult& result : results) {
    Json entry = result.entry;
    const std::string name = entry["name"];
    entry["repetition_index"] = index[name]++;
    if (result.samples > 0) {
      entry.update({{"run_type", "iteration"},
                    {"repetitions", repetitions[name]},
                    {"iterations", result.samples},
                    {"real_time", short_number(result.real_time_ns, kPartsOfNs)},
                    {"cpu_time", short_number(result.cpu_time_ns, kPartsOfNs)},
                    {"time_unit", "ns"}});
    }
    builder.add(std::move(entry));
  }
  return builder.finish(std::move(context));
}

Json describe_clock() {
  const ClockInfo& info = clock_info();
  return {{"source", clock_source_name(info.source)},
          {"hz", short_number(info.hz)},
          {"resolution_ns", short_number(info.resolution_ns, 2)},
          {"stamp_cost_ns", short_number(info.stamp_cost_ns, 2)},
          {"cpu_clock_cost_ns", short_number(info.cpu_clock_cost_ns)}};
}

void use_clock_of(std::string_view described) {
  try {
    const Json clock = Json::parse(described);
    const auto number = [&](const char* name) { return clock.at(name).get<double>(); };
    if (number("hz") <= 0) throw UsageError(fmt::format("--clock {}: its hz are none", described));
    use_known_clock(clock.at("source").get<std::string>(),
                    {.hz = number("hz"),
                     .resolution_ns = number("resolution_ns"),
                     .stamp_cost_ns = number("stamp_cost_ns"),
                     .cpu_clock_cost_ns = number("cpu_clock_cost_ns")});
  } catch (const Json::exception& error) {
    throw UsageError(fmt::format("--clock {}: not as a result file has its `clock`: {}", described,
                                 error.what()));
  }
}

}  // namespace forkcost
