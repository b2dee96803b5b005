#include "harness/runner/merge.h"

#include <gtest/gtest.h>

#include "harness/result_document.h"
#include "harness/runner/tests/fixtures.h"
#include "harness/tests/values.h"

namespace forkcost::runner {
namespace {

RunFacts make_facts() {
  return {"/bin/forkcost-run",
          {"forkcost-run", "--rounds", "2"},
          2,
          false,
          {{"kernel", {{"release", "6.1"}}}, {"load", {{"users", 1}}}, {"process", {{"uid", 0}}}}};
}

std::vector<Record> make_records() {
  return {{1, 1, make_entry("a/n:0", "ok")},
          {0, 1, make_entry("a/n:2", "ok")},
          {0, 1, make_entry("a/n:1", "skipped")},
          {0, 1, make_entry("a/n:0", "ok")},
          {1, 1, make_entry("a/n:2", "failed")}};
}

JournalContents make_journal(int cases, std::vector<Record> records, Json context = {}) {
  return {make_test_plan("quick", static_cast<size_t>(cases)),
          {std::move(context)},
          std::move(records)};
}

Json merge_all(JournalContents journal, size_t side = 0) {
  return merge(journal, make_facts(), side);
}

TEST(Merge, SortsByCaseAndRoundAndCountsAnew) {
  const Json document = merge_all(make_journal(3, make_records()));
  std::vector<std::string> found;
  for (const Json& entry : document.at("benchmarks")) {
    found.push_back(fmt::format("{} {} {}", entry["name"].get<std::string>(),
                                entry["repetition_index"].get<int>(),
                                entry["repetitions"].get<int>()));
  }
  EXPECT_EQ(found, (std::vector<std::string>{"a/n:0 0 2", "a/n:0 1 2", "a/n:2 0 2"}));
  ASSERT_EQ(document.at("unmeasured").size(), 2U);
  EXPECT_EQ(document["unmeasured"][0]["name"], "a/n:1");
  EXPECT_EQ(document["unmeasured"][1]["repetition_index"], 1);
}

TEST(Merge, LeavesOutRoundsOfAPilotWithAnotherNumberOfSamples) {
  std::vector<Record> records = make_records();
  records[3].entry["iterations"] = 7;  // of a/n:0, round 0
  JournalContents journal = make_journal(3, records);
  RunFacts facts = make_facts();
  facts.samples = {{"a/n:0", 3}};
  const Json document = merge(journal, facts, 0);
  ASSERT_EQ(document.at("benchmarks").size(), 2U);
  EXPECT_EQ(document["benchmarks"][0]["repetition_index"], 1);
  EXPECT_EQ(document.at("unmeasured").size(), 2U) << "what has no figures has no samples";
}

TEST(Merge, WritesLabelsAsAnObject) {
  JournalContents journal = make_journal(3, make_records());
  EXPECT_FALSE(merge(journal, make_facts())["context"]["forkcost"]["run"].contains("label"));
  journal = make_journal(3, make_records());
  journal.plan.settings.get<"--label">() = {"kernel=6.1 = old", "boot=2"};
  EXPECT_EQ(merge(journal, make_facts())["context"]["forkcost"]["run"]["label"],
            Json({{"kernel", "6.1 = old"}, {"boot", "2"}}));
}

TEST(Merge, KeepsTheContextOfTheBenchProgramAndItsRights) {
  const Json context = {{"host_name", "x"},
                        {"forkcost",
                         {{"clock", "tsc"},
                          {"run", {{"cpu", 3}}},
                          {"environment", {{"load", {{"users", 7}}}, {"process", {{"uid", 5}}}}}}}};
  const Json merged = merge_all(make_journal(3, make_records(), context))["context"];
  EXPECT_EQ(merged["host_name"], "x");
  const Json& ours = merged["forkcost"];
  EXPECT_EQ(ours["clock"], "tsc");
  EXPECT_EQ(ours["environment"]["kernel"]["release"], "6.1");
  EXPECT_EQ(ours["environment"]["process"]["uid"], 5);
  EXPECT_EQ(ours["environment"]["load"]["users"], 1) << "the load only the runner watches";
  EXPECT_EQ(ours["run"]["cpu"], 3);
  EXPECT_EQ(ours["run"]["rounds"], 5);
  EXPECT_EQ(ours["run"]["rounds_done"], 2);
  EXPECT_EQ(ours["run"]["seconds"], 5);
  EXPECT_EQ(ours["schema"], 2);
  EXPECT_TRUE(ours["warnings"].is_array());
}

// The context is that of the first round, which may have none.
TEST(Merge, HasRowsForTheYardsticksOfAllRounds) {
  const auto table = [](std::vector<Record> records) {
    return merge_all(make_journal(3, std::move(records)))["context"]["forkcost"].value("yardsticks",
                                                                                       Json());
  };
  std::vector<Record> records = make_records();
  EXPECT_TRUE(table(records).is_null());
  records[1].entry["yardsticks"] = {{"walk_ns", {{"unit", "ns"}, {"min", 1}, {"n", 2}}}};
  EXPECT_EQ(table(records), make_tables().yardsticks);
}

TEST(Merge, HasAContextWhenNoProgramWroteOne) {
  const Json merged = merge_all(make_journal(3, {}))["context"];
  EXPECT_EQ(merged["forkcost"]["schema"], 2);
  EXPECT_FALSE(merged.contains("host_name"));
}

TEST(Merge, GivesEachSideAFileOfItsOwn) {
  std::vector<Record> records = make_records();
  for (const Record& record : make_records()) {
    records.push_back({record.round, 10, record.entry, 1});
  }
  records.push_back({1, 10, make_entry("a/n:1", "ok"), 1});  // skipped on the other
  JournalContents journal{make_two_sides_plan("quick", 3),
                          {Json{{"host_name", "x"}},
                           Json{{"host_name", "y"}, {"forkcost", {{"suite", {{"version", "2"}}}}}}},
                          records};
  const Json a = merge(journal, make_facts(), 0);
  const Json b = merge(journal, make_facts(), 1);
  EXPECT_EQ(a["benchmarks"].size(), 3U);
  EXPECT_EQ(b["benchmarks"].size(), 4U);
  EXPECT_EQ(a["context"]["host_name"], "x");
  EXPECT_EQ(b["context"]["host_name"], "y");
  EXPECT_EQ(a["context"]["forkcost"]["suite"]["version"], "1");
  EXPECT_EQ(b["context"]["forkcost"]["suite"]["version"], "2") << "that of its own build";
  const Json& run_a = a["context"]["forkcost"]["run"];
  const Json& run_b = b["context"]["forkcost"]["run"];
  EXPECT_EQ(run_a["interleaved"], Json({{"session", "0123456789abcdef"}, {"side", "a"}}));
  EXPECT_EQ(run_b["interleaved"], Json({{"session", "0123456789abcdef"}, {"side", "b"}}));
  EXPECT_FALSE(run_a.contains("setting"));
  EXPECT_EQ(run_b["setting"], "A=1");
  EXPECT_EQ(run_a["seconds"], 5);
  EXPECT_EQ(run_b["seconds"], 60);
}

TEST(Merge, LeavesTheStepOfAProcessToWhomTheClockSeemedFiner) {
  std::vector<Record> records = make_records();
  records[0].entry["quantities"]["blocked_ns"]["step"] = 1;
  const Json document = merge_all(make_journal(3, records));
  const Json& row = document["context"]["forkcost"]["quantities"]["blocked_ns"];
  const Json& usual = document["benchmarks"][0]["quantities"]["blocked_ns"];
  const Json& finer = document["benchmarks"][1]["quantities"]["blocked_ns"];
  EXPECT_FALSE(usual.contains("step"));
  EXPECT_EQ(values_of(usual, row), (std::vector<Weighted>{{1000, 1}, {1500, 1}, {9000, 1}}));
  EXPECT_EQ(values_of(finer, row), (std::vector<Weighted>{{1000, 1}, {1050, 1}, {1800, 1}}));
}

TEST(FormatDocument, GivesEveryEntryALineAndComesBackAsItWas) {
  const Json document = merge_all(make_journal(3, make_records()));
  const std::string text = format_document(document);
  EXPECT_EQ(Json::parse(text), document);
  EXPECT_NE(text.find("\n{\"name\":\"a/n:0\""), std::string::npos);
  const Json nothing = merge_all(make_journal(0, {}));
  EXPECT_EQ(Json::parse(format_document(nothing)), nothing);
}

}  // namespace
}  // namespace forkcost::runner
