#include "harness/recorder.h"

#include <algorithm>
#include <cmath>

#include "harness/clock.h"
#include "harness/timeline.h"

namespace forkcost {

void Recorder::record(const std::string& quantity, double value) {
  if (!series_.contains(quantity)) series_[quantity] = {&find_quantity(quantity), {}};
  current_[quantity] = value;
}

void Recorder::record_many(const std::string& quantity, std::span<const uint32_t> values_ns) {
  if (!histograms_.contains(quantity)) find_quantity(quantity);
  Histogram& histogram = histograms_[quantity];
  for (const uint32_t value : values_ns) histogram.add(value);
}

void Recorder::record_timeline(const forkcost_timeline_page& page) {
  for (const TimelineSpan& span : timeline_spans()) {
    if (const auto ticks = ticks_between(page, span.from, span.to)) {
      record(span.quantity, ticks_to_ns(static_cast<double>(*ticks)));
    }
  }
}

void Recorder::record_cpu_time(int64_t blocked_ns, const std::optional<rusage>& child) {
  const double cost = clock_info().cpu_clock_cost_ns;
  record("blocked_cpu_ns", std::max(static_cast<double>(blocked_ns) - cost, 0.0));
  if (child) record_child(*child);
}

void Recorder::record_child(const rusage& usage) {
  const auto us = (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1'000'000 +
                  usage.ru_utime.tv_usec + usage.ru_stime.tv_usec;
  record("child_cpu_ns", static_cast<double>(us) * 1000);
  record("child_minor_faults", static_cast<double>(usage.ru_minflt));
  record("child_major_faults", static_cast<double>(usage.ru_majflt));
}

void Recorder::keep_sample(size_t sample) {
  for (auto& [name, series] : series_) {
    series.samples.resize(sample, std::nan(""));  // absent in the samples before
    const auto found = current_.find(name);
    series.samples.push_back(found == current_.end() ? std::nan("") : found->second);
  }
}

}  // namespace forkcost
