#include "harness/counters.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cmath>
#include <cstdlib>
#include <memory>
#include <nlohmann/json.hpp>

#include "harness/clock.h"
#include "harness/error.h"
#include "harness/procfs.h"
#include "harness/tests/fake_perf_kernel.h"

namespace forkcost {
namespace {

using Who = Counters::Who;

const Event kFaults = software_event("minor-faults", PERF_COUNT_SW_PAGE_FAULTS_MIN);
const Event kSwitches = software_event("context-switches", PERF_COUNT_SW_CONTEXT_SWITCHES);

Event hardware_event(const char* name, uint64_t config = PERF_COUNT_HW_INSTRUCTIONS) {
  Event event{.name = name};
  event.attr.type = PERF_TYPE_HARDWARE;
  event.attr.config = config;
  return event;
}

// Fresh memory, touched by the kernel: while it copies from /dev/zero to there. A bare system call,
// for the sanitizer's own would touch its shadow.
void fault_in_kernel(size_t pages) {
  const size_t bytes = pages * page_size();
  void* const memory =
      mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  madvise(memory, bytes, MADV_NOHUGEPAGE);
  const int zero = open("/dev/zero", O_RDONLY | O_CLOEXEC);
  syscall(SYS_read, zero, memory, bytes);
  close(zero);
  munmap(memory, bytes);
}

// A child that takes `pages` faults beyond those of any child. All of them run the same code: how
// many faults that takes in a child depends on the file system and on what was cached.
void fault_in_child(size_t pages) {
  const pid_t pid = fork();
  if (pid == 0) {
    fault_in_kernel(pages + 1);
    _exit(0);
  }
  ASSERT_GT(pid, 0);
  waitpid(pid, nullptr, 0);
}

class OnThisKernel : public testing::Test {
 protected:
  void SetUp() override {
    if (const auto reason = why_not(real_perf_kernel(), kFaults)) GTEST_SKIP() << *reason;
  }

  template <typename F>
  static Counters::Counted count(const Event& event, Who who, size_t samples, F operation) {
    Counters counters(real_perf_kernel(), {event}, who);
    for (size_t i = 0; i < samples; ++i) {
      counters.begin();
      operation();
      counters.end();
      counters.sample_ended(true);
    }
    return counters.counted(0).value();
  }
};

// Trap: exclude_kernel, which Google Benchmark sets, loses them.
TEST_F(OnThisKernel, FaultsInsideAKernelCopyAreCounted) {
  fault_in_kernel(1);  // its own code is there
  const auto none = count(kFaults, Who::kParent, 1, [] { fault_in_kernel(1); });
  const auto many = count(kFaults, Who::kParent, 1, [] { fault_in_kernel(101); });
  EXPECT_EQ(many.parent[0] - none.parent[0], 100);
}

TEST_F(OnThisKernel, ContextSwitchesAreCounted) {
  const auto counted = count(kSwitches, Who::kFamily, 1, [] { fault_in_child(0); });
  EXPECT_GE(counted.family[0], 1);  // waiting for the child
}

// Trap: PERF_EVENT_IOC_RESET leaves what dead children counted, so that the second sample would
// have the first one's children again.
TEST_F(OnThisKernel, ASampleHasNothingOfTheChildrenBefore) {
  const auto few = count(kFaults, Who::kFamily, 3, [] { fault_in_child(0); });
  const auto many = count(kFaults, Who::kFamily, 3, [] { fault_in_child(200); });
  for (size_t i = 0; i < 3; ++i) {
    EXPECT_NEAR(many.family[i] - few.family[i], 200, 20) << i;
  }
}

// Trap: counts at wait. All of the child's must be there when the operation ends.
TEST_F(OnThisKernel, AChildsCountsAreCompleteAndNotTheParents) {
  const auto few = count(kFaults, Who::kFamily, 1, [] { fault_in_child(0); });
  const auto many = count(kFaults, Who::kFamily, 1, [] { fault_in_child(100); });
  const auto child = [](const Counters::Counted& c) { return c.family[0] - c.parent[0]; };
  EXPECT_NEAR(child(many) - child(few), 100, 10);
  EXPECT_NEAR(many.parent[0], few.parent[0], 10);
}

TEST_F(OnThisKernel, NothingIsCountedOutsideAnOperation) {
  Counters counters(real_perf_kernel(), {kFaults}, Who::kFamily);
  fault_in_kernel(100);
  counters.begin();
  counters.end();
  fault_in_child(100);
  counters.sample_ended(true);
  EXPECT_EQ(counters.counted(0)->parent[0], 0);
  EXPECT_EQ(counters.counted(0)->family[0], 0);
}

TEST_F(OnThisKernel, SaysWhetherAChildsEndIsCounted) {
  const auto said = child_end_is_counted(real_perf_kernel());
  ASSERT_TRUE(said);
  // By another way: CPU time of a child whose end is longer than all the rest but its touches.
  constexpr size_t kPages = 32768;
  auto* const before_end = static_cast<int64_t*>(
      mmap(nullptr, page_size(), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
  const Event clock = software_event("task-clock", PERF_COUNT_SW_TASK_CLOCK);
  const int file = memfd_create("pages", MFD_CLOEXEC);
  ASSERT_EQ(ftruncate(file, static_cast<off_t>(kPages * page_size())), 0);
  // The pages are there, so that the child's own part is to map them.
  void* const there = mmap(nullptr, kPages * page_size(), PROT_READ | PROT_WRITE,
                           MAP_SHARED | MAP_POPULATE, file, 0);
  ASSERT_NE(there, MAP_FAILED);
  munmap(there, kPages * page_size());
  const auto counted = count(clock, Who::kFamily, 1, [&] {
    const pid_t pid = fork();
    if (pid == 0) {
      const void* const pages = mmap(nullptr, kPages * page_size(), PROT_READ | PROT_WRITE,
                                     MAP_SHARED | MAP_POPULATE, file, 0);
      if (pages == MAP_FAILED) _exit(1);
      *before_end = thread_cpu_ns();
      _exit(0);
    }
    waitpid(pid, nullptr, 0);
  });
  close(file);
  const double child = counted.family[0] - counted.parent[0];
  const bool with_end = child > 1.25 * static_cast<double>(*before_end);
  munmap(before_end, page_size());
  EXPECT_EQ(*said, with_end) << "the child's CPU time before its end and by the counter: " << child;
}

#if defined(__x86_64__) || defined(__aarch64__)
// kLoopLength instructions, so many times.
constexpr uint64_t kLoopLength = 8;
[[gnu::noinline]] void run_loop(uint64_t times) {
#if defined(__x86_64__)
  asm volatile("1: nop; nop; nop; nop; nop; nop; dec %0; jnz 1b" : "+r"(times) : : "cc");
#else
  asm volatile("1: nop; nop; nop; nop; nop; nop; subs %0, %0, #1; b.ne 1b" : "+r"(times) : : "cc");
#endif
}

// Only where there is a PMU: on a machine of metal, and in the VM of ci/tests.
TEST_F(OnThisKernel, InstructionsOfALoopAreItsLengthTimesItsIterations) {
  Event instructions = hardware_event("instructions:u");
  instructions.attr.exclude_kernel = 1;
  instructions.attr.exclude_hv = 1;
  if (const auto reason = why_not(real_perf_kernel(), instructions)) GTEST_SKIP() << *reason;
  constexpr uint64_t kTimes = 1'000'000;
  const auto counted = count(instructions, Who::kFamily, 3, [] {
    const pid_t pid = fork();
    if (pid == 0) {
      run_loop(2 * kTimes);
      _exit(0);
    }
    run_loop(kTimes);
    waitpid(pid, nullptr, 0);
  });
  constexpr double kExpected = kTimes * kLoopLength;
  for (size_t i = 0; i < 3; ++i) {
    const double parent = counted.parent[i], family = counted.family[i];
    EXPECT_NEAR(parent, kExpected, 0.001 * kExpected) << i;
    EXPECT_NEAR(family - parent, 2 * kExpected, 0.002 * kExpected) << i;
    EXPECT_NEAR(family, 3 * kExpected, 0.003 * kExpected) << i;
  }
}
#endif

TEST(Counters, AreTheDifferencesOfWhatAnOperationAdds) {
  FakePerfKernel kernel;
  kernel.on_operation = [](const auto& attr) {
    return PerfReading{attr.inherit ? 70U : 30U, 1000, 1000};
  };
  Counters counters(kernel, {kFaults}, Who::kFamily);
  kernel.on_operation = [](const auto& attr) {
    return PerfReading{attr.inherit ? 170U : 50U, 1000, 1000};
  };
  counters.begin();
  counters.end();
  counters.begin();  // a second operation of the same sample
  counters.end();
  counters.sample_ended(true);
  // What an empty operation counts is taken off.
  EXPECT_EQ(counters.counted(0)->parent, std::vector<double>{50 + 50 - 30});
  EXPECT_EQ(counters.counted(0)->family, std::vector<double>{170 + 170 - 70});
  EXPECT_EQ(counters.samples(), 1U);
}

TEST(Counters, LeaveOutWarmUpAndSamplesWithoutAnOperation) {
  FakePerfKernel kernel;
  Counters counters(kernel, {kFaults}, Who::kParent);
  counters.begin();
  counters.end();
  counters.sample_ended(false);
  counters.sample_ended(true);
  EXPECT_EQ(counters.samples(), 0U);
  EXPECT_TRUE(counters.counted(0)->parent.empty());
}

TEST(Counters, EstimateWhatTheyDidNotSee) {
  FakePerfKernel kernel;
  kernel.on_operation = [](const auto&) { return PerfReading{0, 1000, 250}; };
  Counters counters(kernel, {kFaults}, Who::kParent);
  kernel.on_operation = [](const auto&) { return PerfReading{10, 1000, 250}; };
  counters.begin();
  counters.end();
  counters.sample_ended(true);
  EXPECT_EQ(counters.counted(0)->parent[0], 40);
  EXPECT_EQ(counters.counted(0)->running_share, 0.25);
}

nlohmann::json describe(FakePerfKernel& kernel, const std::vector<Event>& events) {
  Counters alone(kernel, events, Who::kParent);
  alone.begin();
  alone.end();
  alone.sample_ended(true);
  alone.close();
  Counters family(kernel, events, Who::kFamily);
  family.begin();
  family.end();
  family.sample_ended(true);
  return describe_counters(events, alone, family);
}

// Trap: time_running 0 is not a count of 0.
TEST(DescribeCounters, AnEventThatNeverRanHasAReasonAndNoFigure) {
  FakePerfKernel kernel;
  kernel.on_operation = [](const auto&) { return PerfReading{0, 1000, 0}; };
  const nlohmann::json out = describe(kernel, {hardware_event("instructions")});
  EXPECT_TRUE(out["instructions"]["reason"].get<std::string>().starts_with(
      "not counted (multiplexed out)"));
  EXPECT_EQ(out["instructions"].size(), 1U);
}

TEST(DescribeCounters, OneThatOpensForTheParentOnlyHasTheReason) {
  FakePerfKernel kernel;
  kernel.on_open = [](const auto& attr) { return attr.inherit ? -EINVAL : 0; };
  const nlohmann::json out = describe(kernel, {hardware_event("odd")});
  EXPECT_EQ(out["odd"].size(), 1U);
  EXPECT_TRUE(out["odd"].contains("reason"));
}

TEST(DescribeCounters, OneOperationOfSeveralIsTold) {
  FakePerfKernel kernel;
  bool empty = true;
  kernel.on_operation = [&](const perf_event_attr& attr) {
    return PerfReading{empty ? 0 : attr.inherit ? 3000U : 1000U, 1000, 1000};
  };
  const std::vector<Event> events = {kSwitches};
  Counters alone(kernel, events, Who::kParent), family(kernel, events, Who::kFamily);
  empty = false;
  for (Counters* counters : {&alone, &family}) {
    counters->begin();
    counters->end();
    counters->sample_ended(true);
  }
  const nlohmann::json out =
      describe_counters(events, alone, family, nullptr, 1000)["context-switches"];
  EXPECT_EQ(out["parent"]["p50"], 1);
  EXPECT_EQ(out["child"]["p50"], 2);
  EXPECT_EQ(out["family"]["p50"], 3);
}

// The inherited event makes the parent's fork dearer: that belongs to none of the three.
TEST(DescribeCounters, WhatInheritingCostsIsNotTheParents) {
  FakePerfKernel kernel;
  bool empty = true;
  kernel.on_operation = [&](const perf_event_attr& attr) {
    bool inherited = false;
    for (const auto& [fd, event] : kernel.opened) inherited |= event.attr.inherit;
    const uint64_t parent = inherited ? 1300 : 1000;
    return PerfReading{empty ? 0 : attr.inherit ? parent + 500 : parent, 1000, 1000};
  };
  const std::vector<Event> events = {hardware_event("instructions:k")};
  const auto one = [&](Counters& counters) {
    empty = false;
    counters.begin();
    counters.end();
    counters.sample_ended(true);
    empty = true;
  };
  Counters alone(kernel, events, Who::kParent);
  one(alone);
  alone.close();
  Counters family(kernel, events, Who::kFamily);
  one(family);
  const nlohmann::json out = describe_counters(events, alone, family)["instructions:k"];
  EXPECT_EQ(out["parent"]["p50"], 1000);
  EXPECT_EQ(out["child"]["p50"], 500);
  EXPECT_EQ(out["family"]["p50"], 1500);
  EXPECT_EQ(out["inheriting"], 300);
}

TEST(DescribeCounters, APartOfACountIsNotRoundedToNone) {
  FakePerfKernel kernel;
  bool empty = true;
  kernel.on_operation = [&](const perf_event_attr&) {
    return PerfReading{empty ? 0U : 56U, 1000, 1000};
  };
  const std::vector<Event> events = {kFaults};
  Counters alone(kernel, events, Who::kParent), family(kernel, events, Who::kFamily);
  empty = false;
  for (Counters* counters : {&alone, &family}) {
    counters->begin();
    counters->end();
    counters->sample_ended(true);
  }
  const nlohmann::json out = describe_counters(events, alone, family, nullptr, 1024);
  EXPECT_NEAR(out["minor-faults"]["parent"]["p50"].get<double>(), 56.0 / 1024, 1e-5);
}

TEST(Counters, CloseWhatTheyOpened) {
  FakePerfKernel kernel;
  {
    const Counters counters(kernel, {kFaults, kSwitches}, Who::kFamily);
    EXPECT_EQ(kernel.opened.size(), 4U);
  }
  EXPECT_TRUE(kernel.opened.empty());
}

TEST(DescribeCounters, TheCpuHasWhatNobodyElseCounts) {
  FakePerfKernel kernel;
  bool empty = true;
  kernel.on_operation = [&](const perf_event_attr& attr) {
    const bool all = kernel.opened.size() == 1 && kernel.opened.begin()->second.pid == -1;
    return PerfReading{empty ? 0U : all ? 900U : attr.inherit ? 500U : 300U, 1000, 1000};
  };
  const std::vector<Event> events = {kFaults};
  const auto run = [&](Who who, int cpu) {
    empty = true;
    auto counters = std::make_unique<Counters>(kernel, events, who, cpu);
    empty = false;
    counters->begin();
    counters->end();
    counters->sample_ended(true);
    counters->close();
    return counters;
  };
  const auto alone = run(Who::kParent, 1), family = run(Who::kFamily, 1), cpu = run(Who::kCpu, 1);
  const nlohmann::json out = describe_counters(events, *alone, *family, cpu.get())["minor-faults"];
  EXPECT_EQ(out["parent"]["p50"], 300);
  EXPECT_EQ(out["family"]["p50"], 500);
  EXPECT_EQ(out["cpu"]["p50"], 900);
}

// A CPU with so many counters: what does not fit on them takes turns.
class CpuWith : public FakePerfKernel {
 public:
  explicit CpuWith(size_t counters) {
    on_operation = [this, counters](const perf_event_attr& attr) {
      size_t hardware = 0;
      for (const auto& [fd, event] : opened) hardware += event.attr.type != PERF_TYPE_SOFTWARE;
      const bool shares = attr.type != PERF_TYPE_SOFTWARE && hardware > counters;
      return PerfReading{1, 1000, shares ? 500U : 1000U};
    };
  }
};

TEST(ChooseFitting, TakesAsManyAsCountWithoutTakingTurns) {
  std::vector<Event> candidates = {kFaults};
  for (const char* name : {"a", "b", "c", "d"}) candidates.push_back(hardware_event(name));
  CpuWith five(5);
  EXPECT_EQ(choose_fitting(five, candidates).size(), 1U + 2);  // each twice: parent and family
  CpuWith many(100);
  EXPECT_EQ(choose_fitting(many, candidates).size(), candidates.size());
}

TEST(ChooseFitting, KeepsWhatDoesNotOpenForItsReason) {
  FakePerfKernel kernel;
  kernel.on_open = [](const auto& attr) { return attr.type == PERF_TYPE_HARDWARE ? -ENOENT : 0; };
  EXPECT_EQ(choose_fitting(kernel, {kFaults, hardware_event("cycles")}).size(), 2U);
}

}  // namespace
}  // namespace forkcost
