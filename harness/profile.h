// Where the time of an operation goes: samples of what the CPU runs, by kernel function and, for
// user code, by image.
//
// cpu-clock samples by a timer interrupt: what the kernel does with interrupts off lands on the
// instruction that switches them on again.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "harness/json_fwd.h"
#include "harness/perf_event.h"
#include "harness/probe.h"
#include "harness/procfs.h"
#include "harness/ring_buffer.h"

namespace forkcost {

// Counts the samples of one process and its descendants, inside windows of time.
class FamilySamples {
 public:
  // `mappings` are the parent's.
  FamilySamples(pid_t parent, const std::vector<Mapping>& mappings);

  using Window = std::pair<uint64_t, uint64_t>;  // CLOCK_MONOTONIC, ns; both ends belong to it
  // `records` of any CPUs, in any order, none older than those of an earlier call. Who is whose
  // child is learned from all of them, samples count inside `windows` only.
  void add(std::vector<PerfRecord> records, const std::vector<Window>& windows);

  const std::map<uint64_t, uint64_t>& kernel() const { return kernel_; }     // address → samples
  const std::map<std::string, uint64_t>& images() const { return images_; }  // user code
  uint64_t lost() const { return lost_; }
  uint64_t throttled() const { return throttled_; }

 private:
  struct Image {
    uint64_t end;
    std::string name;
  };
  using Images = std::map<uint64_t, Image>;  // by where they begin

  void add_sample(const PerfRecord& record);
  void add_mapping(const PerfRecord& record);

  // Of the family's processes. Shared until one of them maps or execs.
  std::map<pid_t, std::shared_ptr<const Images>> processes_;
  std::map<uint64_t, uint64_t> kernel_;
  std::map<std::string, uint64_t> images_;
  uint64_t lost_ = 0, throttled_ = 0;
};

// Samples all CPUs and keeps the family's samples where that is allowed; else an event that
// children inherit, which never sees a child's first period nor, since Linux 6.16, its end.
class Profile : public Probe {
 public:
  // Throws Skip with the reason where the kernel's part cannot be sampled.
  Profile(PerfKernel& kernel, const Event& event);
  ~Profile() override;
  Profile(const Profile&) = delete;
  Profile& operator=(const Profile&) = delete;

  void begin() override;
  void end() override;
  void sample_ended(bool kept) override;

  size_t operations() const { return operations_; }
  // Operations during which, or before which, a buffer was full: where their samples end is chance,
  // so they are not among the others.
  size_t left_out() const { return left_out_; }
  // The object `profile` of the result file, without its `quantity`. Throws Skip where the names of
  // kernel functions are hidden.
  Json describe() const;

 private:
  struct Ring;

  int open(perf_event_attr attr);  // opens one ring per CPU; 0, or -errno
  // Takes all records, and counts those in `windows` unless a buffer is full.
  void drain(const std::vector<FamilySamples::Window>& windows);

  PerfKernel& kernel_;
  Event event_;
  bool all_cpus_ = true;
  std::vector<std::unique_ptr<Ring>> rings_;
  FamilySamples samples_;
  std::vector<FamilySamples::Window> windows_;  // of the current sample
  bool was_full_ = false;                       // since the sample began
  size_t operations_ = 0, left_out_ = 0;
};

// Throws UsageError for an event that gives a frequency, or a period that the kernel would not
// keep.
void require_period(const Event& event);

// What is sampled when nothing is named: cycles where they open, else cpu-clock.
Event default_profile_event(PerfKernel& kernel);

}  // namespace forkcost
