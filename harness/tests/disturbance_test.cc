#include "harness/disturbance.h"

#include <gtest/gtest.h>

namespace forkcost {
namespace {

using Reasons = std::vector<std::string>;

constexpr double kSecond = 1e9;

TEST(Disturbance, NothingUnusualIsNone) {
  EXPECT_EQ(find_disturbances({.elapsed_ns = kSecond}, 0, true), Reasons{});
}

TEST(Disturbance, StealTimeIsOneAboveTwoPercent) {
  EXPECT_EQ(find_disturbances({.elapsed_ns = kSecond, .steal_ns = 20'000'000}, 0, true), Reasons{});
  EXPECT_EQ(find_disturbances({.elapsed_ns = kSecond, .steal_ns = 20'000'001}, 0, true),
            Reasons{"steal time above 2%"});
}

TEST(Disturbance, SwitchesAreOneBeyondTheCasesOwnAndAHundredASecond) {
  const auto of = [](int64_t switches) {
    return find_disturbances({.elapsed_ns = kSecond, .involuntary_switches = switches}, 44, true);
  };
  EXPECT_EQ(of(144), Reasons{});
  EXPECT_EQ(of(145), Reasons{"involuntary switches"});
}

TEST(Disturbance, MigrationsAreOneOnlyWhereOneCpuIsMeant) {
  EXPECT_EQ(find_disturbances({.elapsed_ns = kSecond, .migrations = 1}, 0, true),
            Reasons{"migrations"});
  EXPECT_EQ(find_disturbances({.elapsed_ns = kSecond, .migrations = 1}, 0, false), Reasons{});
}

TEST(Disturbance, TheKernelsCountsOnlyGrow) {
  const KernelCounts before = read_kernel_counts();
  const KernelCounts after = read_kernel_counts();
  EXPECT_GE(after.steal_ns, before.steal_ns);
  EXPECT_GE(after.involuntary_switches, before.involuntary_switches);
  EXPECT_GT(after.ticks, before.ticks);
}

}  // namespace
}  // namespace forkcost
