// How many samples a case takes, and which of them count.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "harness/case.h"

namespace forkcost {

// The first samples are warm-up: they are not reported, and the number of the others comes from
// their length. Later ones may be, too. Told what became of each sample, it says whether there is
// another; it reads no clock and makes no process.
class SamplePlan {
 public:
  // At least `min_samples`, whatever the budget; where `options` names a number, that number.
  SamplePlan(const MeasureOptions& options, size_t min_samples);

  enum class Next : uint8_t {
    kSample,
    kEnough,
    kGiveUp  // nearly all were misplaced
  };
  // `kept_ms`: how long the samples after the warm-up have taken so far.
  Next next(double kept_ms) const;

  // One of these for each sample that begins, and one of those below when it ended.
  void begin_sample() { ++attempts_; }
  void misplace_sample() { ++misplaced_; }  // the child began on the wrong CPU: none of the samples
  void keep_sample() { ++kept_; }
  // Of a warm-up sample: how long it took, and what share of the creation reading the CPU clock
  // takes; none where it is not read, or there is no creation.
  void warm_up(double took_ms, std::optional<double> cpu_clock_share);

  // The next sample is warm-up again: something else has used the caches meanwhile.
  void warm_up_again() { again_ = true; }

  bool warming_up() const { return planned_ == 0 || again_; }
  bool first_sample() const { return attempts_ == 1; }
  // Whether the current sample reads the CPU clock. It is a system call inside call -> reaped (2%
  // of a vfork where it takes 0.5 us), and so is adding up the child's CPU time. Where that would
  // show, samples take turns.
  bool reads_cpu_clock() const { return !alternates_ || kept_ % 2 == 1; }
  // Whether a sample that reads it reports nothing else.
  bool alternates() const { return alternates_; }

  size_t planned() const { return planned_; }      // to keep; 0 until the first warm-up has ended
  double sample_ms() const { return sample_ms_; }  // what the last warm-up sample took
  size_t kept() const { return kept_; }
  size_t warmup() const { return warmup_; }
  size_t attempts() const { return attempts_; }  // misplaced ones included
  size_t misplaced() const { return misplaced_; }

 private:
  bool has_enough(double kept_ms) const;

  double budget_ms_;
  size_t samples_;  // exactly so many; 0: by the budget
  bool fill_budget_;
  size_t min_samples_;
  bool alternates_ = false;
  bool again_ = false;
  double sample_ms_ = 0;
  size_t planned_ = 0;
  size_t kept_ = 0;
  size_t warmup_ = 0;
  size_t attempts_ = 0;
  size_t misplaced_ = 0;
};

}  // namespace forkcost
