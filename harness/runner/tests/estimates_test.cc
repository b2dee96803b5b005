#include "harness/runner/estimates.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <random>

#include "harness/runner/tests/fixtures.h"

namespace forkcost::runner {
namespace {

Json quantity_of(const std::vector<double>& samples) {
  return {{"unit", "ns"}, {"min", 1.0}, {"p50", 1.0}, {"p90", 1.0}, {"samples", samples}};
}

Record record_of(int round, size_t side, const std::vector<double>& samples, double seconds = 1) {
  Json entry = make_entry("a/n:0", "ok");
  entry["iterations"] = samples.size();
  entry["warmup"] = 2;
  entry["core"] = {"blocked_cpu_ns"};
  entry["conditions"] = {{"elapsed_ns", 5e6 * static_cast<double>(samples.size() + 2)}};
  entry["quantities"]["blocked_cpu_ns"] = quantity_of(samples);  // its estimator is p25
  return {round, seconds, entry, side};
}

class Noise {
 public:
  explicit Noise(unsigned seed) : generator_(seed) {}
  double operator()(double deviation) { return deviation * normal_(generator_); }
  std::vector<double> process(size_t n, double centre, double within) {
    std::vector<double> samples(n);
    for (double& sample : samples) sample = std::exp(centre + (*this)(within));
    return samples;
  }

 private:
  std::mt19937 generator_;
  std::normal_distribution<double> normal_;
};

TEST(SamplesOf, AreWholeStepsAboveTheSmallest) {
  const Json stored = {{"min", 1000}, {"step", 10}, {"samples", {0, 5, 2}}};
  EXPECT_EQ(samples_of(stored), (std::vector<double>{1000, 1050, 1020}));
  EXPECT_EQ(samples_of({{"min", 7}, {"n", 3}}), (std::vector<double>{7, 7, 7}));
  EXPECT_EQ(samples_of({{"min", 0.5}, {"samples", {0.5, 0.7}}}), (std::vector<double>{0.5, 0.7}));
}

TEST(EstimateOf, IsTheEstimatorThatTheTableNames) {
  const Json quantity = quantity_of({5, 1, 4, 2, 3, 7, 6});
  EXPECT_DOUBLE_EQ(estimate(quantity, "min")->log, 0);
  EXPECT_DOUBLE_EQ(estimate(quantity, "p25")->log, std::log(2));
  EXPECT_DOUBLE_EQ(estimate(quantity, "p50")->log, std::log(4));
  EXPECT_EQ(estimate(quantity_of({0, 1, 2}), "p50"), std::nullopt) << "has no logarithm";
  const Json histogram = {{"min", 2}, {"p50", 8}, {"p90", 9}, {"histogram", {{2, 1}}}};
  EXPECT_DOUBLE_EQ(estimate(histogram, "p50")->log, std::log(8));
  EXPECT_EQ(estimate(histogram, "p10"), std::nullopt);
}

TEST(EstimateOf, KnowsHowFarAFewSamplesCarry) {
  Noise noise(1);
  const std::vector<double> samples = noise.process(19, 0, 0.1);
  // What Maritz and Jarrett have in closed form, drawn.
  std::mt19937 generator(2);
  std::vector<double> draws;
  for (int i = 0; i < 40'000; ++i) {
    std::vector<double> again(samples.size());
    for (double& one : again) one = std::log(samples[generator() % samples.size()]);
    std::nth_element(again.begin(), again.begin() + 4, again.end());
    draws.push_back(again[4]);
  }
  double sum = 0, squares = 0;
  for (const double draw : draws) {
    sum += draw;
    squares += draw * draw;
  }
  const auto n = static_cast<double>(draws.size());
  const double drawn = squares / n - sum / n * sum / n;
  EXPECT_NEAR(estimate(quantity_of(samples), "p25")->variance, drawn, 0.03 * drawn);
  EXPECT_DOUBLE_EQ(estimate({{"min", 7}, {"n", 30}}, "p25")->variance, 0);
}

TEST(EstimatesTest, TakeTheVarianceApart) {
  constexpr double kBetween = 0.02, kWithin = 0.1;
  constexpr int kRounds = 800;
  const Plan plan = make_test_plan("gate", 1);
  Estimates estimates(plan);
  Noise noise(3);
  for (int round = 0; round < kRounds; ++round) {
    estimates.add(record_of(round, 0, noise.process(19, 5 + noise(kBetween), kWithin)));
  }
  const CaseNoise found = estimates.noise(0, kRounds).at(0);
  ASSERT_EQ(found.quantities.size(), 1U);
  // Of the lower quartile of n normal samples: 3/16 / (0.3178² n). The variance is that of the
  // trimmed mean, which of normal values is 1.14 times that of the mean.
  const double within = 1.857 * kWithin * kWithin;
  const double all = 1.14 * (kBetween * kBetween + within / 19);
  EXPECT_NEAR(found.quantities[0].variance(19), all, 0.1 * all);
  EXPECT_NEAR(found.quantities[0].within, within, 0.15 * within);
  EXPECT_EQ(found.samples, 19U);
  EXPECT_NEAR(found.sample_s, 0.005, 1e-9);
  EXPECT_NEAR(found.start_s, 1 - 19 * 0.005, 1e-9);
}

TEST(EstimatesTest, OfTwoSidesTakeTheDifferenceSoThatWhatBothShareIsGone) {
  Plan plan = make_two_sides_plan("gate", 1);
  Estimates estimates(plan);
  Noise noise(4);
  for (int round = 0; round < 300; ++round) {
    const double shared = noise(0.3);
    for (size_t side = 0; side < 2; ++side) {
      const double change = side == 1 ? 0.05 : 0;
      estimates.add(record_of(round, side, noise.process(7, 5 + shared + change, 0.01)));
    }
  }
  const Series series = estimates.series({}, 300).at(0);
  ASSERT_EQ(series.values.size(), 300U);
  double sum = 0;
  for (const double value : series.values) sum += value;
  EXPECT_NEAR(sum / 300, 0.05, 0.005) << "b less a";
  EXPECT_LT(series.variance(), 0.02 * 0.02);
}

TEST(EstimatesTest, WeighTheEndsOfAFamilyByWhatTheirErrorsDoToItsSlope) {
  Plan plan = make_test_plan("gate", 0);
  Noise noise(8);
  std::vector<Record> records;
  const auto add = [&](const std::string& name, uint64_t mib, double level) {
    plan.cases.push_back(make_case(name));
    plan.cases.back().description["heap_bytes"] = mib << 20;
    for (int round = 0; round < 20; ++round) {
      Record record = record_of(round, 0, noise.process(19, std::log(level), 0.01));
      record.entry["name"] = name;
      records.push_back(std::move(record));
    }
  };
  add("a/n:0/heap:0", 0, 10);  // an empty arena has no tables
  add("a/n:0/heap:64MiB", 64, 1000);
  add("a/n:0/heap:128MiB", 128, 2000);
  add("a/n:0/heap:256MiB", 256, 4000);
  add("a/n:1/heap:64MiB", 64, 1000);  // does not rise
  add("a/n:1/heap:256MiB", 256, 1050);
  Estimates estimates(plan);
  for (const Record& record : records) estimates.add(record);
  std::map<std::string, double> weights;
  for (const CaseNoise& one : estimates.noise(0, 20)) {
    weights[one.name] = one.quantities.at(0).weight;
  }
  EXPECT_NEAR(weights.at("a/n:0/heap:256MiB"), 1 + 4.0 / 3, 0.05);
  EXPECT_NEAR(weights.at("a/n:0/heap:64MiB"), 1 + 1.0 / 3, 0.05);
  for (const char* name :
       {"a/n:0/heap:0", "a/n:0/heap:128MiB", "a/n:1/heap:64MiB", "a/n:1/heap:256MiB"}) {
    EXPECT_EQ(weights.at(name), 1) << name;
  }
}

TEST(EstimatesTest, LeaveOutRoundsOfAnotherNumberOfSamplesAndHalfPairs) {
  Plan plan = make_two_sides_plan("gate", 1);
  Estimates estimates(plan);
  Noise noise(5);
  for (int round = 0; round < 6; ++round) {
    const size_t n = round < 2 ? 3 : 7;
    estimates.add(record_of(round, 0, noise.process(n, 5, 0.01)));
    if (round < 5) estimates.add(record_of(round, 1, noise.process(n, 5, 0.01)));
  }
  EXPECT_EQ(estimates.series({{"a/n:0", 7}}, 6).at(0).values.size(), 3U);
  EXPECT_EQ(estimates.series({{"a/n:0", 7}}, 4).at(0).values.size(), 2U);
}

TEST(EstimatesTest, AreOfTheCoreOrOfWhatWasSelected) {
  Plan plan = make_test_plan("quick", 1);
  Estimates core(plan);
  core.add(record_of(0, 0, {1, 2, 3}));
  EXPECT_EQ(core.series({}, 1).at(0).quantity, "blocked_cpu_ns");
  plan.settings.get<"--filter">() = "a";
  Estimates selected(plan);
  selected.add(record_of(0, 0, {1, 2, 3}));
  EXPECT_EQ(selected.series({}, 1).at(0).quantity, "blocked_ns") << "its primary";
}

}  // namespace
}  // namespace forkcost::runner
