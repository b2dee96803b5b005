#include "harness/runner/rounds.h"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <map>
#include <random>
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
  void allocated(const std::vector<CaseNoise>& noise, const std::vector<double>&) override {
    cases = noise;
  }

  std::vector<Record> records;
  std::vector<Position> positions;
  std::vector<CaseNoise> cases;
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

// Takes as many samples as it is asked for, or three, and as long as these take.
class SamplingBench : public Bench {
 public:
  // `slower`: a case that takes half as long again on side b.
  explicit SamplingBench(std::string slower = "") : slower_(std::move(slower)) {}

  Measured measure(const PlannedCase& which, size_t samples) override {
    const size_t n = samples == 0 ? 3 : samples;
    const bool dear = which.name == "a/n:0";
    const double start_s = dear ? 0.4 : 0.01, sample_s = dear ? 0.01 : 0.0005;
    Json entry = make_entry(which.name, "ok");
    entry["core"] = {"blocked_ns"};
    entry["iterations"] = n;
    entry["warmup"] = 0;
    entry["conditions"] = {{"elapsed_ns", 1e9 * sample_s * static_cast<double>(n)}};
    const double factor = which.side == 1 && which.name == slower_ ? 1.5 : 1;
    const double process = 2000 * factor * std::exp(0.02 * normal_(generator_));
    Json list = Json::array();
    for (size_t i = 0; i < n; ++i) {
      list.push_back(std::round(process * std::exp(0.1 * normal_(generator_)) - 1000));
    }
    entry["quantities"]["blocked_ns"] = {{"unit", "ns"}, {"min", 1000},     {"p50", 0},
                                         {"p90", 0},     {"samples", list}, {"step", 1}};
    return {entry, nullptr, start_s + sample_s * static_cast<double>(n)};
  }

 private:
  std::string slower_;
  std::mt19937 generator_{7};
  std::normal_distribution<double> normal_;
};

std::map<std::string, std::map<size_t, int>> counts_of(const std::vector<Record>& records) {
  std::map<std::string, std::map<size_t, int>> counts;
  for (const Record& record : records) {
    ++counts[record.entry.at("name")][record.entry.at("iterations").get<size_t>()];
  }
  return counts;
}

TEST(Gate, AllocatesItsTimeAfterAPilot) {
  for (const bool two : {false, true}) {
    const Plan plan = two ? make_two_sides_plan("gate", 3) : make_test_plan("gate", 3);
    SamplingBench bench;
    Kept kept;
    Rounds rounds(plan, {});
    rounds.run(bench, kept);
    ASSERT_EQ(kept.cases.size(), 3U);
    EXPECT_NEAR(rounds.seconds(), plan.target_seconds(), 0.02 * plan.target_seconds());
    const auto counts = counts_of(kept.records);
    for (const auto& [name, samples] : rounds.samples()) {
      EXPECT_GE(samples, 7U);
      EXPECT_GE(counts.at(name).at(samples), 10) << name;
    }
    const auto often = [&](const char* name) {
      return counts.at(name).at(rounds.samples().at(name));
    };
    EXPECT_LT(often("a/n:0"), often("a/n:1")) << "the dear one less often";
    const auto seconds = [&](const char* name) {
      return often(name) * (0.01 + 0.0005 * static_cast<double>(rounds.samples().at(name)));
    };
    EXPECT_NEAR(seconds("a/n:1"), seconds("a/n:2"), 0.4 * seconds("a/n:2"))
        << "as much time for as much noise";
  }
}

TEST(Gate, ThatWasInterruptedChoosesTheSame) {
  const Plan plan = make_test_plan("gate", 3);
  Kept whole;
  Rounds once(plan, {});
  SamplingBench bench;
  once.run(bench, whole);
  // Resumed with all that was measured but the last 40, in the midst of a round.
  Kept rest;
  Rounds again(plan, {whole.records.begin(), whole.records.end() - 40});
  again.run(bench, rest);
  EXPECT_EQ(again.samples(), once.samples());
  ASSERT_GE(rest.records.size(), 30U);
  for (size_t i = 0; i < 30; ++i) {
    const Record& record = whole.records[whole.records.size() - 40 + i];
    EXPECT_EQ(rest.records[i].round, record.round);
    EXPECT_EQ(rest.records[i].entry.at("name"), record.entry.at("name"));
  }
}

TEST(Gate, TakesExactlyTheRoundsThatAreAskedForWithoutAPilot) {
  Plan plan = make_test_plan("gate", 3);
  plan.settings.get<"--rounds">() = 8;
  SamplingBench bench;
  Kept kept;
  Rounds rounds(plan, {});
  rounds.run(bench, kept);
  EXPECT_EQ(kept.records.size(), 24U);
  EXPECT_EQ(counts_of(kept.records).at("a/n:1").at(3), 8);
}

Plan make_until_plan(const char* size) {
  Plan plan = make_two_sides_plan("gate", 3);
  plan.settings.get<"--until">() = size;
  return plan;
}

TEST(Until, GivesRoundsOnlyToWhatIsUnclearUntilTimeIsUp) {
  Plan plan = make_until_plan("0.2%");
  plan.settings.get<"--max-time">() = "5min";
  SamplingBench bench("a/n:1");
  Kept kept;
  Rounds rounds(plan, {});
  rounds.run(bench, kept);
  EXPECT_LE(rounds.seconds(), 300);
  EXPECT_GT(rounds.seconds(), 290) << "0.2% cannot be told in this noise";
  const auto counts = counts_of(kept.records);
  EXPECT_LT(counts.at("a/n:1").at(rounds.samples().at("a/n:1")),
            counts.at("a/n:2").at(rounds.samples().at("a/n:2")));
  std::map<std::string, const Judgement*> judged;
  for (const Judgement& one : rounds.test()->judgements()) judged[one.name] = &one;
  EXPECT_EQ(judged.at("a/n:1")->verdict, Verdict::kSlower);
  EXPECT_NEAR(judged.at("a/n:1")->change, 0.5, 0.05);
  EXPECT_EQ(judged.at("a/n:2")->verdict, Verdict::kUnclear);
  EXPECT_EQ(2 * judged.at("a/n:2")->pairs,
            static_cast<size_t>(counts.at("a/n:2").at(rounds.samples().at("a/n:2"))))
      << "the last look is at all there is";
}

TEST(Until, EndsWhenAllIsSettled) {
  const Plan plan = make_until_plan("9%");
  SamplingBench bench;
  Kept kept;
  Rounds rounds(plan, {});
  rounds.run(bench, kept);
  EXPECT_LT(rounds.seconds(), 300);
  for (const Judgement& one : rounds.test()->judgements()) {
    EXPECT_EQ(one.verdict, Verdict::kSame) << one.name;
  }
}

TEST(Until, ThatWasInterruptedMakesTheSameLooks) {
  const Plan plan = make_until_plan("5%");
  SamplingBench bench("a/n:1");
  Kept whole;
  Rounds once(plan, {});
  once.run(bench, whole);
  for (const double share : {0.1, 0.5, 0.9, 1.0}) {
    const auto kept = static_cast<ptrdiff_t>(share * static_cast<double>(whole.records.size()));
    Rounds again(plan, {whole.records.begin(), whole.records.begin() + kept});
    // What it measures now is what it measured then.
    struct Again : Bench {
      Measured measure(const PlannedCase& which, size_t samples) override {
        const Record& record = *next++;
        EXPECT_EQ(which.name, record.entry.at("name").get<std::string>());
        EXPECT_EQ(which.side, record.side);
        EXPECT_TRUE(record.round == 0 || record.entry.at("iterations") == samples);
        return {record.entry, nullptr, record.seconds};
      }
      std::vector<Record>::const_iterator next;
    } replay;
    replay.next = whole.records.begin() + kept;
    Kept rest;
    again.run(replay, rest);
    EXPECT_EQ(replay.next, whole.records.end());
    EXPECT_EQ(describe_until(*again.test(), 600), describe_until(*once.test(), 600)) << share;
  }
}

}  // namespace
}  // namespace forkcost::runner
