// Counters around an operation: what it made the kernel and the CPU do.
//
// Traps, each with a test in tests/counters_test.cc:
// - PERF_EVENT_IOC_RESET leaves what dead children have counted: here only differences are read.
// - A software event without the kernel's part loses faults inside system calls (events.cc).
// - An event that never ran has counted nothing, which is absent and not 0.
// - What a child counts is complete once it has been waited for.
// - An event that children inherit makes every fork copy it. The parent's own counts therefore come
//   from samples without one, and what inheriting added is said beside them.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "harness/json_fwd.h"
#include "harness/perf_event.h"
#include "harness/probe.h"

namespace forkcost {

// Each event once for this process and, where the family is asked for, once for it and its children
// together, which are counted at the same time; or once for a CPU, whoever runs there.
class Counters : public Probe {
 public:
  enum class Who : uint8_t { kParent, kFamily, kCpu };

  // Opens what opens, and measures what an empty operation counts: that is taken off every sample.
  // `cpu` is that of kCpu.
  Counters(PerfKernel& kernel, const std::vector<Event>& events, Who who, int cpu = -1);
  ~Counters() override;
  Counters(const Counters&) = delete;
  Counters& operator=(const Counters&) = delete;

  void begin() override;
  void end() override;
  void sample_ended(bool kept) override;
  // Closes the events; what they counted stays.
  void close();

  // What one event counted, per sample; NaN where it did not run. `parent` is the CPU for kCpu;
  // `family` is empty but for kFamily.
  struct Counted {
    std::vector<double> parent;
    std::vector<double> family;
    double running_share = 1;  // of the time for which it was enabled; below 1: estimated
  };
  // Of the event with this index in `events`; none when it could not be opened.
  std::optional<Counted> counted(size_t event) const;
  // Why it could not be.
  const std::string& reason(size_t event) const { return slots_.at(event).reason; }
  size_t samples() const { return samples_; }

 private:
  struct Counter {
    int fd = -1;
    PerfReading before;
    PerfReading sum;  // of the current sample's operations
    double empty = 0;
    uint64_t enabled_ns = 0, running_ns = 0;  // of all kept samples
    std::vector<double> samples;
  };
  struct Slot {
    Counter parent, family;
    std::string reason;
  };

  void open(Slot& slot, const Event& event, Who who, int cpu);
  int open_one(const Event& event, bool inherit, int cpu);
  void measure_empty();
  template <typename F>
  void for_each(F f);

  PerfKernel& kernel_;
  std::vector<Slot> slots_;
  bool operated_ = false;  // in the current sample
  size_t samples_ = 0;
};

// The object `events` of the result file's `counters`, from passes over the same events: one
// without inherited events, one with, and one of the CPU, if that was made. A sample had so many
// `operations`, of which one is told.
Json describe_counters(const std::vector<Event>& events, const Counters& alone,
                       const Counters& family, const Counters* cpu = nullptr,
                       size_t operations = 1);

// What is counted when nothing is named: software events, and of the hardware's as many as count
// without taking turns, each for parent and family. Throws as encode_events() does.
std::vector<Event> default_events(PerfKernel& kernel);
// Of `candidates` the first ones that do not make each other take turns; those that do not open
// stay in, for their reasons.
std::vector<Event> choose_fitting(PerfKernel& kernel, const std::vector<Event>& candidates);

// Whether what a child does at its end, which is mostly freeing its page tables, is in its counts.
// Not so since Linux 6.16, and in stable kernels with that change: events are taken off the child
// before. Found out by a child that takes a fault there. None where it cannot be. Then only who
// counts its CPU sees it.
std::optional<bool> child_end_is_counted(PerfKernel& kernel);

}  // namespace forkcost
