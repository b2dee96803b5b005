#include "harness/runner/until.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>

#include "harness/runner/resolution.h"

namespace forkcost::runner {
namespace {

TEST(Looks, BeginAtTenPairsAndAreEight) {
  EXPECT_EQ(pairs_at(0), 10);
  for (int look = 1; look < kLooks; ++look) {
    EXPECT_NEAR(pairs_at(look), 1.6 * pairs_at(look - 1), 1) << look;
  }
}

// Noise as a machine makes it: a movement that is slow, and common to all; spikes; and that of each
// process, with heavy tails.
class Machine {
 public:
  explicit Machine(unsigned seed) : generator_(seed) {}

  // The differences of `pairs` neighbouring rounds of each of `tests` quantities, b less a.
  std::vector<Series> run(size_t tests, size_t pairs, double change) {
    std::vector<Series> all(tests);
    for (size_t i = 0; i < tests; ++i) all[i].name = "a/n:" + std::to_string(i);
    for (size_t pair = 0; pair < pairs; ++pair) {
      for (Series& one : all) {
        double side[2];
        for (double& value : side) value = step() + process();
        one.values.push_back(side[1] - side[0] + change);
      }
    }
    return all;
  }

 private:
  // AR(1): half of it is left after 70 processes.
  double step() {
    slow_ = 0.99 * slow_ + 0.003 * normal_(generator_);
    return slow_;
  }
  double process() {
    const double spike = uniform_(generator_) < 0.02 ? 0.5 * uniform_(generator_) : 0;
    return 0.015 * tails_(generator_) + spike;
  }

  std::mt19937 generator_;
  std::normal_distribution<double> normal_;
  std::student_t_distribution<double> tails_{3};
  std::uniform_real_distribution<double> uniform_;
  double slow_ = 0;
};

SequentialTest settle(const std::vector<Series>& all, double size) {
  SequentialTest test(size);
  while (!test.is_over()) {
    std::vector<Series> seen = all;
    for (Series& one : seen) {
      one.values.resize(static_cast<size_t>(pairs_at(test.looks())));
    }
    test.look(seen);
  }
  return test;
}

size_t count(const SequentialTest& test, const std::vector<Verdict>& verdicts) {
  return static_cast<size_t>(
      std::count_if(test.judgements().begin(), test.judgements().end(), [&](const Judgement& one) {
        return std::find(verdicts.begin(), verdicts.end(), one.verdict) != verdicts.end();
      }));
}

constexpr size_t kTests = 24;
const auto kMost = static_cast<size_t>(pairs_at(kLooks - 1));

TEST(SequentialTest, IsWrongInOnePercentOfRunsWithoutAChange) {
  constexpr int kRuns = 400;
  int wrong = 0;
  for (unsigned seed = 0; seed < kRuns; ++seed) {
    // A size that any interval without 0 exceeds, so that the level alone decides.
    const SequentialTest test = settle(Machine(seed).run(kTests, kMost, 0), 1e-5);
    wrong += count(test, {Verdict::kSlower, Verdict::kFaster}) > 0 ? 1 : 0;
  }
  // Of 400 runs 4 may be; more than 10 have the chance 0.3%.
  EXPECT_LE(wrong, 10);
}

TEST(SequentialTest, DoesNotCallSameWhatIsNot) {
  constexpr int kRuns = 100;
  size_t wrong = 0;
  for (unsigned seed = 0; seed < kRuns; ++seed) {
    wrong += count(settle(Machine(seed).run(kTests, kMost, std::log(1.025)), 0.02),
                   {Verdict::kSame, Verdict::kFaster});
  }
  EXPECT_LE(wrong, 4U) << "of " << kRuns * kTests;
}

TEST(SequentialTest, FindsAChangeAndCallsTheSameSame) {
  constexpr int kRuns = 30;
  size_t slower = 0, faster = 0, same = 0;
  for (unsigned seed = 0; seed < kRuns; ++seed) {
    slower +=
        count(settle(Machine(seed).run(kTests, kMost, std::log(1.04)), 0.02), {Verdict::kSlower});
    faster +=
        count(settle(Machine(seed).run(kTests, kMost, std::log(0.96)), 0.02), {Verdict::kFaster});
    same += count(settle(Machine(seed).run(kTests, kMost, 0), 0.02), {Verdict::kSame});
  }
  constexpr double kAll = kRuns * kTests;
  EXPECT_GT(static_cast<double>(slower) / kAll, 0.95);
  EXPECT_GT(static_cast<double>(faster) / kAll, 0.95);
  EXPECT_GT(static_cast<double>(same) / kAll, 0.9);
}

TEST(SequentialTest, EndsEarlyWhereTheChangeIsLarge) {
  const SequentialTest test = settle(Machine(1).run(3, kMost, std::log(1.5)), 0.02);
  EXPECT_EQ(count(test, {Verdict::kSlower}), 3U);
  EXPECT_LE(test.looks(), 3);
  for (const Judgement& one : test.judgements()) {
    EXPECT_GT(one.change, 0.4);
    EXPECT_LT(one.low, 0.5);
    EXPECT_GT(one.high, 0.5);
    EXPECT_TRUE(test.is_settled(one.name));
  }
}

TEST(SequentialTest, SpendsNoMoreThanItsErrorOverAllLooks) {
  SequentialTest test(0.02);
  const std::vector<Series> series = Machine(2).run(kTests, kMost, 0.02);  // settles nothing
  double spent = 0;
  for (int look = 0; look < kLooks; ++look) {
    test.look(series);
    spent += test.level() * kTests;
  }
  EXPECT_NEAR(spent, kFamilyLevel, 1e-12);
}

TEST(SequentialTest, DoesNotWaitForWhatHasNoPairs) {
  SequentialTest test(0.02);
  std::vector<Series> series = Machine(5).run(2, 10, std::log(2));
  series[1].values.resize(4);
  EXPECT_FALSE(test.is_settled("a/n:1"));
  test.look(series);
  EXPECT_EQ(test.judgements()[0].verdict, Verdict::kSlower);
  EXPECT_EQ(test.judgements()[1].verdict, Verdict::kUnclear);
  EXPECT_TRUE(test.is_settled("a/n:1"));
  EXPECT_TRUE(test.is_over());
}

TEST(SequentialTest, LeavesAVerdictAsItIs) {
  SequentialTest test(0.02);
  test.look(Machine(3).run(1, 60, std::log(1.5)));
  ASSERT_EQ(test.judgements()[0].verdict, Verdict::kSlower);
  const size_t pairs = test.judgements()[0].pairs;
  test.look(Machine(3).run(1, 200, 0));
  EXPECT_EQ(test.judgements()[0].verdict, Verdict::kSlower);
  EXPECT_EQ(test.judgements()[0].pairs, pairs);
}

TEST(SequentialTest, IsToldInAFewLinesAndInTheFile) {
  SequentialTest test(0.02);
  std::vector<Series> series = Machine(4).run(20, 60, 0);
  for (size_t i = 0; i < 12; ++i) {
    for (double& value : series[i].values) value += 0.4;
  }
  for (Series& one : series) one.quantity = "blocked_ns";
  series[19].values.clear();
  test.look(series);
  const std::string text = describe_verdicts(test, 61.4);
  EXPECT_EQ(text.find("until 2%: 20 quantities of 20 cases, 1 looks, 61 s: 12 slower, "), 0U)
      << text;
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 12) << text;
  const Json told = describe_until(test, 600);
  EXPECT_EQ(told.at("looks"), 1);
  EXPECT_EQ(told.at("max_seconds"), 600);
  EXPECT_DOUBLE_EQ(told.at("level").get<double>(), 0.01 / 20 * 10 / 268);
  EXPECT_EQ(told.at("verdicts").at(0).at("verdict"), "slower");
  EXPECT_GT(told.at("verdicts").at(0).at("interval").at(0).get<double>(), 0);
  EXPECT_FALSE(told.at("verdicts").at(19).contains("change")) << "there are no pairs";
}

}  // namespace
}  // namespace forkcost::runner
