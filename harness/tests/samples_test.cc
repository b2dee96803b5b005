#include "harness/samples.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmath>
#include <random>

#include "harness/clock.h"
#include "harness/json.h"
#include "harness/tests/values.h"

namespace forkcost {
namespace {

TEST(Quantile, IsAValueThatWasSeen) {
  const std::vector<double> values = {1, 2, 3, 4};
  EXPECT_EQ(quantile(values, 0.5), 2);
  EXPECT_EQ(quantile(values, 0.51), 3);
  EXPECT_EQ(quantile(values, 0.25), 1);
  EXPECT_EQ(quantile(values, 0.99), 4);
  EXPECT_EQ(quantile(values, 1), 4);
  EXPECT_EQ(quantile(std::vector<double>{7}, 0.01), 7);
}

TEST(Samples, AreStepsAboveTheSmallest) {
  const std::vector<double> samples = {130.4, std::nan(""), 90.2, 110.3};
  const auto json = describe_samples(samples, "ns", 10);
  EXPECT_EQ(json, Json::parse(R"({"unit": "ns", "min": 90, "p50": 110, "p90": 130,
                                  "samples": [4, 0, 2]})"));
}

// A clock that advances by 10.0149 ns: two readings that differ still do, and none is moved by more
// than half a step.
TEST(Samples, KeepWhatAClockOfThisResolutionTells) {
  constexpr double kTick = 10.0149;
  std::vector<double> samples;
  for (int i = 0; i < 5000; ++i) samples.push_back(1e6 + kTick * i);
  const auto json = describe_samples(samples, "ns", power_of_ten_below(kTick));
  int64_t last = -1;
  for (size_t i = 0; i < samples.size(); ++i) {
    const int64_t steps = json["samples"][i];
    EXPECT_GT(steps, last);
    last = steps;
    EXPECT_NEAR(json["min"].get<double>() + 10 * static_cast<double>(steps), samples[i], 5.5);
  }
}

TEST(Samples, OfAnExactClockKeepEveryDigit) {
  const auto json = describe_samples(std::vector<double>{2296193, 2296194}, "ns", 1);
  EXPECT_EQ(json["min"], 2296193);
  EXPECT_EQ(json["samples"], Json({0, 1}));
}

TEST(Samples, ThatAreAllEqualAreCounted) {
  const auto json = describe_samples(std::vector<double>{7, 7, 7}, "1", 1);
  EXPECT_EQ(json, Json::parse(R"({"unit": "1", "min": 7, "p50": 7, "p90": 7, "n": 3})"));
}

TEST(Samples, NothingMeasuredHasNoFigure) {
  EXPECT_TRUE(describe_samples(std::vector<double>{std::nan("")}, "ns", 1).is_null());
}

TEST(Samples, RatiosKeepTheirDigits) {
  const auto json = describe_samples(std::vector<double>{1.0125, 2}, "ratio", 0);
  EXPECT_EQ(to_text(json), R"({"unit":"ratio","min":1.0125,"p50":1.0125,"p90":2,)"
                           R"("samples":[1.0125,2]})");
}

TEST(Samples, AreNeverBelowTheSmallest) {
  const auto json = describe_samples(std::vector<double>{1803.5, 1772.5}, "ns", 1);
  EXPECT_EQ(json["min"], 1773);
  EXPECT_EQ(json["samples"], Json({31, 0}));
}

TEST(Samples, MayBeNegative) {
  const auto json = describe_samples(std::vector<double>{-20, 5}, "ns", 1);
  EXPECT_EQ(json["min"], -20);
  EXPECT_EQ(json["samples"], Json({0, 25}));
}

TEST(Histogram, BinsHoldTheirValues) {
  for (uint64_t value = 0; value < 100'000; value += 7) {
    const auto [low, high] = Histogram::bounds_of(Histogram::bin_of(value));
    EXPECT_LE(low, value);
    EXPECT_LT(value, high);
    EXPECT_LE(static_cast<double>(high - low), std::max(1.0, 0.016 * static_cast<double>(low)));
  }
}

TEST(Histogram, BinsFollowEachOtherWithoutGap) {
  for (uint32_t bin = 0; bin < 2000; ++bin) {
    EXPECT_EQ(Histogram::bounds_of(bin).second, Histogram::bounds_of(bin + 1).first) << bin;
  }
}

TEST(Histogram, QuantilesAreWithinABinOfTheExactOnes) {
  std::mt19937_64 generator(3);
  std::lognormal_distribution<double> distribution(7.5, 0.6);
  Histogram histogram;
  std::vector<double> values;
  for (int i = 0; i < 20'000; ++i) {
    values.push_back(std::floor(distribution(generator)));
    histogram.add(values.back());
  }
  std::ranges::sort(values);
  for (const double q : {0.01, 0.5, 0.9, 0.99}) {
    EXPECT_NEAR(histogram.quantile(q), quantile(values, q), 0.016 * quantile(values, q) + 1) << q;
  }
  const auto json = histogram.describe("ns");
  EXPECT_EQ(json["min"], static_cast<int64_t>(values.front()));
  EXPECT_EQ(json["max"], static_cast<int64_t>(values.back()));
  uint64_t sum = 0;
  for (const auto& [value, count] : values_of(json, Json::object())) sum += count;
  EXPECT_EQ(sum, 20'000u);
}

TEST(Histogram, RunsOfAdjacentBinsGiveEachBinBack) {
  Histogram histogram;
  for (const double value : {5.0, 5.0, 7.0, 40.0, 1280.0, 1296.0, 1297.0, 1e6}) {
    histogram.add(value);
  }
  const Json json = histogram.describe("ns");
  EXPECT_EQ(json["histogram"], Json::parse("[[5, 2, 0, 1], [40, 1], [1280, 1, 2], [999424, 1]]"));
  std::vector<Weighted> middles;
  for (const auto& [value, count] :
       std::vector<Weighted>{{5, 2}, {7, 1}, {40, 1}, {1280, 1}, {1296, 2}, {999424, 1}}) {
    const auto [low, high] = Histogram::bounds_of(Histogram::bin_of(static_cast<uint64_t>(value)));
    EXPECT_EQ(low, value);
    middles.emplace_back((static_cast<double>(low + high) - 1) / 2, count);
  }
  EXPECT_EQ(values_of(json, Json::object()), middles);
}

TEST(SharedArray, AChildWritesWhatTheParentReads) {
  SharedArray<int> array(2);
  EXPECT_EQ(array[1], 0);
  const pid_t pid = fork();
  if (pid == 0) {
    array[1] = 42;
    _exit(0);
  }
  ASSERT_EQ(waitpid(pid, nullptr, 0), pid);
  EXPECT_EQ(array[1], 42);
}

}  // namespace
}  // namespace forkcost
