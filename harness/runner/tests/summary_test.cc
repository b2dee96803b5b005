#include "harness/runner/summary.h"

#include <gtest/gtest.h>

#include "harness/runner/tests/fixtures.h"

namespace forkcost::runner {
namespace {

TEST(Quantile, IsNearestRank) {
  std::vector<Weighted> values = {{5, 1}, {1, 1}, {3, 1}, {2, 1}};
  EXPECT_EQ(quantile(values, 0), 1);
  EXPECT_EQ(quantile(values, 0.5), 2);
  EXPECT_EQ(quantile(values, 0.51), 3);
  EXPECT_EQ(quantile(values, 0.99), 5);
  std::vector<Weighted> none;
  EXPECT_EQ(quantile(none, 0.5), std::nullopt);
}

TEST(Quantile, CountsAValueAsOftenAsItWasSeen) {
  std::vector<Weighted> values = {{100, 1}, {1, 98}, {50, 1}};
  EXPECT_EQ(quantile(values, 0.98), 1);
  EXPECT_EQ(quantile(values, 0.99), 50);
  EXPECT_EQ(quantile(values, 1), 100);
}

TEST(Human, ChoosesTheUnit) {
  EXPECT_EQ(human(999, "ns"), "999 ns");
  EXPECT_EQ(human(1234, "ns"), "1.234 µs");
  EXPECT_EQ(human(1234567, "ns"), "1.235 ms");
  EXPECT_EQ(human(2.5e9, "ns"), "2.500 s");
  EXPECT_EQ(human(3, "1"), "3");
  EXPECT_EQ(human(1536, "bytes"), "1.5 KiB");
}

Json make_document(const std::vector<Json>& entries) {
  static const Tables tables = make_tables();
  DocumentBuilder builder(tables.axes, tables.quantities);
  for (const Json& entry : entries) builder.add(entry);
  return builder.finish({{"forkcost", {{"schema", kSchema}}}});
}

// Of plain values.
Json make_quantity(const std::string& unit, const std::vector<double>& samples) {
  return {{"unit", unit}, {"min", samples.front()}, {"step", 0}, {"samples", samples}};
}

TEST(Summarize, PoolsTheRoundsOfACase) {
  Json first = make_entry("a/n:0", "ok");
  first["quantities"]["blocked_cpu_ns"] = make_quantity("ns", {700, 800, 900});
  Json second = first;
  second["quantities"]["blocked_ns"] = make_quantity("ns", {2000, 2000, 2000});
  second["conditions"] = {{"reasons", {"steal time above 2%"}}};
  const std::string text = summarize({make_document({first, second})}, "2 rounds");
  EXPECT_NE(text.find("blocked_cpu_ns (p25)"), std::string::npos) << text;
  EXPECT_NE(text.find("a/n:0  blocked_ns  2.000 µs  9.000 µs"), std::string::npos) << text;
  EXPECT_NE(text.find("700 ns\n"), std::string::npos) << text;
  EXPECT_NE(text.find("2 rounds\n"), std::string::npos) << text;
  EXPECT_NE(text.find("1 of 2 rounds were disturbed (50%)"), std::string::npos) << text;
  EXPECT_EQ(text.find("attempts"), std::string::npos) << text;
}

TEST(Summarize, CountsRoundsOfSeveralAttempts) {
  Json again = make_entry("a/n:0", "ok");
  again["outcome"]["attempts"] = 2;
  const std::string text =
      summarize({make_document({make_entry("a/n:0", "ok"), again})}, "2 rounds");
  EXPECT_NE(text.find("1 of 2 rounds took several attempts"), std::string::npos) << text;
}

TEST(Summarize, ShowsADashForWhatWasNotMeasured) {
  const std::string text = summarize({make_document({make_entry("a/n:0", "ok")})}, "");
  EXPECT_NE(text.find("–\n"), std::string::npos) << text;
}

TEST(Summarize, GroupsByReasonAndNamesACaseOnce) {
  const std::string text =
      summarize({make_document({make_entry("a/n:0", "failed"), make_entry("a/n:0", "failed"),
                                make_entry("a/n:1", "failed"), make_entry("a/n:2", "skipped")})},
                "");
  EXPECT_NE(text.find("\nskipped: because\n  a/n:2\n"), std::string::npos) << text;
  EXPECT_NE(text.find("\nfailed: because\n  a/n:0\n  a/n:1\n"), std::string::npos) << text;
}

TEST(Summarize, PutsTheSidesOfACaseTogether) {
  std::vector<Json> documents;
  for (const char* side : {"a", "b"}) {
    documents.push_back(make_document(
        {make_entry("a/n:0", "ok"), make_entry("a/n:1", "ok"), make_entry("a/n:2", "skipped")}));
    documents.back()["context"]["forkcost"]["run"]["interleaved"]["side"] = side;
  }
  const std::string text = summarize(documents, "");
  size_t place = 0;
  for (const char* label : {"a: a/n:0", "b: a/n:0", "a: a/n:1", "b: a/n:1", "a: a/n:2"}) {
    const size_t found = text.find(label, place);
    ASSERT_NE(found, std::string::npos) << label << " in\n" << text;
    place = found;
  }
}

TEST(Summarize, SaysWhatTheHarnessAdds) {
  Json entry = make_entry("harness/figure:vfork-exit", "ok");
  entry["quantities"]["overhead_ratio"] = make_quantity("ratio", {1.005, 1.006, 1.1});
  EXPECT_NE(summarize({make_document({entry})}, "").find("harness overhead 1.006 (goal ≤ 1.02)\n"),
            std::string::npos);
  entry["quantities"]["overhead_ratio"] = make_quantity("ratio", {1.05});
  EXPECT_NE(summarize({make_document({entry})}, "").find("above it"), std::string::npos);
}

}  // namespace
}  // namespace forkcost::runner
