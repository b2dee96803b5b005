#include "harness/timeline.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness/child.h"

namespace forkcost {
namespace {

// A fake clock: ticks as a case would have stamped them.
forkcost_timeline_page page_of(std::initializer_list<std::pair<forkcost_event, uint64_t>> stamps) {
  forkcost_timeline_page page{};
  for (const auto& [event, ticks] : stamps) page.ticks[event] = ticks;
  return page;
}

TEST(Timeline, SpansAreDifferencesOfStampedEvents) {
  const auto page = page_of({{FORKCOST_CALL, 100}, {FORKCOST_RESUMED, 350}, {FORKCOST_CHILD, 90}});
  EXPECT_EQ(ticks_between(page, FORKCOST_CALL, FORKCOST_RESUMED), 250);
  EXPECT_EQ(ticks_between(page, FORKCOST_CALL, FORKCOST_CHILD), -10);
  EXPECT_EQ(ticks_between(page, FORKCOST_CALL, FORKCOST_MAIN), std::nullopt);
}

TEST(Timeline, OrderOfParentAndChildIsFree) {
  // The child may have ended before fork returned, or not have started by then.
  EXPECT_EQ(find_disorder(page_of({{FORKCOST_CALL, 1},
                                   {FORKCOST_CHILD, 2},
                                   {FORKCOST_EXIT, 3},
                                   {FORKCOST_RESUMED, 9},
                                   {FORKCOST_REAPED, 10}})),
            "");
  EXPECT_EQ(find_disorder(page_of({{FORKCOST_CALL, 1},
                                   {FORKCOST_RESUMED, 2},
                                   {FORKCOST_CHILD, 5},
                                   {FORKCOST_EXIT, 6},
                                   {FORKCOST_REAPED, 7}})),
            "");
}

TEST(Timeline, DisorderIsNamed) {
  EXPECT_EQ(find_disorder(page_of({{FORKCOST_CALL, 10}, {FORKCOST_CHILD, 9}})),
            "'child' is stamped before 'call'");
  EXPECT_EQ(find_disorder(page_of({{FORKCOST_CALL, 10}, {FORKCOST_EXEC, 12}, {FORKCOST_MAIN, 11}})),
            "'main' is stamped before 'exec'");
  EXPECT_EQ(find_disorder(page_of({{FORKCOST_RESUMED, 10}, {FORKCOST_REAPED, 9}})),
            "'reaped' is stamped before 'resumed'");
}

TEST(Timeline, AChildsStampsReachTheParentInOrder) {
  Timeline timeline;
  timeline.stamp(FORKCOST_CALL);
  const pid_t pid = fork();
  if (pid == 0) end_child(timeline);
  timeline.stamp(FORKCOST_RESUMED);
  Child child(pid);
  child.reap(timeline);
  EXPECT_EQ(find_disorder(timeline.page()), "");
  EXPECT_GT(ticks_between(timeline.page(), FORKCOST_CHILD, FORKCOST_REAPED).value(), 0);
  EXPECT_GE(timeline.page().child_cpu, 0);
  timeline.reset();
  EXPECT_EQ(ticks_between(timeline.page(), FORKCOST_CALL, FORKCOST_RESUMED), std::nullopt);
}

TEST(Clock, TrustsTheTscOnlyWhenBothCpuAndKernelDo) {
  const char* flags = "flags : fpu tsc constant_tsc nonstop_tsc";
  EXPECT_TRUE(tsc_is_usable(flags, "tsc hpet acpi_pm"));
  EXPECT_FALSE(tsc_is_usable(flags, "hpet acpi_pm"));  // the kernel found it unstable
  EXPECT_FALSE(tsc_is_usable("flags : fpu tsc constant_tsc", "tsc"));
  EXPECT_FALSE(tsc_is_usable("flags : xconstant_tsc nonstop_tsc", "tsc"));
  EXPECT_FALSE(tsc_is_usable("", ""));
}

TEST(Clock, AgreesWithTheKernelsClock) {
  timespec begin{}, end{};
  clock_gettime(CLOCK_MONOTONIC_RAW, &begin);
  const uint64_t ticks = clock_ticks();
  usleep(50'000);
  const double ours = ticks_to_ns(static_cast<double>(clock_ticks() - ticks));
  clock_gettime(CLOCK_MONOTONIC_RAW, &end);
  const double theirs = static_cast<double>(end.tv_sec - begin.tv_sec) * 1e9 +
                        static_cast<double>(end.tv_nsec - begin.tv_nsec);
  EXPECT_LT(ours, theirs * 1.001);
  EXPECT_GT(ours, theirs * 0.5);  // a preemption between the readings may shorten it
}

}  // namespace
}  // namespace forkcost
