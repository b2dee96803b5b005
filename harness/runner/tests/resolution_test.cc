#include "harness/runner/resolution.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>

#include "harness/runner/student.h"

namespace forkcost::runner {
namespace {

TEST(Student, IsThatOfTheTables) {
  EXPECT_NEAR(student_quantile(0.975, 10), 2.2281, 1e-4);
  EXPECT_NEAR(student_quantile(0.995, 5), 4.0321, 1e-4);
}

TEST(SmallestChange, IsFoundInFourOfFiveExperiments) {
  constexpr int kRounds = 15, kExperiments = 20'000;
  constexpr double kLevel = 0.01;
  const double change = smallest_change(1 / std::sqrt(kRounds), kRounds - 1, kLevel);
  const double critical = student_quantile(1 - kLevel / 2, kRounds - 1);
  std::mt19937 generator(1);
  std::normal_distribution<double> normal(change, 1);
  int found = 0;
  for (int i = 0; i < kExperiments; ++i) {
    double sum = 0, squares = 0;
    for (int round = 0; round < kRounds; ++round) {
      const double value = normal(generator);
      sum += value;
      squares += value * value;
    }
    const double mean = sum / kRounds;
    const double variance = (squares - kRounds * mean * mean) / (kRounds - 1);
    found += std::abs(mean) / std::sqrt(variance / kRounds) > critical ? 1 : 0;
  }
  EXPECT_NEAR(found / double(kExperiments), 0.8, 0.02);
}

TEST(Resolution, SaysBeforeAndAfterTheSameOfTheSameNoise) {
  const CaseNoise noise{"a/n:0", {{"blocked_ns", 9e-4, 14e-4}}, 0.1, 0.01, false, 14};
  const std::string before = foresee({noise}, {20}, 1);
  Series series{"a/n:0", "blocked_ns", {}, 0};
  for (int i = 0; i < 20; ++i) {  // of the variance 1e-3
    series.values.push_back((i % 2 == 0 ? 1 : -1) * std::sqrt(1e-3 * 19 / 20));
  }
  const std::string after = look_back({series}, 1);
  // (2.712 + 0.851) √(2 × 1e-3 / 20) of the logarithm
  const std::string change = "3.6%";
  EXPECT_EQ(before.find("will see a change of " + change + " (median of 1 quantities; the worst " +
                        change + ": blocked_ns of a/n:0)"),
            0U)
      << before;
  EXPECT_EQ(after.find("could have seen a change of " + change), 0U) << after;
  EXPECT_NE(after.find("against another run like this"), std::string::npos) << after;
  EXPECT_NE(look_back({series}, 2).find("between the two sides"), std::string::npos);
  EXPECT_EQ(look_back({}, 1), "");
}

}  // namespace
}  // namespace forkcost::runner
