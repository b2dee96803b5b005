#include "harness/sample_plan.h"

#include <gtest/gtest.h>

namespace forkcost {
namespace {

using Next = SamplePlan::Next;

MeasureOptions budget(double ms) {
  MeasureOptions options;
  options.budget_ms = ms;
  return options;
}

// What became of a plan whose samples all take `sample_ms`, each `misplace_every`-th (0: none) of
// them on the wrong CPU.
struct Outcome {
  Next end;
  size_t kept, warmup, attempts, misplaced;
  size_t cpu_clock;  // of the kept ones, those that read it
};

Outcome run(SamplePlan plan, double sample_ms, std::optional<double> cpu_clock_share = {},
            size_t misplace_every = 0) {
  double kept_ms = 0;
  size_t cpu_clock = 0;
  Next next;
  while ((next = plan.next(kept_ms)) == Next::kSample && plan.attempts() < 100'000) {
    plan.begin_sample();
    if (misplace_every > 0 && plan.attempts() % misplace_every == 0) {
      plan.misplace_sample();
    } else if (plan.warming_up()) {
      plan.warm_up(sample_ms, cpu_clock_share);
    } else {
      cpu_clock += plan.reads_cpu_clock();
      plan.keep_sample();
      kept_ms += sample_ms;
    }
  }
  return {next, plan.kept(), plan.warmup(), plan.attempts(), plan.misplaced(), cpu_clock};
}

TEST(SamplePlan, TakesWhatTheBudgetAllowsAfterTwoWarmUps) {
  const Outcome outcome = run(SamplePlan(budget(40), 1), 2);
  EXPECT_EQ(outcome.end, Next::kEnough);
  EXPECT_EQ(outcome.kept, 20u);
  EXPECT_EQ(outcome.warmup, 2u);
  EXPECT_EQ(outcome.attempts, 22u);
}

TEST(SamplePlan, StaysBetweenThreeAndSixty) {
  EXPECT_EQ(run(SamplePlan(budget(40), 1), 0.001).kept, 60u);
  EXPECT_EQ(run(SamplePlan(budget(40), 1), 30).kept, 3u);
}

TEST(SamplePlan, WarmsUpOnceWhereASampleTakesTheWholeBudget) {
  const Outcome outcome = run(SamplePlan(budget(40), 1), 40);
  EXPECT_EQ(outcome.warmup, 1u);
  EXPECT_EQ(outcome.kept, 3u);
}

TEST(SamplePlan, TakesAsManyAsAreAskedForAtLeast) {
  EXPECT_EQ(run(SamplePlan(budget(1), 100), 1).kept, 100u);
}

TEST(SamplePlan, TakesExactlySoManyWhateverTheBudgetAndTheClock) {
  MeasureOptions options = budget(40);
  options.samples = 5;
  EXPECT_EQ(run(SamplePlan(options, 100), 1).kept, 5u);
  EXPECT_EQ(run(SamplePlan(options, 1), 1, 0.5).kept, 5u);
}

TEST(SamplePlan, FillsTheBudgetWhereThatIsAskedFor) {
  MeasureOptions options = budget(40);
  options.fill_budget = true;
  EXPECT_EQ(run(SamplePlan(options, 1), 0.25).kept, 161u);  // more than 40 ms: one after 160
  EXPECT_EQ(run(SamplePlan(options, 1), 100).kept, 3u);
}

TEST(SamplePlan, TakesTurnsWhereReadingTheCpuClockWouldShow) {
  const Outcome turns = run(SamplePlan(budget(40), 1), 2, 0.0051);
  EXPECT_EQ(turns.kept, 40u);  // twice as many: each kind has as many as without turns
  EXPECT_EQ(turns.cpu_clock, 20u);
  const Outcome hidden = run(SamplePlan(budget(40), 1), 2, 0.0049);
  EXPECT_EQ(hidden.kept, 20u);
  EXPECT_EQ(hidden.cpu_clock, 20u);
}

// Before the first sample that is kept, between two, and where one was on the wrong CPU meanwhile.
TEST(SamplePlan, WarmsUpAgainWhereItIsTold) {
  SamplePlan plan(budget(40), 1);
  const auto sample = [&] {
    EXPECT_EQ(plan.next(0), Next::kSample);
    plan.begin_sample();
  };
  for (const bool more : {true, false}) {
    sample();
    plan.warm_up(2, {});
    EXPECT_EQ(plan.warming_up(), more);
  }
  for (const size_t kept : {size_t{0}, size_t{10}}) {
    while (plan.kept() < kept) {
      sample();
      plan.keep_sample();
    }
    plan.warm_up_again();
    sample();
    plan.misplace_sample();
    EXPECT_TRUE(plan.warming_up());
    sample();
    plan.warm_up(3, 0.5);
    EXPECT_FALSE(plan.warming_up());
  }
  EXPECT_EQ(plan.planned(), 20u);  // as the first warm-up said
  EXPECT_FALSE(plan.alternates());
  EXPECT_EQ(plan.warmup(), 4u);
}

TEST(SamplePlan, TheFirstSampleIsTheFirstAttempt) {
  SamplePlan plan(budget(40), 1);
  plan.begin_sample();
  EXPECT_TRUE(plan.first_sample());
  plan.misplace_sample();
  plan.begin_sample();
  EXPECT_FALSE(plan.first_sample());
}

TEST(SamplePlan, TriesAgainWhatWasMisplaced) {
  const Outcome outcome = run(SamplePlan(budget(40), 1), 2, {}, 2);
  EXPECT_EQ(outcome.end, Next::kEnough);
  EXPECT_EQ(outcome.kept, 20u);
  EXPECT_EQ(outcome.misplaced, 21u);
}

TEST(SamplePlan, GivesUpWhereNoChildBeginsOnAnotherCpu) {
  const Outcome outcome = run(SamplePlan(budget(40), 1), 2, {}, 1);
  EXPECT_EQ(outcome.end, Next::kGiveUp);
  EXPECT_EQ(outcome.attempts, 25u);  // five for each of two warm-ups and three samples
  EXPECT_EQ(outcome.misplaced, 25u);
}

TEST(SamplePlan, IsContentWithThreeOfManyThatWereMisplaced) {
  SamplePlan plan(budget(40), 1);
  for (int i = 0; i < 2; ++i) {
    plan.begin_sample();
    plan.warm_up(2, {});
  }
  for (int i = 0; i < 3; ++i) {
    plan.begin_sample();
    plan.keep_sample();
  }
  while (plan.next(0) == Next::kSample && plan.attempts() < 1000) {
    plan.begin_sample();
    plan.misplace_sample();
  }
  EXPECT_EQ(plan.next(0), Next::kEnough);
  EXPECT_EQ(plan.attempts(), 110u);  // five for each of two warm-ups and twenty planned
}

}  // namespace
}  // namespace forkcost
