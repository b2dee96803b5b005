#include "harness/case_result.h"

#include <string>
#include <utility>

#include "harness/quantities.h"

namespace forkcost {
namespace {

Json describe_quantities_of(const Recorder& recorder) {
  Json quantities = Json::object();
  for (const auto& [name, series] : recorder.series()) {
    Json described =
        describe_samples(series.samples, series.quantity->unit, step_of(*series.quantity));
    if (!described.is_null()) quantities[name] = std::move(described);
  }
  for (const auto& [name, histogram] : recorder.histograms()) {
    if (histogram.count() > 0) quantities[name] = histogram.describe(find_quantity(name).unit);
  }
  return quantities;
}

Json describe_conditions(const Measurement& measurement) {
  const Conditions found = measurement.conditions();
  Json out = {{"elapsed_ns", static_cast<int64_t>(found.elapsed_ns)}};
  if (found.steal_ns != 0) out["steal_ns"] = found.steal_ns;
  if (found.involuntary_switches != 0) out["involuntary_switches"] = found.involuntary_switches;
  if (found.migrations != 0) out["migrations"] = found.migrations;
  if (found.misplaced != 0) out["misplaced"] = found.misplaced;
  const auto reasons = measurement.disturbances(found);
  if (!reasons.empty()) out["reasons"] = reasons;
  return out;
}

}  // namespace

Json describe_checks(const Verification& verification) {
  Json checks = Json::array();
  for (const Check& check : verification.checks()) {
    checks.push_back({{"check", check.name},
                      {"expected", check.expected},
                      {"observed", check.observed},
                      {"ok", check.ok}});
  }
  return checks;
}

CaseResult describe_samples_of(const Case& the_case, const Measurement& measurement) {
  Json quantities = describe_quantities_of(measurement.recorder());
  const auto median_of = [&](const std::string& name) {
    return quantities.contains(name) ? quantities[name].value("p50", 0.0) : 0.0;
  };
  CaseResult result;
  result.samples = measurement.plan().kept();
  result.real_time_ns = median_of(the_case.primary);
  result.cpu_time_ns = median_of(the_case.primary_cpu);
  // No such quantity, or below what the CPU clock resolves: touches that do not fault.
  if (result.cpu_time_ns <= 0) result.cpu_time_ns = result.real_time_ns;
  const Measurement::ParentSize& parent = measurement.parent_size();
  result.entry = {{"quantities", std::move(quantities)},
                  {"verification", describe_checks(measurement.verification())},
                  {"conditions", describe_conditions(measurement)},
                  {"parent",
                   {{"rss_bytes", parent.rss_bytes},
                    {"page_table_bytes", parent.page_table_bytes},
                    {"mappings", parent.mappings}}},
                  {"warmup", measurement.plan().warmup()},
                  {"primary", the_case.primary}};
  if (const auto& yardsticks = measurement.yardsticks()) {
    Json taken = yardsticks->describe();
    if (!taken.empty()) result.entry["yardsticks"] = std::move(taken);
  }
  if (!the_case.primary_cpu.empty()) result.entry["primary_cpu"] = the_case.primary_cpu;
  return result;
}

}  // namespace forkcost
