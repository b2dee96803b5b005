#include "harness/runner/bench.h"

#include <gtest/gtest.h>
#include <sys/wait.h>

#include "harness/runner/tests/fixtures.h"

namespace forkcost::runner {
namespace {

Evidence evidence(int exit_status, const Json& entry, const Json& clock = {{"source", "tsc"}}) {
  const Tables tables = make_tables();
  DocumentBuilder builder(tables.axes, tables.quantities, tables.yardsticks);
  if (!entry.is_null()) builder.add(entry);
  Json about = {{"schema", kSchema}};
  if (!clock.is_null()) about["clock"] = clock;
  const Json document = builder.finish({{"host_name", "x"}, {"forkcost", about}});
  return {{W_EXITCODE(exit_status, 0), false, 2.5}, 10, format_document(document), ""};
}

// Of one that is plainly ok.
Json with_outcome_left_out(Json entry) {
  entry.erase("outcome");
  return entry;
}

std::string reason(const Measured& measured) {
  return measured.entry.at("outcome").value("reason", "");
}

const PlannedCase& some_case() {
  static const PlannedCase kCase = make_case("a/n:0");
  return kCase;
}

TEST(Interpret, TakesTheEntryOfTheFile) {
  const Json entry = make_entry("a/n:0", "ok");
  const Measured measured = interpret(some_case(), evidence(0, entry));
  EXPECT_EQ(nlohmann::json(measured.entry), nlohmann::json(with_outcome_left_out(entry)));
  const Json about = {{"schema", kSchema}, {"clock", {{"source", "tsc"}}}};
  EXPECT_EQ(measured.context, Json({{"host_name", "x"}, {"forkcost", about}}))
      << "the tables are the plan's";
  EXPECT_EQ(measured.seconds, 2.5);
}

TEST(Interpret, HasNoContextOfAProcessThatWasToldTheClock) {
  const auto told = evidence(0, make_entry("a/n:0", "ok"), nullptr);
  EXPECT_TRUE(interpret(some_case(), told).context.is_null());
}

TEST(Interpret, TakesSkippedAndFailedAsTheProgramSaysThem) {
  const auto skipped = evidence(3, make_entry("a/n:0", "skipped"));
  EXPECT_EQ(status_of(interpret(some_case(), skipped).entry), "skipped");
  const auto failed = evidence(1, make_entry("a/n:0", "failed"));
  EXPECT_EQ(reason(interpret(some_case(), failed)), "because");
}

// Exec failed, or a sanitizer found something, and figures were there all the same.
TEST(Interpret, DoesNotBelieveAFileThatTheExitStatusContradicts) {
  for (const int status : {1, 2, 3, 23}) {
    const auto measured = interpret(some_case(), evidence(status, make_entry("a/n:0", "ok")));
    EXPECT_EQ(status_of(measured.entry), "failed") << status;
  }
  const auto all_is_well = evidence(0, make_entry("a/n:0", "failed"));
  EXPECT_NE(reason(interpret(some_case(), all_is_well)).find("exit status 0"), std::string::npos);
}

TEST(Interpret, DoesNotBelieveAFileOfAProgramThatDied) {
  Evidence killed = evidence(0, make_entry("a/n:0", "ok"));
  killed.ended.status = SIGKILL;
  EXPECT_NE(reason(interpret(some_case(), killed)).find("out of memory?"), std::string::npos);
  Evidence late = evidence(0, make_entry("a/n:0", "ok"));
  late.ended.timed_out = true;
  EXPECT_NE(reason(interpret(some_case(), late)).find("within 10 s"), std::string::npos);
}

TEST(Interpret, DoesNotTakeAnotherCasesEntry) {
  const auto other = evidence(0, make_entry("a/n:00", "ok"));
  EXPECT_NE(reason(interpret(some_case(), other)).find("lacks the case"), std::string::npos);
}

TEST(Interpret, NeedsTheFiguresThatAnEntryPromises) {
  for (const char* key : {"real_time", "primary", "quantities"}) {
    Json entry = make_entry("a/n:0", "ok");
    entry.erase(key);
    const auto measured = interpret(some_case(), evidence(0, entry));
    EXPECT_NE(reason(measured).find("damaged"), std::string::npos) << key;
  }
}

TEST(Interpret, SurvivesAnyFile) {
  for (const char* file :
       {"", "{", "[]", "null", "7", R"({"benchmarks": 7})", R"({"benchmarks": [7]})",
        R"({"benchmarks": [{"name": 7}]})", R"({"benchmarks": [{"name": "a/n:0", "outcome": 7}]})",
        R"({"benchmarks": [{"name": "a/n:0", "outcome": {"status": 7}}]})"}) {
    Evidence broken = evidence(0, nullptr);
    broken.file = file;
    const Measured measured = interpret(some_case(), broken);
    EXPECT_EQ(status_of(measured.entry), "failed") << file;
    EXPECT_EQ(measured.entry.at("name"), "a/n:0") << file;
  }
}

TEST(Interpret, QuotesTheLastWordsAsPlainText) {
  Evidence crashed = evidence(0, nullptr);
  crashed.ended.status = SIGSEGV;
  crashed.errors = "one\ntwo\nthree\n\x1b[31mfour\xff\n";
  const std::string text = reason(interpret(some_case(), crashed));
  EXPECT_NE(text.find("It said: two | three |  [31mfour"), std::string::npos) << text;
  EXPECT_EQ(text.find('\x1b'), std::string::npos);
  EXPECT_NO_THROW(Json(text).dump());  // throws for broken UTF-8
}

}  // namespace
}  // namespace forkcost::runner
