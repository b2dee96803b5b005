// A kernel whose counters do what a test says.
#pragma once

#include <functional>
#include <map>

#include "harness/perf_event.h"

namespace forkcost {

class FakePerfKernel : public PerfKernel {
 public:
  struct Open {
    perf_event_attr attr;
    pid_t pid;
    PerfReading reading;
  };

  // What to answer to an open: 0, or -errno.
  std::function<int(const perf_event_attr&)> on_open = [](const auto&) { return 0; };
  // What an event counts between enable_all() and disable_all().
  std::function<PerfReading(const perf_event_attr&)> on_operation = [](const auto&) {
    return PerfReading{.value = 0, .enabled_ns = 1000, .running_ns = 1000};
  };
  PerfPolicy the_policy{.paranoid = 1};
  std::map<int, Open> opened;

  int open(perf_event_attr attr, pid_t pid, int) override {
    if (const int error = on_open(attr); error != 0) return error;
    opened[next_] = {.attr = attr, .pid = pid, .reading = {}};
    return next_++;
  }
  void close(int fd) override { opened.erase(fd); }
  PerfReading read(int fd) override { return opened.at(fd).reading; }
  void enable_all() override {}
  void disable_all() override {
    for (auto& [fd, event] : opened) {
      const PerfReading more = on_operation(event.attr);
      event.reading.value += more.value;
      event.reading.enabled_ns += more.enabled_ns;
      event.reading.running_ns += more.running_ns;
    }
  }
  PerfPolicy policy() const override { return the_policy; }

 private:
  int next_ = 1000;
};

}  // namespace forkcost
