// A case: one point of one benchmark, and how its samples are taken.
//
// A benchmark's .cc defines register_cases(), which adds its cases; each has a body that reads
//
//   while (m.next_sample()) {
//     m.call();
//     const pid_t pid = fork();
//     if (pid == 0) end_child(m.timeline());
//     m.resumed(pid);
//     m.reap();
//   }
//
// The harness decides how many samples there are, checks each one's timeline, and turns the events
// into quantities (results/FORMAT.md).
//
// The same body runs once for each pass: first times are taken, with nothing else switched on;
// then, where they are asked for, counters (counters.h) and a profile (profile.h) watch the
// operation. That is call -> reaped; a body that is not about a creation names its own by
// begin_operation() and end_operation().
#pragma once

#include <sys/resource.h>

#include <cerrno>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "harness/arena.h"
#include "harness/axes.h"
#include "harness/child.h"
#include "harness/json_fwd.h"
#include "harness/perf_event.h"
#include "harness/placement.h"
#include "harness/probe.h"
#include "harness/quantities.h"
#include "harness/samples.h"
#include "harness/timeline.h"
#include "harness/touch.h"

namespace forkcost {

enum class Preset : uint8_t { kSmoke, kQuick, kStandard, kFull };

const char* preset_name(Preset preset);
Preset parse_preset(std::string_view name);  // throws UsageError

class Measurement;

struct Case {
  std::string benchmark;          // "fork"
  AxisValues axes;                // all that the benchmark has, in the order of the name
  Preset preset = Preset::kFull;  // the smallest that contains the case
  std::optional<ArenaSpec> arena = std::nullopt;  // none: the benchmark has no heap axis
  bool populate = true;   // false: the body makes its memory itself, and arena() is empty
  MemoryNeed needs = {};  // beside the arena; checked before this is populated
  Placement placement = Placement::kSameCpu;
  // A sample without these is a failure. Empty: the case is not about the timeline of a creation,
  // and reports only what its body records.
  std::vector<forkcost_event> required = {};
  // Involuntary context switches that its own children may cause: a child that starts on our CPU,
  // and one that ends there. More than that disturbs a round.
  double switches_per_sample = 2;
  // What lies between begin_operation() and end_operation(), or of a creation: the quantity that is
  // the time of it, and how many of these there are. Empty: total_ns of a creation, else the
  // primary.
  std::string operation = "";
  size_t operations = 1;
  std::string primary = "blocked_ns";  // FORMAT.md: real_time and cpu_time
  std::string primary_cpu = "blocked_cpu_ns";
  std::function<void(Measurement&)> body;

  std::string name() const { return name_of_case(benchmark, axes); }
  std::string full_name() const { return full_name_of_case(benchmark, axes); }
  const std::string& operation_quantity() const;
};

// Axis -> value, all of them.
Json describe_axes_of(const Case& the_case);

// What the command line says of how to measure.
struct MeasureOptions {
  int cpu = -1;  // of the parent; -1: the last one that we may use (the first serves interrupts)
  double budget_ms = 40;
  size_t samples = 0;  // exactly so many; 0: what the budget allows
  // As many as the budget allows while they are taken, however many that are; else their number is
  // chosen before, by the warm-up.
  bool fill_budget = false;
  double time_limit_s = 60;
  // Further passes after the times.
  bool count = false;
  std::vector<Event> counters = {};  // none: default_events()
  bool profile = false;
  std::optional<Event> profile_event = {};  // none: default_profile_event()
};

// The heap sizes of a run: those of --heap, else ours up to 3/4 of the memory, with the smallest
// preset that has each.
struct HeapSize {
  uint64_t bytes;
  Preset preset;
};
std::vector<HeapSize> default_heaps(uint64_t available_bytes);

// The cases of this bench binary for these heap sizes. Defined by the benchmark's .cc.
std::vector<Case> register_cases(const std::vector<HeapSize>& heaps);

// The larger one: a case is in a preset if all of its parts are.
inline Preset both(Preset a, Preset b) {
  return std::max(a, b);
}

struct CaseResult;  // case_result.h

// The taking of samples for one case.
class Measurement {
 public:
  // With `probe`, which must outlive it, in a pass in which nothing is timed.
  Measurement(const Case& the_case, const MeasureOptions& options, size_t min_samples,
              Probe* probe = nullptr);
  ~Measurement();
  Measurement(const Measurement&) = delete;
  Measurement& operator=(const Measurement&) = delete;

  Timeline& timeline() { return timeline_; }
  int cpu() const { return options_.cpu; }
  ArenaSpec spec() const { return case_.arena.value_or(ArenaSpec{}); }
  // Populated and verified on first use, which is at the latest the first sample.
  Arena& arena();
  // Frees a populated arena that an earlier case left: for a helper process that must stay small.
  static void drop_arena();

  // Adds to what was verified; throws Failure at once unless `check.ok`.
  void verified(Check check);
  // The same, of a check that every sample makes: once is enough in the file.
  void require(Check check);
  void require_equal(const std::string& name, const std::string& expected,
                     const std::string& observed);
  void require_equal(const std::string& name, uint64_t expected, uint64_t observed);

  // Finishes the sample before and says whether there is another. The first ones are warm-up: they
  // are not reported, and the number of samples comes from their length.
  bool next_sample();

  void call() {
    parent_cpu_ = current_cpu();
    if (reads_cpu_clock_) cpu_before_ = thread_cpu_ns();
    if (watches_creation()) probe_->begin();
    timeline_.stamp(FORKCOST_CALL);
  }
  // After the call returned in the parent. Throws for pid -1, with `error`. Calls that do not say
  // the pid (system, popen) pass 0.
  void resumed(pid_t pid, int error = errno);
  void reap();              // waits for the child of resumed(), stamps `reaped`
  void reaped(int status);  // for calls that waited themselves

  // What the case is about, where that is no creation; what else happens in a sample is not
  // watched. A fork of this sample has write-protected our stack, too.
  void begin_operation() {
    if (probe_ == nullptr) return;
    settle_thread();
    probe_->begin();
  }
  void end_operation() {
    if (probe_ != nullptr) probe_->end();
  }
  bool watched() const { return probe_ != nullptr; }

  // A quantity that does not come from the timeline, of the current sample. Throws Failure for one
  // that is not in the table of quantities.
  void record(const std::string& quantity, double value);
  // Many values of one quantity, in nanoseconds, of the current sample.
  void record_many(const std::string& quantity, std::span<const uint32_t> values_ns);

  // Everything measured; throws nothing.
  CaseResult finish() const;
  bool first_sample() const { return attempts_ == 1; }
  // Warm-up: the current sample will not be reported.
  bool warming_up() const { return planned_ == 0; }
  // Of the child that reap() waited for; none in samples that leave the CPU clock alone.
  const std::optional<rusage>& child_usage() const { return child_usage_; }
  Json describe_checks() const;

 private:
  static constexpr size_t kWarmup = 2;
  static constexpr size_t kMinSamples = 3;
  static constexpr size_t kMaxSamples = 60;
  static constexpr size_t kAttemptsPerSample = 5;  // where the placement is up to the kernel

  static int current_cpu();
  bool watches_creation() const { return probe_ != nullptr && !case_.required.empty(); }
  void begin();
  void finish_sample();
  void keep_sample();
  void record_child(const rusage& usage);
  void record_timeline();
  bool misplaced() const;
  bool has_enough() const;
  Json describe_conditions() const;

  struct Series {
    const Quantity* quantity;
    std::vector<double> samples;
  };
  // What the kernel says of disturbances, at one moment.
  struct Conditions {
    int64_t steal_ns;
    int64_t involuntary_switches;
    uint64_t ticks;
  };
  static Conditions read_conditions();

  const Case& case_;
  const MeasureOptions& options_;
  Probe* const probe_;
  CpuBinding binding_;
  // Of what the body does before its samples, then of these; populating a large heap takes its time
  // and does not count.
  std::optional<TimeLimit> limit_;
  Timeline timeline_;
  Arena* arena_ = nullptr;
  std::optional<Child> child_;
  std::vector<Check> checks_;
  std::map<std::string, Series> quantities_;
  std::map<std::string, Histogram> histograms_;
  std::map<std::string, double> current_;  // of the current sample
  size_t min_samples_;
  bool alternates_ = false;  // every other sample reads the CPU clock, and only that
  bool reads_cpu_clock_ = false;
  size_t planned_ = 0;
  size_t kept_ = 0;
  size_t warmup_ = 0;
  size_t attempts_ = 0;  // misplaced ones included
  size_t misplaced_ = 0;
  size_t migrations_ = 0;
  bool sampling_ = false;
  uint64_t sample_began_ = 0;
  uint64_t first_kept_ = 0;  // when the first sample began that is no warm-up
  int parent_cpu_ = -1;
  int64_t cpu_before_ = 0;
  int64_t blocked_cpu_ = 0;
  std::optional<rusage> child_usage_;  // read where reads_cpu_clock_
  Conditions before_{};
  struct {
    uint64_t rss_bytes, page_table_bytes, mappings;
  } parent_{};  // size of this process: the floor of every figure
};

}  // namespace forkcost
