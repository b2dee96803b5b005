#include "harness/runner/plan.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "harness/error.h"
#include "harness/runner/tests/fixtures.h"

namespace forkcost::runner {
namespace {

using Orders = std::vector<std::vector<size_t>>;

// Written down, not computed: an order that changes with the library or the machine makes a
// recorded seed worthless.
TEST(Order, IsTheSameOnEveryMachine) {
  EXPECT_EQ(make_orders(6, 2, 42), (Orders{{3, 1, 5, 2, 4, 0}, {3, 5, 4, 0, 1, 2}}));
}

TEST(Order, HasEveryCaseOnceInEveryRound) {
  for (const auto& order : make_orders(100, 20, 1)) {
    std::vector<size_t> sorted = order;
    std::sort(sorted.begin(), sorted.end());
    for (size_t i = 0; i < sorted.size(); ++i) ASSERT_EQ(sorted[i], i);
  }
}

// A case that always comes first would always be measured on a cold machine.
TEST(Order, PutsEveryCaseInEveryPlaceEquallyOften) {
  std::vector<int> first(4);
  for (const auto& order : make_orders(4, 4000, 7)) ++first[order[0]];
  for (const int count : first) EXPECT_NEAR(count, 1000, 150);
}

TEST(Order, DoesNotDependOnHowManyRoundsThereAre) {
  EXPECT_EQ(make_orders(5, 2, 3)[1], make_orders(5, 9, 3)[1]);
}

TEST(CaseList, IsReadWithItsDescription) {
  const auto cases = parse_case_list(
      R"({"binary": "bench_a", "cases": [{"name": "a/heap:1GiB", "heap_bytes": 1073741824}]})",
      "bench_a");
  ASSERT_EQ(cases.size(), 1U);
  EXPECT_EQ(cases[0].name, "a/heap:1GiB");
  EXPECT_EQ(cases[0].heap_bytes(), 1073741824U);
}

TEST(CaseList, RefusesWhatIsNotOne) {
  for (const char* text : {"", "{", "[]", "{}", R"({"cases": [{"benchmark": "a"}]})"}) {
    EXPECT_THROW(parse_case_list(text, "bench_a"), UsageError) << text;
  }
}

TEST(Filter, SearchesAnywhereInTheName) {
  const auto cases = make_test_plan("quick", 12).cases;
  EXPECT_EQ(filter_cases(cases, "").size(), 12U);
  EXPECT_EQ(filter_cases(cases, "n:1").size(), 3U);
  EXPECT_EQ(filter_cases(cases, "^n").size(), 0U);
  EXPECT_THROW(filter_cases(cases, "["), UsageError);
}

TEST(MakePlan, RefusesOneNameForTwoCases) {
  Plan plan = make_test_plan("quick", 2);
  plan.cases.push_back(plan.cases[0]);
  EXPECT_THROW(make_plan({}, 1, {}, "", "", plan.cases), UsageError);
}

TEST(PlanJson, ComesBackAsItWas) {
  Plan plan = make_test_plan("standard", 3);
  plan.cpu = 3;
  plan.exact_rounds = 4;
  plan.filter = "a \"quote\"";
  EXPECT_EQ(to_json(parse_plan(to_json(plan))), to_json(plan));
}

TEST(RequireSame, NamesWhatDiffers) {
  const Plan plan = make_test_plan("quick", 2);
  Plan other = plan;
  other.cases.clear();  // the journal's cases hold
  other.started = "later";
  EXPECT_NO_THROW(require_same(plan, other, true));
  other.seed = 43;
  EXPECT_NO_THROW(require_same(plan, other, false));
  EXPECT_THROW(require_same(plan, other, true), UsageError);
  other.kernel = "6.2";
  other.cpu = 1;
  try {
    require_same(plan, other, false);
    FAIL() << "two kernels in one run";
  } catch (const UsageError& error) {
    const std::string text = error.what();
    EXPECT_NE(text.find("kernel: \"6.1\" in the journal, \"6.2\" now"), std::string::npos) << text;
    EXPECT_NE(text.find("cpu: \"not given\" in the journal, 1 now"), std::string::npos) << text;
    EXPECT_EQ(text.find("seed"), std::string::npos) << text;
  }
}

TEST(Presets, AreAsDocumented) {
  for (const char* name : {"smoke", "quick", "standard", "full"}) {
    const Preset& preset = find_preset(name);
    EXPECT_EQ(preset.name, name);
    EXPECT_GE(preset.max_rounds, preset.min_rounds);
  }
  EXPECT_LT(find_preset("quick").target_seconds, 120);
  EXPECT_LT(find_preset("standard").target_seconds, 900);
  EXPECT_THROW(find_preset("Quick"), UsageError);
  EXPECT_EQ(make_test_plan("quick", 1).max_rounds(), 5);
}

}  // namespace
}  // namespace forkcost::runner
