// The passes of a case: its times, and then, each by itself, what explains them.
#include <fmt/format.h>
#include <unistd.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "harness/case_result.h"
#include "harness/counters.h"
#include "harness/error.h"
#include "harness/profile.h"
#include "harness/symbols.h"

namespace forkcost {
namespace {

// A profile needs thousands of samples, all rounds together: this many times the budget of the
// times.
constexpr double kProfileBudget = 5;

constexpr const char* kNoOperation =
    "not watched: this case is about a part of what another program does, or about the measuring "
    "itself, not about an operation of this process and its children";

// What spoils a case by chance (pages reclaimed, children on the wrong CPU) is rare, and would cost
// the whole case where there is one round only.
constexpr int kAttempts = 3;

// All attempts together: forkcost-run kills a bench program that takes longer than one may.
bool is_time_for_another(const MeasureOptions& options, int attempts, uint64_t begin) {
  const double took_s = ticks_to_ns(static_cast<double>(clock_ticks() - begin)) / 1e9;
  return took_s + took_s / attempts < options.time_limit_s;
}

CaseResult try_to_take_times(const Case& the_case, const MeasureOptions& options,
                             size_t min_samples) {
  CaseResult result;
  const auto give_up = [&](const char* status, const std::exception& error) {
    result.entry["outcome"] = {{"status", status}, {"reason", error.what()}};
    Measurement::drop_arena();  // it may be what is broken
  };
  try {
    Measurement measurement(the_case, options, min_samples);
    try {
      the_case.body(measurement);
      if (!the_case.required.empty()) {
        std::string events;
        for (const forkcost_event event : the_case.required) {
          events += fmt::format("{}{}", events.empty() ? "" : ", ", event_name(event));
        }
        // require_timeline() has seen to it; here it is said.
        measurement.verified({"stamped in every sample, in order", events, events, true});
      }
      result = describe_samples_of(the_case, measurement);
      result.entry["outcome"] = {{"status", "ok"}};
    } catch (const std::exception&) {
      if (Json checks = describe_checks(measurement.verification()); !checks.empty()) {
        result.entry["verification"] = std::move(checks);
      }
      throw;
    }
  } catch (const Skip& skip) {
    give_up("skipped", skip);
    if (skip.by_chance) result.entry["outcome"]["by_chance"] = true;
  } catch (const Failure& failure) {
    give_up("failed", failure);
  }
  return result;
}

CaseResult take_times(const Case& the_case, const MeasureOptions& options, size_t min_samples) {
  const uint64_t begin = clock_ticks();
  for (int attempt = 1;; ++attempt) {
    CaseResult result = try_to_take_times(the_case, options, min_samples);
    auto& outcome = result.entry["outcome"];
    if (attempt > 1) outcome["attempts"] = attempt;
    if (attempt == kAttempts || !outcome.contains("by_chance") ||
        !is_time_for_another(options, attempt, begin)) {
      return result;
    }
  }
}

// A pass with a probe: the case's body once more.
void watch(const Case& the_case, const MeasureOptions& options, Probe& probe) {
  Measurement measurement(the_case, options, 0, &probe);
  the_case.body(measurement);
}

// What was timed stands, whatever becomes of a later pass; that says why it gave nothing.
template <typename F>
Json or_reason(F pass) {
  try {
    return pass();
  } catch (const Skip& skip) {
    return {{"reason", skip.what()}};
  } catch (const std::exception& error) {
    Measurement::drop_arena();  // it may be what is broken
    return {{"reason", fmt::format("failed: {}", error.what())}};
  }
}

// Chosen once, after the first case's times: no event is open while a time is taken.
const std::vector<Event>& events_of(const MeasureOptions& options) {
  if (!options.counters.empty()) return options.counters;
  static const std::vector<Event> events = default_events(real_perf_kernel());
  return events;
}

Json count(const Case& the_case, const MeasureOptions& options) {
  PerfKernel& kernel = real_perf_kernel();
  const std::vector<Event>& events = events_of(options);
  static const std::optional<bool> child_end = child_end_is_counted(kernel);
  const auto run = [&](Counters::Who who) {
    auto counters = std::make_unique<Counters>(kernel, events, who, options.cpu);
    watch(the_case, options, *counters);
    counters->close();
    return counters;
  };
  // One after the other: an inherited event would add to what the parent alone counts.
  const auto alone = run(Counters::Who::kParent);
  if (alone->samples() == 0) throw Skip(kNoOperation);
  const auto family = run(Counters::Who::kFamily);
  // Where the child's end is in nobody's counts, it is in those of the CPU, if all stays there.
  std::unique_ptr<Counters> cpu;
  if (child_end == false && the_case.placement == Placement::kSameCpu) {
    cpu = run(Counters::Who::kCpu);
  }
  Json out = {
      {"samples", family->samples()},
      {"quantity", the_case.operation_quantity()},
      {"events", describe_counters(events, *alone, *family, cpu.get(), the_case.operations)}};
  if (child_end) out["child_end_counted"] = *child_end;
  return out;
}

Json sample_functions(const Case& the_case, const MeasureOptions& options) {
  PerfKernel& kernel = real_perf_kernel();
  MeasureOptions longer = options;
  longer.budget_ms = options.budget_ms * kProfileBudget;
  longer.fill_budget = true;
  longer.samples = 0;
  const Event event =
      options.profile_event ? *options.profile_event : default_profile_event(kernel);
  Profile profile(kernel, event);
  require_kernel_symbols();
  watch(the_case, longer, profile);
  if (profile.left_out() > profile.operations()) {
    throw Skip(
        fmt::format("the samples of {} of {} operations did not fit into the buffer; give a longer "
                    "period (--profile=NAME:period=N), or raise kernel.perf_event_mlock_kb",
                    profile.left_out(), profile.left_out() + profile.operations()));
  }
  if (profile.operations() == 0) throw Skip(kNoOperation);
  Json out = profile.describe();
  out["quantity"] = the_case.operation_quantity();
  out["operations"] = profile.operations() * the_case.operations;
  out["operations_left_out"] = profile.left_out() * the_case.operations;
  return out;
}

}  // namespace

CaseResult measure(const Case& the_case, const MeasureOptions& options, size_t min_samples) {
  CaseResult result = take_times(the_case, options, min_samples);
  Json& entry = result.entry;
  if (result.samples > 0) {
    if (options.count) {
      entry["counters"] = or_reason([&] { return count(the_case, options); });
    }
    if (options.profile) {
      entry["profile"] = or_reason([&] { return sample_functions(the_case, options); });
    }
  }
  entry["name"] = the_case.name();
  entry["benchmark"] = the_case.benchmark;
  entry["axes"] = describe_axes_of(the_case);
  if (the_case.arena) entry["heap_bytes"] = the_case.arena->bytes;
  if (!the_case.core.empty()) entry["core"] = the_case.core;
  entry["pid"] = getpid();
  return result;
}

}  // namespace forkcost
