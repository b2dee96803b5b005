// perf_event_open: what it counts, and why it does not.
//
// libpfm4 knows CPU models by CPUID, and a virtual machine has its host's CPUID without its PMU:
// only a successful open tells that an event is there.
#pragma once

#include <linux/perf_event.h>
#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace forkcost {

// A name that somebody wrote, as the kernel wants it. `attr` says what is counted and in which
// modes; who opens it adds the rest (inherit, read_format, …).
struct Event {
  std::string name;  // as written: "instructions:k"
  perf_event_attr attr{};

  bool is_software() const { return attr.type == PERF_TYPE_SOFTWARE; }
  std::string unit() const;  // of what it counts: "1", or "ns" for the two clocks
};

// An event that is not from libpfm4.
Event software_event(std::string_view name, perf_sw_ids id);

// What one event has counted. Times are in nanoseconds: since it was enabled, and of these on a
// counter. An event that shares its counter with others runs only a part of the time; one that
// never ran has counted nothing, which is not a count of 0.
struct PerfReading {
  uint64_t value = 0;
  uint64_t enabled_ns = 0;
  uint64_t running_ns = 0;
};

// What decides who may open what.
struct PerfPolicy {
  std::optional<int> paranoid;  // /proc/sys/kernel/perf_event_paranoid
  bool seccomp_filter = false;
  bool virtual_machine = false;
};

// The system calls, so that tests can play a kernel that refuses, multiplexes or has a PMU.
class PerfKernel {
 public:
  virtual ~PerfKernel() = default;
  // A descriptor (close-on-exec), or -errno. `pid` 0: the calling process; -1: everybody on `cpu`.
  virtual int open(perf_event_attr attr, pid_t pid, int cpu) = 0;
  virtual void close(int fd) = 0;
  virtual PerfReading read(int fd) = 0;  // of an event with kReadFormat; throws Failure
  // Of all events that this process opened, and of those that its children inherited.
  virtual void enable_all() = 0;   // throws Failure
  virtual void disable_all() = 0;  // throws Failure
  virtual PerfPolicy policy() const = 0;
};

constexpr uint64_t kReadFormat = PERF_FORMAT_TOTAL_TIME_ENABLED | PERF_FORMAT_TOTAL_TIME_RUNNING;

PerfKernel& real_perf_kernel();

// Why the kernel refused `event` with `error` (an errno): one line for a result file, with the
// remedy where there is one.
std::string why_refused(PerfKernel& kernel, const Event& event, int error);

// Tries an event on this process with its children, and closes it again: none when it opens, else
// why not.
std::optional<std::string> why_not(PerfKernel& kernel, const Event& event);

}  // namespace forkcost
