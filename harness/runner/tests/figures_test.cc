#include "harness/runner/figures.h"

#include <gtest/gtest.h>

#include "harness/error.h"

namespace forkcost::runner {
namespace {

// Benchmarks and quantities that no program of the suite has: nothing here knows any by name.
Json quantity(double median, const char* unit = "ns") {
  return {{"unit", unit}, {"p50", median}, {"p90", 2 * median}, {"samples", {median}}};
}

Json bread(const std::string& size, const char* oven, double median, int round = 0) {
  const std::string name = std::string("bake/oven:") + oven + "/size:" + size;
  return {{"name", name},
          {"benchmark", "bake"},
          {"axes", {{"oven", oven}, {"size", size}}},
          {"repetition_index", round},
          {"primary", "heat_ns"},
          {"quantities", {{"heat_ns", quantity(median)}}}};
}

Json document(const std::vector<Json>& benchmarks) {
  return {{"context", {{"forkcost", {{"schema", 1}}}}},
          {"benchmarks", benchmarks},
          {"unmeasured", Json::array()}};
}

AnswerFigure heat(const Axes& axes, Reduce how = Reduce::kValue) {
  return {.benchmark = "bake", .axes = axes, .quantity = "heat_ns", .reduce = how};
}

std::string text_of(const Figures& run, const AnswerFigure& figure) {
  const auto reduced = reduce(run, figure);
  return reduced ? reduced->text : "none";
}

TEST(Figures, DescribeByTheMedianOfTheRoundsMedians) {
  const Json three =
      document({bread("1", "gas", 100), bread("1", "gas", 900, 1), bread("1", "gas", 200, 2)});
  EXPECT_EQ(text_of(Figures(three), heat({{"oven", "gas"}, {"size", "1"}})), "200 ns");
  const Json two = document({bread("1", "gas", 100), bread("1", "gas", 300, 1)});
  EXPECT_EQ(text_of(Figures(two), heat({{"oven", "gas"}, {"size", "1"}})), "200 ns");
}

TEST(Figures, AreSelectedByAxesAndNotAtAllWhereThatIsNotOneCase) {
  const Json made = document({bread("1", "gas", 100), bread("2", "gas", 200)});
  const Figures run(made);
  EXPECT_EQ(text_of(run, heat({{"size", "2"}})), "200 ns");
  EXPECT_EQ(text_of(run, heat({{"oven", "gas"}})), "none") << "which of two was not said";
  EXPECT_EQ(text_of(run, heat({{"size", "3"}})), "none");
  EXPECT_EQ(text_of(run, heat({{"colour", "red"}, {"size", "2"}})), "none");
}

TEST(Figures, AnAxisThatIsNotNamedHasItsDefault) {
  Json made = document({bread("1", "gas", 100), bread("1", "wood", 300)});
  EXPECT_EQ(text_of(Figures(made), heat({{"size", "1"}})), "none");
  made["context"]["forkcost"]["axes"] = {{"oven", {{"default", "wood"}}},
                                         {"size", {{"default", nullptr}}}};
  EXPECT_EQ(text_of(Figures(made), heat({{"size", "1"}})), "300 ns");
  EXPECT_EQ(text_of(Figures(made), heat({{"size", "1"}, {"oven", "gas"}})), "100 ns");
}

TEST(Figures, FindWhatIsTheSameInAllRoundsInTheEntryOrInTheTable) {
  Json made = document({bread("1", "gas", 100)});
  EXPECT_EQ(Figures(made).primary(Figures(made).cases().front()), "heat_ns");
  const std::string name = made["benchmarks"][0]["name"];
  made["benchmarks"][0].erase("primary");
  made["benchmarks"][0].erase("benchmark");
  made["context"]["forkcost"]["cases"][name] = {{"primary", "smoke_ns"}, {"benchmark", "bake"}};
  const Figures run(made);
  EXPECT_EQ(run.primary(run.cases().front()), "smoke_ns");
  EXPECT_EQ(run.cases().front().benchmark, "bake");
}

// min + step × sample, or a histogram: every form has the quantiles as plain numbers.
TEST(Figures, DoNotCareHowSamplesAreStored) {
  for (const char* form :
       {R"({"unit": "ns", "min": 90, "p50": 100, "p90": 120, "samples": [0, 1, 3]})",
        R"({"unit": "ns", "min": 100, "p50": 100, "p90": 100, "n": 3})",
        R"({"unit": "ns", "min": 90, "p50": 100, "p90": 120, "histogram": [[90, 110, 3]]})"}) {
    Json made = document({bread("1", "gas", 1)});
    made["benchmarks"][0]["quantities"]["heat_ns"] = Json::parse(form);
    EXPECT_EQ(text_of(Figures(made), heat({{"size", "1"}})), "100 ns") << form;
  }
}

TEST(Reduce, SaysHowManyTimesAsLongAnotherTakes) {
  const Json made = document({bread("1", "gas", 100), bread("1", "wood", 400)});
  AnswerFigure speedup = heat({{"oven", "gas"}, {"size", "1"}}, Reduce::kSpeedup);
  speedup.to = {{"oven", "wood"}};
  EXPECT_EQ(text_of(Figures(made), speedup), "4.0×");
  speedup.to = {{"oven", "none"}};
  EXPECT_EQ(text_of(Figures(made), speedup), "none");
}

TEST(Reduce, FindsTheSlopeAndTheCrossingOverAnAxis) {
  const Json made = document({bread("0", "gas", 1000), bread("1MiB", "gas", 3000),
                              bread("3MiB", "gas", 7000), bread("3MiB", "wood", 1)});
  const Figures run(made);
  AnswerFigure slope = heat({{"oven", "gas"}}, Reduce::kSlope);
  slope.over = "size";
  slope.per = 0x1p20;
  EXPECT_EQ(text_of(run, slope), "2.00 µs");
  AnswerFigure crossing = heat({{"oven", "gas"}}, Reduce::kCrossing);
  crossing.over = "size";
  for (const auto& [at, expected] :
       {std::pair{5000.0, "at 2 MiB"}, {7001.0, "beyond 3 MiB"}, {1000.0, "already at 0 B"}}) {
    crossing.at = at;
    EXPECT_EQ(text_of(run, crossing), expected);
  }
}

TEST(SetLargest, TakesTheLargestSizeThatAnyOfTheFiguresHas) {
  const Json made =
      document({bread("64MiB", "gas", 1), bread("1GiB", "gas", 2), bread("2GiB", "wood", 3)});
  const Figures run(made);
  AnswerFigure gas = heat({{"oven", "gas"}, {"size", kLargest}});
  AnswerFigure wood = heat({{"oven", "wood"}, {"size", kLargest}});
  AnswerFigure alone = gas;
  set_largest(run, {&alone});
  EXPECT_EQ(alone.axes["size"], "1GiB");
  set_largest(run, {&gas, &wood});
  EXPECT_EQ(gas.axes["size"], "2GiB");
  AnswerFigure none = heat({{"oven", "none"}, {"size", kLargest}});
  set_largest(run, {&none});
  EXPECT_EQ(text_of(run, none), "none");
}

TEST(Complete, InheritsFromTheRowAndTheSection) {
  const AnswerSection section{
      .benchmark = "bake", .axes = {{"oven", "gas"}, {"size", "1"}}, .quantity = "heat_ns"};
  const AnswerRow row{.axes = {{"size", "2"}}};
  const AnswerFigure figure = complete({.quantity = "smoke_ns"}, row, section);
  EXPECT_EQ(figure.benchmark, "bake");
  EXPECT_EQ(figure.quantity, "smoke_ns");
  EXPECT_EQ(figure.axes, (Axes{{"oven", "gas"}, {"size", "2"}}));
  const AnswerFigure other = complete({.benchmark = "fry", .axes = {{"pan", "1"}}}, row, section);
  EXPECT_EQ(other.axes, (Axes{{"pan", "1"}})) << "another benchmark has other axes";
}

TEST(AnswerRows, ReadAsTheyWereWritten) {
  const std::vector<AnswerSection> sections = {
      {.title = "t",
       .place = 3,
       .layout = Layout::kTable,
       .benchmark = "bake",
       .axes = {{"oven", "gas"}},
       .quantity = "heat_ns",
       .columns = {{.title = "c", .group = "g", .axes = {{"size", kLargest}}},
                   {.reduce = Reduce::kSpeedup, .to = {{"oven", "wood"}}}},
       .rows = {{.title = "r",
                 .figures = {{.text = "{}",
                              .reduce = Reduce::kCrossing,
                              .over = "size",
                              .per = 2,
                              .at = 5,
                              .goal = 1.5}}}}},
      {.title = "claims", .layout = Layout::kCount, .text = "{} of {total}"}};
  const nlohmann::json written = to_json(sections);
  EXPECT_EQ(to_json(parse_answer(written)), written);
  EXPECT_EQ(written[0]["rows"][0]["figures"][0]["goal"], 1.5);
  EXPECT_EQ(written[1].count("rows"), 0U) << "what says nothing is left out";
}

TEST(AnswerRows, OfANewerProgramAreRefused) {
  for (const char* text :
       {R"([{"title": "t", "colour": 1}])", R"([{"layout": "circle"}])",
        R"([{"rows": [{"figures": [{"reduce": "mean"}]}]}])", R"([{"place": ""}])", R"([3])"}) {
    EXPECT_THROW(parse_answer(nlohmann::json::parse(text)), UsageError) << text;
  }
}

}  // namespace
}  // namespace forkcost::runner
