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
  EXPECT_EQ(make_orders(6, 1, 2, 42), (Orders{{3, 1, 5, 2, 4, 0}, {3, 5, 4, 0, 1, 2}}));
}

TEST(Order, HasEveryCaseOnceInEveryRound) {
  for (const auto& order : make_orders(100, 1, 20, 1)) {
    std::vector<size_t> sorted = order;
    std::sort(sorted.begin(), sorted.end());
    for (size_t i = 0; i < sorted.size(); ++i) ASSERT_EQ(sorted[i], i);
  }
}

// A case that always comes first would always be measured on a cold machine.
TEST(Order, PutsEveryCaseInEveryPlaceEquallyOften) {
  std::vector<int> first(4);
  for (const auto& order : make_orders(4, 1, 4000, 7)) ++first[order[0]];
  for (const int count : first) EXPECT_NEAR(count, 1000, 150);
}

TEST(Order, DoesNotDependOnHowManyRoundsThereAre) {
  EXPECT_EQ(make_orders(5, 1, 2, 3)[1], make_orders(5, 1, 9, 3)[1]);
}

// Of two sides: case i is 2i on the one, 2i + 1 on the other.
TEST(Order, OfTwoSidesIsTheSameOnEveryMachine) {
  EXPECT_EQ(make_orders(3, 2, 3, 42),
            (Orders{{2, 3, 5, 4, 0, 1}, {3, 2, 1, 0, 4, 5}, {3, 2, 4, 5, 1, 0}}));
}

TEST(Order, KeepsTheSidesOfACaseTogetherAndTurnsThemRound) {
  int b_first = 0;
  std::vector<size_t> first(50);
  const Orders orders = make_orders(50, 2, 40, 1);
  for (size_t round = 0; round < orders.size(); ++round) {
    ASSERT_EQ(orders[round].size(), 100U);
    for (size_t i = 0; i < 100; i += 2) {
      const size_t one = orders[round][i];
      ASSERT_EQ(orders[round][i + 1], one ^ 1) << "the other side of the same case";
      if (round % 2 == 1) {
        ASSERT_EQ(one, first[one / 2] ^ 1);
      }
      first[one / 2] = one;
      b_first += round % 2 == 0 && one % 2 == 1;
    }
  }
  EXPECT_NEAR(b_first, 500, 60);
}

TEST(PairCases, LeavesOutWhatOnlyOneSideHas) {
  const auto on = [](size_t side, const char* name) {
    PlannedCase c = make_case(name);
    c.side = side;
    return c;
  };
  std::vector<PlannedCase> alone;
  const auto paired =
      pair_cases({on(0, "z"), on(0, "x"), on(0, "m"), on(1, "m"), on(1, "n"), on(1, "z")}, alone);
  const auto names = [](const std::vector<PlannedCase>& cases) {
    std::string text;
    for (const PlannedCase& c : cases) text += side_name(c.side) + c.name + " ";
    return text;
  };
  EXPECT_EQ(names(paired), "az bz am bm ");
  EXPECT_EQ(names(alone), "ax bn ");
}

TEST(CaseList, IsReadWithItsDescription) {
  const CaseList list = parse_case_list(
      R"({"binary": "bench_a", "schema": 2, "axes": {"heap": {"default": null}}, "quantities": {},
          "cases": [{"name": "a/heap:1GiB", "heap_bytes": 1073741824}],
          "answer": [{"title": "t", "rows": [{"title": "r"}]}]})",
      "bench_a");
  EXPECT_EQ(list.answer, Json::parse(R"([{"title": "t", "rows": [{"title": "r"}]}])"));
  ASSERT_EQ(list.cases.size(), 1U);
  EXPECT_EQ(list.cases[0].name, "a/heap:1GiB");
  EXPECT_EQ(list.cases[0].heap_bytes(), 1073741824U);
  EXPECT_TRUE(list.tables.axes.contains("heap"));
  EXPECT_TRUE(list.tables.yardsticks.empty());  // as of a program of before there were any
}

TEST(CaseList, RefusesAProgramThatWritesFilesOfAnotherSchema) {
  for (const char* schema : {"", R"("schema": 3,)"}) {
    const std::string text = fmt::format(
        R"({{{} "axes": {{}}, "quantities": {{}}, "cases": [{{"name": "a/n:0"}}]}})", schema);
    try {
      parse_case_list(text, "bench_a");
      FAIL() << text;
    } catch (const UsageError& error) {
      EXPECT_TRUE(std::string(error.what()).starts_with("bench_a is of another version"))
          << error.what();
    }
  }
}

TEST(Tables, AreThoseOfAllProgramsTogether) {
  Tables tables;
  add_tables(tables, make_tables(), "bench_a");
  Tables more = make_tables();
  more.axes["path"] = {{"default", nullptr}};
  more.quantities["blocked_ns"]["step"] = 1;  // each measures the clock
  add_tables(tables, more, "bench_b");
  EXPECT_TRUE(tables.axes.contains("path"));
  EXPECT_EQ(tables.quantities["blocked_ns"]["step"], 10);
}

TEST(Tables, RefusesProgramsThatDisagree) {
  for (const bool axis : {true, false}) {
    Tables tables = make_tables(), other = make_tables();
    if (axis) {
      other.axes["n"]["default"] = "1";
    } else {
      other.quantities["blocked_ns"]["better"] = "none";
    }
    EXPECT_THROW(add_tables(tables, other, "bench_b"), UsageError);
  }
  Tables tables = make_tables(), plain = make_tables();
  plain.quantities["blocked_ns"].erase("step");  // its samples would be read as steps
  EXPECT_THROW(add_tables(tables, plain, "bench_b"), UsageError);
  Tables longer = make_tables();
  longer.yardsticks["walk_ns"]["meaning"] = "another way";
  EXPECT_THROW(add_tables(tables, longer, "bench_b"), UsageError);
}

TEST(CaseList, RefusesWhatIsNotOne) {
  for (const char* text : {"", "{", "[]", "{}", R"({"cases": [{"benchmark": "a"}]})",
                           R"({"cases": [], "answer": [{"colour": "red"}]})"}) {
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

TEST(Filter, FindsACaseByTheAxesThatItsNameLeavesOut) {
  std::vector<PlannedCase> cases = make_test_plan("quick", 2).cases;
  cases[1].description["full_name"] = "a/n:1/backing:4k";
  const auto found = filter_cases(cases, "backing:4k");
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].name, "a/n:1");
  EXPECT_EQ(filter_cases(cases, "^a/n:1$").size(), 1U);
}

TEST(RequireUnique, RefusesOneNameForTwoCasesOfASide) {
  std::vector<PlannedCase> cases = make_test_plan("quick", 2).cases;
  cases.push_back(cases[0]);
  cases.back().side = 1;
  EXPECT_NO_THROW(require_unique(cases));
  cases.push_back(cases[0]);
  EXPECT_THROW(require_unique(cases), UsageError);
}

TEST(PlanJson, ComesBackAsItWas) {
  Plan plan = make_test_plan("standard", 3);
  plan.settings.get<"--cpu">() = 3;
  plan.settings.get<"--rounds">() = 4;
  plan.settings.get<"--filter">() = "a \"quote\"";
  EXPECT_EQ(to_json(parse_plan(to_json(plan))), to_json(plan));
  EXPECT_FALSE(to_json(plan).contains("sides"));
  const Plan sides = parse_plan(to_json(make_two_sides_plan("quick", 2)));
  EXPECT_EQ(to_json(sides), to_json(make_two_sides_plan("quick", 2)));
  EXPECT_EQ(sides.sides.at(1).directory, "/new/bin");
  EXPECT_EQ(sides.session, "0123456789abcdef");
  EXPECT_EQ(sides.cases.at(3).side, 1U);
}

TEST(RequireSame, NamesWhatDiffers) {
  const Plan plan = make_test_plan("quick", 2);
  Plan other = plan;
  other.cases.clear();  // the journal's cases hold
  other.started = "later";
  EXPECT_NO_THROW(require_same(plan, other, true));
  other.settings.get<"--seed">() = 43;
  EXPECT_NO_THROW(require_same(plan, other, false));
  EXPECT_THROW(require_same(plan, other, true), UsageError);
  other.kernel = "6.2";
  other.settings.get<"--cpu">() = 1;
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

TEST(RequireSame, WantsTheSameSides) {
  const Plan plan = make_two_sides_plan("quick", 2);
  Plan other = plan;
  other.session = "another";  // this call's: the journal's holds
  EXPECT_NO_THROW(require_same(plan, other, true));
  EXPECT_THROW(require_same(plan, make_test_plan("quick", 2), true), UsageError);
  other.sides[1].built = 3;
  EXPECT_THROW(require_same(plan, other, true), UsageError) << "a build that changed meanwhile";
  other = plan;
  other.sides[1].setting = "A=2";
  EXPECT_THROW(require_same(plan, other, true), UsageError);
}

TEST(Presets, AreAsDocumented) {
  for (const char* name : {"smoke", "quick", "gate", "standard", "full"}) {
    const Preset& preset = find_preset(name);
    EXPECT_EQ(preset.name, name);
    EXPECT_GE(preset.max_rounds, preset.min_rounds);
  }
  EXPECT_LT(find_preset("quick").target_seconds, 120);
  EXPECT_LE(find_preset("gate").target_seconds, 60);
  EXPECT_LT(find_preset("standard").target_seconds, 900);
  EXPECT_THROW(find_preset("Quick"), UsageError);
  EXPECT_EQ(make_test_plan("quick", 1).max_rounds(), 5);
  EXPECT_EQ(make_test_plan("quick", 1).planned_rounds(), 5);
  Plan gate = make_test_plan("gate", 1);
  EXPECT_EQ(gate.planned_rounds(), std::nullopt) << "the time decides";
  gate.settings.get<"--rounds">() = 3;
  EXPECT_EQ(gate.planned_rounds(), 3);
  EXPECT_EQ(make_two_sides_plan("quick", 1).target_seconds(),
            2 * make_test_plan("quick", 1).target_seconds());
}

}  // namespace
}  // namespace forkcost::runner
