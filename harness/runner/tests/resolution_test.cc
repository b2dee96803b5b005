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

TEST(TrimmedMean, IsThatOfTheLiterature) {
  // Wilcox's example; the error as Yuen has it, and scipy.stats.ttest_ind(…, trim=0.2).
  const TrimmedMean mean = trimmed_mean({77, 87, 88, 114, 151, 210, 219, 246, 253, 262, 296, 299,
                                         306, 376, 428, 515, 666, 1310, 2611},
                                        0.2);
  EXPECT_NEAR(mean.centre, 282.6923, 1e-4);
  EXPECT_NEAR(mean.error, 49.8669, 1e-4);
  EXPECT_EQ(mean.degrees, 12);
}

TEST(TrimmedMean, IsNotMovedByOneBadRound) {
  std::vector<double> values = {0.01, 0.02, 0.03, 0.04, 0.05, 0.06, 0.07, 0.08, 0.09, 0.10};
  const TrimmedMean clean = trimmed_mean(values, 0.1);
  values.back() = 5;
  const TrimmedMean spoilt = trimmed_mean(values, 0.1);
  EXPECT_DOUBLE_EQ(spoilt.centre, clean.centre);
  EXPECT_DOUBLE_EQ(spoilt.error, clean.error);
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

TEST(Resolution, IsToldBeforeAndAfter) {
  const CaseNoise noise{"a/n:0", {{"blocked_ns", 9e-4, 14e-4}}, 0.1, 0.01, false, 14};
  // Of the logarithm: (2.712 + 0.851) √(2 × 1e-3 / 20), Student's t of 38 degrees of freedom.
  const std::string before = foresee({noise}, {20}, 1);
  EXPECT_EQ(before.find("will see a change of 3.6% (median of 1 quantities; the worst 3.6%: "
                        "blocked_ns of a/n:0)"),
            0U)
      << before;
  Series series{"a/n:0", "blocked_ns", {}, {}};
  for (int i = 0; i < 20; ++i) series.values.push_back((i % 2 == 0 ? 0.01 : -0.01) * std::sqrt(6));
  // 16 are not trimmed away: (2.750 + 0.854) √(2 × 20 × 6e-4 / 16 / 15), of 30 degrees.
  const std::string after = look_back({series}, 1);
  EXPECT_EQ(after.find("could have seen a change of 3.7%"), 0U) << after;
  EXPECT_NE(after.find("against another run like this"), std::string::npos) << after;
  EXPECT_NE(look_back({series}, 2).find("between the two sides"), std::string::npos);
  EXPECT_EQ(look_back({}, 1), "");
}

TEST(Resolution, IsNotThatOfOneBadRound) {
  Series series{"a/n:0", "blocked_ns", {}, {}};
  for (int i = 0; i < 20; ++i) series.values.push_back(0.01 * i);
  const double clean = series.smallest_change(0.01, 2);
  series.values.back() = 4;
  EXPECT_DOUBLE_EQ(series.smallest_change(0.01, 2), clean);
}

}  // namespace
}  // namespace forkcost::runner
