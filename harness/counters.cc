#include "harness/counters.h"

#include <linux/futex.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <limits>

#include "harness/child.h"
#include "harness/clock.h"
#include "harness/error.h"
#include "harness/events.h"
#include "harness/json.h"
#include "harness/samples.h"
#include "harness/spawn.h"

namespace forkcost {
namespace {

constexpr size_t kEmptySamples = 31;
constexpr double kFitTrialNs = 3e6;  // several of the kernel's turns, of 1 ms or less
constexpr double kFitShare = 0.99;   // of the time; less means that they took turns
constexpr auto kNotCounted = std::numeric_limits<double>::quiet_NaN();

PerfReading difference(const PerfReading& after, const PerfReading& before) {
  return {.value = after.value - before.value,
          .enabled_ns = after.enabled_ns - before.enabled_ns,
          .running_ns = after.running_ns - before.running_ns};
}

void add(PerfReading& sum, const PerfReading& more) {
  sum.value += more.value;
  sum.enabled_ns += more.enabled_ns;
  sum.running_ns += more.running_ns;
}

// For the time during which it was not on a counter, the same rate is assumed.
double scaled(const PerfReading& sum) {
  if (sum.running_ns == 0) return kNotCounted;
  const double value = static_cast<double>(sum.value);
  if (sum.running_ns >= sum.enabled_ns) return value;
  return value * static_cast<double>(sum.enabled_ns) / static_cast<double>(sum.running_ns);
}

// Of those that are there; NaN of none.
double median(std::vector<double> values) {
  std::erase_if(values, [](double value) { return std::isnan(value); });
  if (values.empty()) return kNotCounted;
  std::ranges::sort(values);
  return quantile(values, 0.5);
}

// Half of the samples are within so much.
double spread(std::vector<double> values) {
  std::erase_if(values, [](double value) { return std::isnan(value); });
  if (values.empty()) return 0;
  std::ranges::sort(values);
  return quantile(values, 0.75) - quantile(values, 0.25);
}

// What the inherited event adds to the parent's own counts; 0 where that is less than these spread.
double inheriting(const std::vector<double>& without, const std::vector<double>& with) {
  const double difference = median(with) - median(without);
  return std::abs(difference) > spread(without) + spread(with) ? difference : 0;
}

}  // namespace

Counters::Counters(PerfKernel& kernel, const std::vector<Event>& events, Who who, int cpu)
    : kernel_(kernel), slots_(events.size()) {
  for (size_t i = 0; i < events.size(); ++i) open(slots_[i], events[i], who, cpu);
  measure_empty();
}

Counters::~Counters() {
  close();
}

void Counters::close() {
  for_each([&](Counter& counter) {
    kernel_.close(counter.fd);
    counter.fd = -1;
  });
}

template <typename F>
void Counters::for_each(F f) {
  for (Slot& slot : slots_) {
    for (Counter* counter : {&slot.parent, &slot.family}) {
      if (counter->fd >= 0) f(*counter);
    }
  }
}

int Counters::open_one(const Event& event, bool inherit, int cpu) {
  perf_event_attr attr = event.attr;
  attr.disabled = 1;
  attr.inherit = inherit ? 1 : 0;
  attr.read_format = kReadFormat;
  attr.sample_period = 0;
  attr.freq = 0;
  return kernel_.open(attr, cpu < 0 ? 0 : -1, cpu);
}

void Counters::open(Slot& slot, const Event& event, Who who, int cpu) {
  const auto refused = [&](int error) {
    slot.reason = why_refused(kernel_, event, error);
    if (slot.parent.fd >= 0) kernel_.close(slot.parent.fd);
    slot.parent.fd = -1;
  };
  slot.parent.fd = open_one(event, false, who == Who::kCpu ? cpu : -1);
  if (slot.parent.fd < 0) return refused(-slot.parent.fd);
  if (who != Who::kFamily) return;
  slot.family.fd = open_one(event, true, -1);
  if (slot.family.fd < 0) refused(-slot.family.fd);
}

void Counters::measure_empty() {
  for (size_t i = 0; i < kEmptySamples; ++i) {
    begin();
    end();
    sample_ended(true);
  }
  for_each([](Counter& counter) {
    const double empty = median(counter.samples);
    const int fd = counter.fd;
    counter = {};
    counter.fd = fd;
    counter.empty = std::isnan(empty) ? 0 : empty;
  });
  samples_ = 0;
}

void Counters::begin() {
  operated_ = true;
  for_each([&](Counter& counter) { counter.before = kernel_.read(counter.fd); });
  kernel_.enable_all();
}

void Counters::end() {
  kernel_.disable_all();
  for_each([&](Counter& counter) {
    add(counter.sum, difference(kernel_.read(counter.fd), counter.before));
  });
}

void Counters::sample_ended(bool kept) {
  const bool counts = kept && operated_;
  for_each([&](Counter& counter) {
    if (counts) {
      counter.samples.push_back(scaled(counter.sum) - counter.empty);
      counter.enabled_ns += counter.sum.enabled_ns;
      counter.running_ns += counter.sum.running_ns;
    }
    counter.sum = {};
  });
  if (counts) ++samples_;
  operated_ = false;
}

std::optional<Counters::Counted> Counters::counted(size_t event) const {
  const Slot& slot = slots_.at(event);
  if (!slot.reason.empty()) return std::nullopt;
  const uint64_t enabled = slot.parent.enabled_ns + slot.family.enabled_ns;
  const uint64_t running = slot.parent.running_ns + slot.family.running_ns;
  const double share =
      enabled == 0 ? 0 : static_cast<double>(running) / static_cast<double>(enabled);
  return Counted{.parent = slot.parent.samples,
                 .family = slot.family.samples,
                 .running_share = std::min(share, 1.0)};
}

Json describe_counters(const std::vector<Event>& events, const Counters& alone,
                       const Counters& family, const Counters* cpu, size_t operations) {
  Json out = Json::object();
  for (size_t i = 0; i < events.size(); ++i) {
    const auto parent = alone.counted(i);
    auto both = family.counted(i);
    if (!parent || !both) {
      out[events[i].name] = {{"reason", parent ? family.reason(i) : alone.reason(i)}};
      continue;
    }
    const double alone_median = median(parent->parent);
    std::vector<double> child(both->family.size());
    for (size_t s = 0; s < child.size(); ++s) {
      child[s] = std::max(both->family[s] - both->parent[s], 0.0);
      both->family[s] = alone_median + child[s];
    }
    if (std::isnan(median(parent->parent)) || std::isnan(median(child))) {
      out[events[i].name] = {
          {"reason",
           "not counted (multiplexed out): the CPU has too few counters for all of these "
           "events at once; name fewer"}};
      continue;
    }
    const std::string unit = events[i].unit();
    const int64_t step = operations > 1 ? 0 : 1;  // else it is a part of a count
    const double each = 1 / static_cast<double>(operations);
    const auto describe = [&](std::vector<double> samples) {
      for (double& sample : samples) {
        sample = std::max(sample, 0.0) * each;  // NaN stays
      }
      return describe_samples(samples, unit, step);
    };
    Json& event = out[events[i].name];
    event = {{"unit", unit},
             {"running_share", std::min(parent->running_share, both->running_share)},
             {"parent", describe(parent->parent)},
             {"child", describe(child)},
             {"family", describe(both->family)},
             {"inheriting", std::round(inheriting(parent->parent, both->parent) * each)}};
    if (step != 0) event["step"] = step;
    const auto all = cpu == nullptr ? std::nullopt : cpu->counted(i);
    if (all && !std::isnan(median(all->parent))) event["cpu"] = describe(all->parent);
  }
  return out;
}

std::vector<Event> default_events(PerfKernel& kernel) {
  std::vector<Event> candidates = {
      software_event("minor-faults", PERF_COUNT_SW_PAGE_FAULTS_MIN),
      software_event("major-faults", PERF_COUNT_SW_PAGE_FAULTS_MAJ),
      software_event("context-switches", PERF_COUNT_SW_CONTEXT_SWITCHES),
      software_event("cpu-migrations", PERF_COUNT_SW_CPU_MIGRATIONS),
      software_event("task-clock", PERF_COUNT_SW_TASK_CLOCK)};
  for (Event& event :
       encode_known_events({"instructions:k", "cycles:k", "instructions:u", "cycles:u",
                            "dTLB-load-misses:k", "dTLB-load-misses:u", "cache-misses:k"})) {
    candidates.push_back(std::move(event));
  }
  return choose_fitting(kernel, candidates);
}

namespace {

// Whether all of these count all of the time.
bool fit(PerfKernel& kernel, const std::vector<Event>& events) {
  Counters counters(kernel, events, Counters::Who::kFamily);
  counters.begin();
  const uint64_t begin = clock_ticks();
  while (ticks_to_ns(static_cast<double>(clock_ticks() - begin)) < kFitTrialNs) {
  }
  counters.end();
  counters.sample_ended(true);
  for (size_t i = 0; i < events.size(); ++i) {
    const auto counted = counters.counted(i);
    if (counted && counted->running_share < kFitShare) return false;
  }
  return true;
}

}  // namespace

std::vector<Event> choose_fitting(PerfKernel& kernel, const std::vector<Event>& candidates) {
  std::vector<Event> chosen;
  for (const Event& candidate : candidates) {
    chosen.push_back(candidate);
    // Software events need no counter.
    if (candidate.is_software() || why_not(kernel, candidate)) continue;
    if (!fit(kernel, chosen)) chosen.pop_back();
  }
  return chosen;
}

std::optional<bool> child_end_is_counted(PerfKernel& kernel) {
  const Event faults = software_event("minor-faults", PERF_COUNT_SW_PAGE_FAULTS_MIN);
  if (why_not(kernel, faults)) return std::nullopt;
  // At its end the kernel reads the list of locks that a thread holds: here an empty one, in a page
  // that the child has not touched, so that this reading is a fault.
  SharedArray<robust_list_head> shared(1);
  robust_list_head& list = shared[0];
  list.list.next = &list.list;
  Counters counters(kernel, {faults}, Counters::Who::kFamily);
  counters.begin();
  const pid_t pid = fork();
  if (pid == 0) {
    syscall(SYS_set_robust_list, &list, sizeof list);
    _exit(0);
  }
  if (pid < 0) throw_creation_failed("fork", errno);
  rusage usage{};
  wait_for_end(pid, &usage);
  counters.end();
  counters.sample_ended(true);
  const auto counted = counters.counted(0);
  if (!counted || usage.ru_minflt == 0) return std::nullopt;
  const double child = counted->family.front() - counted->parent.front();
  return child >= static_cast<double>(usage.ru_minflt);
}

}  // namespace forkcost
