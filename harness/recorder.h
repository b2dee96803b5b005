// From the values of each sample to the series of a case.
#pragma once

#include <sys/resource.h>

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "harness/quantities.h"
#include "harness/samples.h"
#include "harness/timeline_page.h"

namespace forkcost {

class Recorder {
 public:
  // Forgets what the sample before recorded.
  void begin_sample() { current_.clear(); }

  // A quantity of the current sample. Throws Failure for one that is not in the table of
  // quantities.
  void record(const std::string& quantity, double value);
  // The same for many values of one quantity, in nanoseconds: they are counted at once, whatever
  // becomes of the sample.
  void record_many(const std::string& quantity, std::span<const uint32_t> values_ns);
  // The times between the events that are stamped.
  void record_timeline(const forkcost_timeline_page& page);
  // CPU time of the caller from call to resumed as the CPU clock has it, and what wait4 says of the
  // child, where it did.
  void record_cpu_time(int64_t blocked_ns, const std::optional<rusage>& child);

  // The current sample is one of those that count; `sample` others did before.
  void keep_sample(size_t sample);

  struct Series {
    const Quantity* quantity;
    std::vector<double> samples;  // NaN: absent in this sample
  };
  const std::map<std::string, Series>& series() const { return series_; }
  const std::map<std::string, Histogram>& histograms() const { return histograms_; }

 private:
  void record_child(const rusage& usage);

  std::map<std::string, double> current_;  // of the current sample
  std::map<std::string, Series> series_;
  std::map<std::string, Histogram> histograms_;
};

}  // namespace forkcost
