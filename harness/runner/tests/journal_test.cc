#include "harness/runner/journal.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "harness/error.h"
#include "harness/files.h"
#include "harness/runner/tests/fixtures.h"
#include "harness/tests/file_size_limit.h"

namespace forkcost::runner {
namespace {

class JournalTest : public testing::Test {
 protected:
  void SetUp() override {
    path_ = testing::TempDir() + "journal-" + std::to_string(getpid());
    std::filesystem::remove(path_);
  }
  void TearDown() override { std::filesystem::remove(path_); }

  std::string text() const { return read_text_file(path_).value_or(""); }

  // A journal with one finished round, closed again.
  void make_one() {
    Journal journal = Journal::create(path_, make_test_plan("quick", 2));
    journal.append({0, 1.5, make_entry("a/n:1", "ok")}, {{"host_name", "x"}});
  }

  std::string path_;
};

TEST_F(JournalTest, ComesBackAsItWasWritten) {
  {
    Journal journal = Journal::create(path_, make_test_plan("quick", 2));
    journal.append({0, 1.5, make_entry("a/n:1", "ok")}, {{"host_name", "x"}});
    journal.append({0, 2, make_entry("a/n:0", "skipped")}, {{"host_name", "y"}});
  }
  const JournalContents contents = parse_journal(text());
  EXPECT_EQ(to_json(contents.plan), to_json(make_test_plan("quick", 2)));
  EXPECT_EQ(contents.contexts[0], Json({{"host_name", "x"}}));
  ASSERT_EQ(contents.records.size(), 2U);
  EXPECT_EQ(contents.records[0].seconds, 1.5);
  EXPECT_EQ(contents.records[1].entry, make_entry("a/n:0", "skipped"));
  EXPECT_EQ(contents.good_bytes, text().size());
}

TEST_F(JournalTest, SaysThatTheResultFilesMayBeItsOwn) {
  make_one();
  EXPECT_FALSE(parse_journal(text()).finished);
  for (int i = 0; i < 2; ++i) {  // killed before it was removed, and gone on with
    Journal journal = Journal::open_existing(path_);
    journal.finish();
  }
  const JournalContents contents = parse_journal(text());
  EXPECT_TRUE(contents.finished);
  EXPECT_EQ(contents.records.size(), 1U);
  EXPECT_EQ(text().find("finished"), text().rfind("finished"));
}

TEST_F(JournalTest, ForgetsATornLastLineAndGoesOnAfterTheOneBefore) {
  make_one();
  const std::string good = text();
  // Torn in the middle of a line, or (blocks written in any order) with its end but not its middle,
  // which reads as zeros or as what the disk had there.
  const std::vector<std::string> tails = {"{\"round\": 0, \"ent", std::string(20, '\0') + "\n",
                                          "of another file}\n"};
  for (const std::string& torn : tails) {
    std::ofstream(path_, std::ios::app) << torn;
    {
      Journal journal = Journal::open_existing(path_);
      EXPECT_EQ(text(), good);
      EXPECT_EQ(journal.contents().records.size(), 1U);
    }
  }
  Journal journal = Journal::open_existing(path_);
  journal.append({0, 1, make_entry("a/n:0", "ok")}, nullptr);
  EXPECT_EQ(parse_journal(text()).records.size(), 2U);
}

// What was not synced when the power went may have got to the disk in any order.
TEST_F(JournalTest, EndsWhereBlocksWereNeverWritten) {
  make_one();
  const std::string good = text();
  const std::string line = good.substr(good.find('\n') + 1);
  std::ofstream(path_, std::ios::app) << std::string(20, '\0') + line.substr(20) << line;
  const Journal journal = Journal::open_existing(path_);
  EXPECT_EQ(text(), good);
  EXPECT_EQ(journal.contents().records.size(), 1U);
}

TEST_F(JournalTest, KeepsTheContextOfEachSide) {
  {
    Journal journal = Journal::create(path_, make_two_sides_plan("quick", 1));
    journal.append({0, 1, make_entry("a/n:0", "ok"), 1}, {{"host_name", "b"}});
    journal.append({0, 1, make_entry("a/n:0", "ok"), 0}, {{"host_name", "a"}});
  }
  const JournalContents contents = parse_journal(text());
  EXPECT_EQ(contents.contexts[0], Json({{"host_name", "a"}}));
  EXPECT_EQ(contents.contexts[1], Json({{"host_name", "b"}}));
  ASSERT_EQ(contents.records.size(), 2U);
  EXPECT_EQ(contents.records[0].side, 1U);
  EXPECT_EQ(contents.records[1].side, 0U);
}

// What is measured minutes after its other half is no pair.
TEST_F(JournalTest, ForgetsHalfAPairAndTakesTheOneThatWasMeasuredAnew) {
  const auto append = [](Journal& journal, size_t side, double seconds) {
    journal.append({0, seconds, make_entry("a/n:0", "ok"), side}, {{"side", side_name(side)}});
  };
  {
    Journal journal = Journal::create(path_, make_two_sides_plan("quick", 2));
    append(journal, 1, 1);
  }
  for (const int interruptions : {1, 2}) {
    Journal journal = Journal::open_existing(path_);
    EXPECT_TRUE(journal.contents().records.empty());
    append(journal, 1, 1 + interruptions);
  }
  {
    Journal journal = Journal::open_existing(path_);
    append(journal, 1, 4);
    append(journal, 0, 5);
  }
  const JournalContents contents = parse_journal(text());
  ASSERT_EQ(contents.records.size(), 2U);
  EXPECT_EQ(contents.records[0].seconds, 4);
  EXPECT_EQ(contents.records[1].seconds, 5);
  EXPECT_EQ(contents.contexts[1], Json({{"side", "b"}}));
  EXPECT_EQ(contents.contexts[0], Json({{"side", "a"}}));
}

TEST_F(JournalTest, RefusesDamageElsewhere) {
  make_one();
  EXPECT_THROW(parse_journal(""), UsageError);
  EXPECT_THROW(parse_journal("{}\n"), UsageError);
  EXPECT_THROW(parse_journal("{\"plan\": "), UsageError);
  const std::string good = text();
  const size_t second = good.find('\n') + 1;
  EXPECT_THROW(parse_journal(good.substr(0, second) + "garbage\n" + good.substr(second)),
               UsageError);
}

TEST_F(JournalTest, IsNotOverwrittenAndNotMadeUp) {
  EXPECT_THROW(Journal::open_existing(path_), UsageError);
  EXPECT_FALSE(std::filesystem::exists(path_));
  make_one();
  const std::string before = text();
  EXPECT_THROW(Journal::create(path_, make_test_plan("quick", 1)), UsageError);
  EXPECT_EQ(text(), before);
}

TEST_F(JournalTest, BelongsToOneProcess) {
  make_one();
  const Journal first = Journal::open_existing(path_);
  EXPECT_THROW(Journal::open_existing(path_), UsageError);
}

// Half a record may be on the disk then: what comes back is what was whole.
TEST_F(JournalTest, SaysSoWhenTheDiskIsFull) {
  make_one();
  {
    Journal journal = Journal::open_existing(path_);
    const FileSizeLimit limit(text().size() + 10);
    EXPECT_THROW(journal.append({0, 1, make_entry("a/n:0", "ok")}, nullptr), Failure);
  }
  EXPECT_EQ(Journal::open_existing(path_).contents().records.size(), 1U);
}

TEST_F(JournalTest, KeepsTextThatIsNotUtf8) {
  {
    Journal journal = Journal::create(path_, make_test_plan("quick", 1));
    Json entry = make_entry("a/n:0", "failed");
    entry["outcome"]["reason"] = "said \xff";
    journal.append({0, 1, entry}, nullptr);
  }
  EXPECT_EQ(parse_journal(text()).records.size(), 1U);
}

}  // namespace
}  // namespace forkcost::runner
