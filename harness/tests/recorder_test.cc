#include "harness/recorder.h"

#include <gtest/gtest.h>

#include <array>
#include <cmath>

#include "harness/clock.h"
#include "harness/error.h"

namespace forkcost {
namespace {

uint64_t ticks_of(double ns) {
  return static_cast<uint64_t>(std::llround(ns * clock_info().hz / 1e9));
}

// One sample whose events are stamped at these nanoseconds.
void add_sample(Recorder& recorder, size_t index,
                std::initializer_list<std::pair<forkcost_event, double>> events) {
  forkcost_timeline_page page{};
  for (const auto& [event, ns] : events) page.ticks[event] = ticks_of(ns);
  recorder.begin_sample();
  recorder.record_timeline(page);
  recorder.keep_sample(index);
}

const std::vector<double>& samples_of(const Recorder& recorder, const char* quantity) {
  return recorder.series().at(quantity).samples;
}

TEST(Recorder, TurnsEventsIntoTheTimesBetweenThem) {
  Recorder recorder;
  add_sample(recorder, 0,
             {{FORKCOST_CALL, 1e6},
              {FORKCOST_RESUMED, 1.5e6},
              {FORKCOST_CHILD, 2e6},
              {FORKCOST_EXIT, 3e6},
              {FORKCOST_REAPED, 4e6}});
  const std::map<std::string, double> expected = {
      {"blocked_ns", 0.5e6}, {"child_start_ns", 1e6}, {"teardown_ns", 1e6}, {"total_ns", 3e6}};
  for (const auto& [quantity, ns] : expected) {
    EXPECT_NEAR(samples_of(recorder, quantity.c_str()).at(0), ns, 2) << quantity;
  }
  EXPECT_EQ(recorder.series().size(), expected.size());  // nobody stamped it: absent, not 0
}

TEST(Recorder, WhatASampleLacksIsAbsentInIt) {
  Recorder recorder;
  add_sample(recorder, 0, {{FORKCOST_CALL, 1e6}, {FORKCOST_RESUMED, 2e6}});
  add_sample(recorder, 1, {{FORKCOST_CALL, 1e6}, {FORKCOST_CHILD, 2e6}});
  const auto& blocked = samples_of(recorder, "blocked_ns");
  const auto& started = samples_of(recorder, "child_start_ns");
  ASSERT_EQ(blocked.size(), 2u);
  ASSERT_EQ(started.size(), 2u);
  EXPECT_FALSE(std::isnan(blocked[0]));
  EXPECT_TRUE(std::isnan(blocked[1]));
  EXPECT_TRUE(std::isnan(started[0]));
  EXPECT_FALSE(std::isnan(started[1]));
}

TEST(Recorder, ASampleThatIsNotKeptLeavesNothing) {
  Recorder recorder;
  recorder.begin_sample();
  recorder.record("debt_ns", 7);
  recorder.begin_sample();
  recorder.record("debt_ns", 8);
  recorder.keep_sample(0);
  EXPECT_EQ(samples_of(recorder, "debt_ns"), std::vector<double>{8});
}

TEST(Recorder, CpuTimeIsWithoutTheReadingOfItsClock) {
  Recorder recorder;
  const double cost = clock_info().cpu_clock_cost_ns;
  rusage usage{};
  usage.ru_utime = {.tv_sec = 1, .tv_usec = 2};
  usage.ru_stime = {.tv_sec = 0, .tv_usec = 3};
  usage.ru_minflt = 4;
  usage.ru_majflt = 5;
  recorder.begin_sample();
  recorder.record_cpu_time(1'000'000, usage);
  recorder.keep_sample(0);
  EXPECT_EQ(samples_of(recorder, "blocked_cpu_ns").at(0), 1e6 - cost);
  EXPECT_EQ(samples_of(recorder, "child_cpu_ns").at(0), 1'000'005'000);
  EXPECT_EQ(samples_of(recorder, "child_minor_faults").at(0), 4);
  EXPECT_EQ(samples_of(recorder, "child_major_faults").at(0), 5);
  recorder.begin_sample();
  recorder.record_cpu_time(0, {});
  recorder.keep_sample(1);
  EXPECT_EQ(samples_of(recorder, "blocked_cpu_ns").at(1), 0);  // never less
  EXPECT_TRUE(std::isnan(samples_of(recorder, "child_cpu_ns").at(1)));
}

TEST(Recorder, WhatIsInNoTableIsRefused) {
  Recorder recorder;
  EXPECT_THROW(recorder.record("unknown_ns", 1), Failure);
  EXPECT_THROW(recorder.record_many("unknown_ns", std::array<uint32_t, 1>{1}), Failure);
}

}  // namespace
}  // namespace forkcost
