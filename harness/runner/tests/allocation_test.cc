#include "harness/runner/allocation.h"

#include <gtest/gtest.h>

#include <cmath>

#include "harness/runner/student.h"

namespace forkcost::runner {
namespace {

// The sum of what a t-test at the level of one of 26 would find, in standard errors.
double loss(const std::vector<CaseNoise>& cases, const std::vector<double>& rounds) {
  double sum = 0;
  for (size_t i = 0; i < cases.size(); ++i) {
    for (const QuantityNoise& one : cases[i].quantities) {
      if (rounds[i] < 3) return HUGE_VAL;
      sum += smallest_change(std::sqrt(one.variance(cases[i].samples) / rounds[i]), rounds[i] - 1,
                             0.01 / 26);
    }
  }
  return sum;
}

double seconds(const std::vector<CaseNoise>& cases, const std::vector<double>& rounds) {
  double sum = 0;
  for (size_t i = 0; i < cases.size(); ++i) sum += rounds[i] * cases[i].process_seconds();
  return sum;
}

CaseNoise with_samples(CaseNoise noise, size_t samples) {
  noise.samples = samples;
  return noise;
}

constexpr double kLong = 1000;

CaseNoise best(const CaseNoise& noise) {
  return with_samples(noise, choose_samples(noise, kLong));
}

// A vfork and a fork of 256 MiB, as measured.
const CaseNoise kCheap{"cheap", {{"a", 4e-4, 8e-3}}, 0.012, 0.0001, false, 1};
const CaseNoise kDear{"dear", {{"a", 4e-4, 2e-3}, {"b", 1e-4, 9e-3}}, 0.2, 0.012, false, 1};

TEST(EvenSamples, HaveQuartileAndMedianWhateverTheirNumber) {
  for (const double wanted : {1.0, 7.0, 8.9, 9.1, 20.0, 60.0, 99.0, 1e9}) {
    const auto n = static_cast<double>(even_samples(wanted, false));
    EXPECT_DOUBLE_EQ(std::ceil(0.25 * n) / (n + 1), 0.25) << n;
    EXPECT_DOUBLE_EQ(std::ceil(0.5 * n) / (n + 1), 0.5) << n;
    EXPECT_GE(n, 7);
    const size_t both = even_samples(2 * wanted, true);
    EXPECT_EQ(both % 8, 6U) << "half of them read the CPU clock";
    EXPECT_GE(both, 14U);
  }
  EXPECT_EQ(even_samples(20, false), 19U);
}

TEST(ChooseSamples, KeepsTheCountOfThePilotWhereThatCostsLittle) {
  const size_t optimum = choose_samples(kCheap, kLong);
  const CaseNoise kept = with_samples(kCheap, optimum / 2 + 1);
  EXPECT_EQ(choose_samples(kept, kLong), kept.samples);
  EXPECT_LT(loss({kept}, allocate({kept}, 60, 10)),
            1.07 * loss({best(kCheap)}, allocate({best(kCheap)}, 60, 10)));
  EXPECT_EQ(choose_samples(with_samples(kCheap, optimum / 2 - 1), kLong), optimum);
}

TEST(ChooseSamples, TakesMoreThanFourOfTheDearest) {
  CaseNoise huge = kDear;
  huge.sample_s = 10;
  EXPECT_EQ(choose_samples(huge, kLong), 7U);
}

TEST(ChooseSamples, TakesNoMoreThanThereIsTimeFor) {
  CaseNoise alike = kDear;  // processes do not differ at all
  for (QuantityNoise& one : alike.quantities) one.between = 0;
  EXPECT_EQ(choose_samples(alike, kLong), 255U);
  const CaseNoise limited = with_samples(alike, choose_samples(alike, 0.4));
  EXPECT_EQ(limited.samples, 15U);
  EXPECT_EQ(choose_samples(alike, 0), 7U) << "the least is the least";
}

TEST(Allocate, SpendsAllOfTheTimeAndNoMore) {
  const std::vector<CaseNoise> cases = {best(kCheap), best(kDear)};
  EXPECT_NEAR(seconds(cases, allocate(cases, 60, 10)), 60, 1e-6);
}

TEST(Allocate, IsBetterThanAnyOtherWay) {
  const std::vector<CaseNoise> ours = {best(kCheap), best(kDear)};
  const double least = loss(ours, allocate(ours, 60, 10));
  for (size_t cheap = 3; cheap < 200; cheap += 4) {
    for (size_t dear = 3; dear < 60; dear += 4) {
      const std::vector<CaseNoise> other = {with_samples(kCheap, cheap), with_samples(kDear, dear)};
      for (double share = 0.05; share < 1; share += 0.05) {
        EXPECT_LT(least, 1.02 * loss(other, {60 * share / other[0].process_seconds(),
                                             60 * (1 - share) / other[1].process_seconds()}))
            << cheap << " " << dear << " " << share;
      }
    }
  }
}

TEST(Allocate, MeasuresWhatIsDearOrQuietLessOften) {
  CaseNoise quiet = kCheap;
  quiet.quantities[0] = {"a", 1e-5, 2e-4};
  const auto rounds = allocate({best(kCheap), best(kDear), best(quiet)}, 60, 10);
  EXPECT_LT(rounds[1], rounds[0]);
  EXPECT_LT(rounds[2], rounds[0]);
}

TEST(Allocate, GivesEachCaseTheLeastNumberOfRoundsAndTheOthersWhatIsLeft) {
  CaseNoise silent = kDear;
  for (QuantityNoise& one : silent.quantities) one.between = one.within = 0;
  const std::vector<CaseNoise> cases = {best(kCheap), best(silent)};
  const auto rounds = allocate(cases, 12, 20);
  EXPECT_DOUBLE_EQ(rounds[1], 20);
  EXPECT_GT(rounds[0], 100);
  EXPECT_NEAR(seconds(cases, rounds), 12, 1e-6);
  EXPECT_EQ(allocate(cases, 0, 20), (std::vector<double>{20, 20})) << "the least is the least";
}

}  // namespace
}  // namespace forkcost::runner
