#include "harness/runner/rounds.h"

#include <gtest/gtest.h>

#include <functional>
#include <set>

#include "harness/runner/tests/fixtures.h"

namespace forkcost::runner {
namespace {

// Takes no time and says how long it took.
class FakeBench : public Bench {
 public:
  explicit FakeBench(double seconds) : seconds_(seconds) {}

  Measured measure(const PlannedCase& which, size_t samples) override {
    asked_samples.push_back(samples);
    asked.push_back(which.side == 0 ? which.name : "b: " + which.name);
    const std::string status = status_of_case(asked.back());
    Measured measured{make_entry(which.name, status == "by chance" ? "skipped" : status), nullptr,
                      seconds_};
    if (status == "by chance") measured.entry["outcome"]["by_chance"] = true;
    return measured;
  }

  std::vector<std::string> asked;
  std::vector<size_t> asked_samples;
  std::function<std::string(const std::string&)> status_of_case = [](const auto&) { return "ok"; };

 private:
  double seconds_;
};

struct Kept : Observer {
  void next(const PlannedCase&, const Position& position) override {
    positions.push_back(position);
  }
  void finished(const Record& record, const Json&) override { records.push_back(record); }

  std::vector<Record> records;
  std::vector<Position> positions;
};

std::set<std::pair<int, std::string>> keys_of(const std::vector<Record>& records) {
  std::set<std::pair<int, std::string>> keys;
  for (const Record& record : records) {
    EXPECT_TRUE(keys.emplace(record.round, record.entry.at("name").get<std::string>()).second)
        << "measured twice";
  }
  return keys;
}

TEST(RoundsTest, MeasureEveryCaseOnceInEveryRound) {
  const Plan plan = make_test_plan("quick", 4);
  FakeBench bench(0.1);
  Kept kept;
  Rounds rounds(plan, {});
  rounds.run(bench, kept);
  EXPECT_EQ(rounds.rounds_done(), 5);
  EXPECT_EQ(keys_of(kept.records).size(), 20U);
  EXPECT_EQ(kept.positions.front().done, 0U);
  EXPECT_EQ(kept.positions.back().done, 19U);
  EXPECT_EQ(kept.positions.back().total, 20U);
}

TEST(RoundsTest, EndBeforeARoundThatWouldNotFit) {
  const Plan plan = make_test_plan("quick", 4);
  FakeBench bench(find_preset("quick").target_seconds / 4.2 / 4);  // four rounds fit, not five
  Kept kept;
  Rounds rounds(plan, {});
  rounds.run(bench, kept);
  EXPECT_EQ(rounds.rounds_done(), 4);
}

TEST(RoundsTest, GoOnAsLongAsThereIsTimeWhereTheirNumberIsOpen) {
  const Plan plan = make_test_plan("gate", 4);
  FakeBench bench(find_preset("gate").target_seconds / 33.5 / 4);
  Kept kept;
  Rounds rounds(plan, {});
  rounds.run(bench, kept);
  EXPECT_EQ(rounds.rounds_done(), 33);
}

TEST(RoundsTest, DoTheLeastNumberOfRoundsWhateverItTakes) {
  const Plan plan = make_test_plan("quick", 4);
  FakeBench bench(100);
  Kept kept;
  Rounds rounds(plan, {});
  rounds.run(bench, kept);
  EXPECT_EQ(rounds.rounds_done(), 3);
}

TEST(RoundsTest, DoExactlyWhatIsAskedFor) {
  Plan plan = make_test_plan("quick", 2);
  for (const int wanted : {1, 7}) {
    plan.settings.get<"--rounds">() = wanted;
    FakeBench bench(100);
    Kept kept;
    Rounds rounds(plan, {});
    rounds.run(bench, kept);
    EXPECT_EQ(rounds.rounds_done(), wanted);
  }
}

TEST(RoundsTest, TryAFailedCaseAgainAndASkippedOneNot) {
  const Plan plan = make_test_plan("quick", 3);
  FakeBench bench(0.1);
  bench.status_of_case = [](const std::string& name) {
    return name == "a/n:0" ? "skipped" : name == "a/n:1" ? "failed" : "ok";
  };
  Kept kept;
  Rounds rounds(plan, {});
  rounds.run(bench, kept);
  EXPECT_EQ(std::count(bench.asked.begin(), bench.asked.end(), "a/n:0"), 1);
  EXPECT_EQ(std::count(bench.asked.begin(), bench.asked.end(), "a/n:1"), 5);
  EXPECT_EQ(rounds.rounds_done(), 5);
}

TEST(RoundsTest, TryAgainWhatWasSkippedByChance) {
  const Plan plan = make_test_plan("quick", 1);
  FakeBench bench(0.1);
  bench.status_of_case = [](const auto&) { return "by chance"; };
  Kept kept;
  Rounds(plan, {}).run(bench, kept);
  EXPECT_EQ(bench.asked.size(), 5U);
}

TEST(RoundsTest, GiveEveryRoundTheSampleCountOfTheFirst) {
  const Plan plan = make_test_plan("quick", 1);
  FakeBench bench(0.1);
  Kept kept;
  Rounds(plan, {}).run(bench, kept);
  EXPECT_EQ(bench.asked_samples, (std::vector<size_t>{0, 3, 3, 3, 3}));
  // Also after an interruption.
  FakeBench resumed(0.1);
  Rounds(plan, {kept.records.front()}).run(resumed, kept);
  EXPECT_EQ(resumed.asked_samples, (std::vector<size_t>{3, 3, 3, 3}));
}

TEST(RoundsTest, EndWhenAllCasesAreSkipped) {
  const Plan plan = make_test_plan("full", 3);
  FakeBench bench(0.1);
  bench.status_of_case = [](const auto&) { return "skipped"; };
  Kept kept;
  Rounds rounds(plan, {});
  rounds.run(bench, kept);
  EXPECT_EQ(bench.asked.size(), 3U);
  EXPECT_EQ(rounds.rounds_done(), 1);
}

// However far it had come: nothing twice, nothing lost, and the order that it would have had.
TEST(RoundsTest, GoOnWhereARunWasInterrupted) {
  const Plan plan = make_test_plan("quick", 4);
  FakeBench whole(1);
  Kept all;
  Rounds(plan, {}).run(whole, all);
  for (size_t cut = 0; cut <= all.records.size(); ++cut) {
    const std::vector<Record> done(all.records.begin(),
                                   all.records.begin() + static_cast<ptrdiff_t>(cut));
    FakeBench bench(1);
    Kept kept;
    kept.records = done;
    Rounds rounds(plan, done);
    rounds.run(bench, kept);
    EXPECT_EQ(keys_of(kept.records), keys_of(all.records)) << cut;
    EXPECT_EQ(bench.asked,
              std::vector<std::string>(whole.asked.begin() + static_cast<ptrdiff_t>(cut),
                                       whole.asked.end()));
    EXPECT_EQ(rounds.rounds_done(), 5);
    EXPECT_DOUBLE_EQ(rounds.seconds(), 20);
  }
}

TEST(RoundsTest, MeasureTheSidesOfACaseNextToEachOther) {
  const Plan plan = make_two_sides_plan("quick", 3);
  FakeBench bench(0.1);
  Kept kept;
  Rounds rounds(plan, {});
  rounds.run(bench, kept);
  EXPECT_EQ(rounds.rounds_done(), 5);
  ASSERT_EQ(kept.records.size(), 30U);
  EXPECT_EQ(kept.positions.back().total, 30U);
  for (size_t i = 0; i < kept.records.size(); i += 2) {
    const Record& one = kept.records[i];
    const Record& other = kept.records[i + 1];
    EXPECT_EQ(one.entry["name"], other.entry["name"]);
    EXPECT_EQ(one.entry["repetition_index"], other.entry["repetition_index"]);
    EXPECT_EQ(one.side + other.side, 1U);
  }
}

// Whichever was first has chosen it.
TEST(RoundsTest, GiveBothSidesTheSameSampleCount) {
  FakeBench bench(0.1);
  Kept kept;
  const Plan plan = make_two_sides_plan("quick", 1);
  Rounds(plan, {}).run(bench, kept);
  EXPECT_EQ(bench.asked_samples, (std::vector<size_t>{0, 3, 3, 3, 3, 3, 3, 3, 3, 3}));
}

TEST(RoundsTest, GoOnWithASideWhoseOtherCannot) {
  const Plan plan = make_two_sides_plan("quick", 2);
  FakeBench bench(0.1);
  bench.status_of_case = [](const std::string& name) {
    return name == "b: a/n:0" ? "skipped" : name == "a/n:1" ? "failed" : "ok";
  };
  Kept kept;
  Rounds(plan, {}).run(bench, kept);
  const auto times = [&](const char* name) {
    return std::count(bench.asked.begin(), bench.asked.end(), name);
  };
  EXPECT_EQ(times("a/n:0"), 5);
  EXPECT_EQ(times("b: a/n:0"), 1);
  EXPECT_EQ(times("a/n:1"), 5);
  EXPECT_EQ(times("b: a/n:1"), 5);
}

TEST(RoundsTest, GiveTwoSidesTwiceTheTime) {
  const Plan plan = make_two_sides_plan("quick", 4);
  FakeBench bench(find_preset("quick").target_seconds / 4.2 / 4);
  Kept kept;
  Rounds rounds(plan, {});
  rounds.run(bench, kept);
  EXPECT_EQ(rounds.rounds_done(), 4);
}

// Half a round would weigh some cases more than others.
TEST(RoundsTest, FinishARoundThatWasBegunThoughTheTimeIsUp) {
  const Plan plan = make_test_plan("quick", 2);
  std::vector<Record> done;
  for (int round = 0; round < 3; ++round) {
    done.push_back({round, 20, make_entry("a/n:0", "ok")});
    done.push_back({round, 20, make_entry("a/n:1", "ok")});
  }
  done.push_back({3, 20, make_entry("a/n:1", "ok")});
  FakeBench bench(20);
  Kept kept;
  Rounds rounds(plan, done);
  rounds.run(bench, kept);
  EXPECT_EQ(bench.asked, std::vector<std::string>{"a/n:0"});
  EXPECT_EQ(rounds.rounds_done(), 4);
}

}  // namespace
}  // namespace forkcost::runner
