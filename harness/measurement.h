// The taking of samples for one case: what a body sees, and what every benchmark includes.
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
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "harness/arena.h"
#include "harness/case.h"
#include "harness/child.h"
#include "harness/clock.h"
#include "harness/disturbance.h"
#include "harness/placement.h"
#include "harness/probe.h"
#include "harness/recorder.h"
#include "harness/sample_plan.h"
#include "harness/timeline.h"
#include "harness/touch.h"
#include "harness/verification.h"
#include "harness/yardsticks.h"

namespace forkcost {

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
  static void drop_arena() { drop_kept_arena(); }

  // Adds to what was verified; throws Failure at once unless `check.ok`.
  void verified(Check check) { verification_.add(std::move(check)); }
  // The same, of a check that every sample makes: once is enough in the file.
  void require(Check check);
  void require_equal(const std::string& name, const std::string& expected,
                     const std::string& observed);
  void require_equal(const std::string& name, uint64_t expected, uint64_t observed);

  // Finishes the sample before and says whether there is another. The first ones are warm-up.
  bool next_sample();
  bool first_sample() const { return plan_.first_sample(); }
  // The current sample will not be reported.
  bool warming_up() const { return plan_.warming_up(); }

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
  void record(const std::string& quantity, double value) { recorder_.record(quantity, value); }
  // Many values of one quantity, in nanoseconds, of the current sample.
  void record_many(const std::string& quantity, std::span<const uint32_t> values_ns) {
    if (!warming_up()) recorder_.record_many(quantity, values_ns);
  }

  // What came of it, for the result's entry.
  const SamplePlan& plan() const { return plan_; }
  const Recorder& recorder() const { return recorder_; }
  const Verification& verification() const { return verification_; }
  // None where they are off, or no sample was taken.
  const std::optional<Yardsticks>& yardsticks() const { return yardsticks_; }
  Conditions conditions() const;  // of the samples so far
  std::vector<std::string> disturbances(const Conditions& conditions) const;
  // Of this process before the first sample, without the yardsticks' memory, which no child gets:
  // the floor of every figure.
  struct ParentSize {
    uint64_t rss_bytes, page_table_bytes, mappings;
  };
  const ParentSize& parent_size() const { return parent_; }

 private:
  static int current_cpu();
  // Only the times are taken in turns.
  Turns* turns() const { return probe_ == nullptr ? options_.turns : nullptr; }
  double waited_ms() const;  // for the other one
  bool watches_creation() const { return probe_ != nullptr && !case_.required.empty(); }
  void begin();
  void finish_sample();
  void keep_sample();
  void warm_up();
  void make_yardstick_memory(bool populated);
  void take_yardsticks();

  const Case& case_;
  const MeasureOptions& options_;
  Probe* const probe_;
  CpuBinding binding_;
  // Of what the body does before its samples, then of these; populating a large heap takes its time
  // and does not count.
  std::optional<TimeLimit> limit_;
  Timeline timeline_;
  Arena* arena_ = nullptr;
  SamplePlan plan_;
  Recorder recorder_;
  Verification verification_;
  bool sampling_ = false;
  uint64_t sample_began_ = 0;
  uint64_t warmed_up_ = 0;  // when the first sample began that is no warm-up
  KernelCounts counts_before_;
  ParentSize parent_{};
  const uint64_t began_;
  const double start_up_ms_;  // CPU time before that, of the first case of a process
  std::optional<YardstickMemory> yardstick_memory_;
  std::optional<Yardsticks> yardsticks_;
  // What call(), resumed() and reap() write, together: after a fork the first write to each page of
  // ours is a fault inside call -> reaped.
  std::optional<Child> child_;
  bool reads_cpu_clock_ = false;
  int parent_cpu_ = -1;
  int64_t cpu_before_ = 0;
  int64_t blocked_cpu_ = 0;
  size_t migrations_ = 0;
  std::optional<rusage> child_usage_;  // read where reads_cpu_clock_
};

}  // namespace forkcost
