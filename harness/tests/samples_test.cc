#include "harness/samples.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmath>
#include <nlohmann/json.hpp>
#include <random>

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

TEST(Samples, AbsentIsNullAndNotCounted) {
  const std::vector<double> samples = {30, std::nan(""), 10, 20};
  const auto json = describe_samples(samples, {});
  EXPECT_EQ(json["n"], 3);
  EXPECT_EQ(json["min"], 10);
  EXPECT_EQ(json["p50"], 20);
  EXPECT_EQ(json["max"], 30);
  EXPECT_EQ(json["mean"], 20);
  EXPECT_TRUE(json["samples"][1].is_null());
  EXPECT_EQ(json["samples"][3], 20);  // in the order in which they were taken
}

TEST(Samples, NothingMeasuredHasNoFigure) {
  const auto json = describe_samples(std::vector<double>{std::nan("")}, {});
  EXPECT_EQ(json["n"], 0);
  EXPECT_FALSE(json.contains("p50"));
}

TEST(Samples, RatiosKeepTheirDigits) {
  EXPECT_EQ(describe_samples(std::vector<double>{1.0125}, {.unit = "ratio"})["p50"], 1.0125);
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
  const auto json = histogram.describe({});
  EXPECT_EQ(json["n"], 20'000);
  EXPECT_EQ(json["min"], static_cast<int64_t>(values.front()));
  EXPECT_EQ(json["max"], static_cast<int64_t>(values.back()));
  uint64_t sum = 0;
  for (const auto& bin : json["histogram"]) sum += bin[2].get<uint64_t>();
  EXPECT_EQ(sum, 20'000u);
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
