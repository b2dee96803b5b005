#include "harness/flags.h"

#include <gtest/gtest.h>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>
#include <set>

#include "harness/error.h"
#include "harness/placement.h"

namespace forkcost {
namespace {

// A program with flags, and what it was called with.
struct Called {
  explicit Called(Program program) { add_flags(app, program, settings); }

  Called& with(std::vector<std::string> words) {
    std::ranges::reverse(words);
    app.parse(words);
    return *this;
  }

  CLI::App app;
  Settings settings;
};

// Any that the flag's check lets through.
std::vector<std::string> example_words(const Flag& flag) {
  switch (flag.kind) {
    case FlagKind::kSwitch:
      return {std::string(flag.name)};
    case FlagKind::kMaybeText:
      return {std::string(flag.name) + "=some text"};
    case FlagKind::kTexts:
      if (flag.repeated) return {std::string(flag.name), "a=1", std::string(flag.name), "b=2"};
      return {std::string(flag.name), "one", "another"};
    case FlagKind::kText:
      return {std::string(flag.name), "64MiB"};
    case FlagKind::kInteger:
    case FlagKind::kUnsigned:
    case FlagKind::kNumber:
      return {std::string(flag.name), "3"};
  }
  return {};
}

TEST(FlagTable, RowsAreWhole) {
  std::set<std::string_view> names, keys;
  for (const Flag& flag : kFlags) {
    SCOPED_TRACE(flag.name);
    EXPECT_TRUE(flag.name.starts_with("--"));
    EXPECT_TRUE(names.insert(flag.name).second) << "two rows";
    EXPECT_FALSE(flag.meaning.empty());
    EXPECT_EQ(flag.key.empty(), flag.kept_in == KeptIn::kNothing);
    EXPECT_TRUE(flag.key.empty() || keys.insert(flag.key).second) << "two keys " << flag.key;
    EXPECT_EQ(flag.noun.empty(), flag.kind != FlagKind::kTexts);
    EXPECT_EQ(flag.most_words > 0 || flag.repeated, flag.kind == FlagKind::kTexts);
    const bool of_both = flag.taken_by == TakenBy::kBoth;
    EXPECT_TRUE(of_both || !flag.handed_on);
    EXPECT_TRUE(of_both || flag.benchs_meaning.empty());
    EXPECT_TRUE(of_both || flag.kept_in != KeptIn::kEveryFile);
  }
}

TEST(FlagTable, IsTheHelpOfBothPrograms) {
  for (const Program program : {Program::kRunner, Program::kBench}) {
    const Called called(program);
    const std::string help = called.app.help();
    size_t place = 0;
    for (const Flag& flag : kFlags) {
      SCOPED_TRACE(flag.name);
      const std::string name(flag.name);
      const CLI::Option* const option = called.app.get_option_no_throw(name);
      ASSERT_EQ(option != nullptr, takes(program, flag));
      if (option == nullptr) continue;
      const bool own = program == Program::kBench && !flag.benchs_meaning.empty();
      EXPECT_EQ(option->get_description(), own ? flag.benchs_meaning : flag.meaning);
      place = help.find("  " + name + " ", place);
      EXPECT_NE(place, std::string::npos) << "not there, or not in the order of the table";
    }
  }
}

TEST(Flags, AreParsedIntoTheirKind) {
  Called called(Program::kRunner);
  called.with({"--cpu", "2", "--seed=7", "--time-limit-s", "0.5", "--counters", "--profile=cycles",
               "--force", "--interleave", "a", "b"});
  const Settings& settings = called.settings;
  EXPECT_EQ(settings.get<"--preset">(), "quick");
  EXPECT_EQ(settings.get<"--cpu">(), 2);
  EXPECT_EQ(settings.get<"--seed">(), 7U);
  EXPECT_EQ(settings.get<"--time-limit-s">(), 0.5);
  EXPECT_EQ(settings.get<"--counters">(), "");
  EXPECT_EQ(settings.get<"--profile">(), "cycles");
  EXPECT_TRUE(settings.get<"--force">());
  EXPECT_FALSE(settings.get<"--quiet">());
  EXPECT_EQ(settings.get<"--interleave">(), (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(settings.get<"--filter">(), "");
  EXPECT_EQ(settings.get<"--rounds">(), std::nullopt);
  EXPECT_EQ(Called(Program::kBench).settings.get<"--preset">(), "") << "the runner's default";
}

TEST(Flags, ThatAreRepeatedTakeOneWordEachTime) {
  Called called(Program::kRunner);
  called.with({"--label", "a=1", "--label=b=2"});
  EXPECT_EQ(called.settings.get<"--label">(), (std::vector<std::string>{"a=1", "b=2"}));
  EXPECT_THROW(Called(Program::kRunner).with({"--label", "a=1", "b=2"}), CLI::ParseError);
}

TEST(Flags, GiveTheSameAgainAsWords) {
  for (const Program program : {Program::kRunner, Program::kBench}) {
    for (const Flag& flag : kFlags) {
      if (!takes(program, flag)) continue;
      SCOPED_TRACE(flag.name);
      Called called(program);
      called.with(example_words(flag));
      const auto words = words_of(called.settings, [](const Flag&) { return true; });
      Called again(program);
      if (flag.name != "--show") {  // which goes without --preset, and that has a default
        EXPECT_EQ(again.with(words).settings.of(flag), called.settings.of(flag));
      }
      EXPECT_NE(called.settings.of(flag), Called(program).settings.of(flag));
    }
  }
}

TEST(Flags, ThatAreHandedOnReachTheBenchProgramAsTheyAre) {
  for (const Flag& flag : kFlags) {
    if (!takes(Program::kRunner, flag) || flag.name == "--show") continue;
    SCOPED_TRACE(flag.name);
    Called run(Program::kRunner);
    run.with(example_words(flag));
    const std::vector<std::string> words = words_for_bench(run.settings);
    EXPECT_EQ(words.empty(), !flag.handed_on);
    Called bench(Program::kBench);
    bench.with(words);
    EXPECT_TRUE(!flag.handed_on || bench.settings.of(flag) == run.settings.of(flag));
  }
}

TEST(Flags, StandInFilesByTheirKey) {
  Called run(Program::kRunner);
  for (const Flag& flag : kFlags) {
    if (flag.kept_in == KeptIn::kNothing) continue;
    Called one(Program::kRunner);
    run.settings.of(flag) = one.with(example_words(flag)).settings.of(flag);
  }
  const Json journal = describe_settings(run.settings, KeptIn::kJournal);
  const Settings back = parse_settings(journal);
  for (const Flag& flag : kFlags) {
    SCOPED_TRACE(flag.name);
    const std::string key(flag.key);
    EXPECT_EQ(!key.empty() && journal.contains(key), flag.kept_in >= KeptIn::kJournal);
    if (key.empty()) continue;
    EXPECT_EQ(back.of(flag), run.settings.of(flag));
    EXPECT_EQ(describe_settings(run.settings, KeptIn::kEveryFile).contains(key),
              flag.kept_in == KeptIn::kEveryFile);
  }
  EXPECT_EQ(describe_settings(Settings(), KeptIn::kJournal).dump(),
            R"({"preset":"","filter":"","heap":"","max_heap":"","until":"","max_time":""})")
      << "an optional one, and words, that were not given are absent";
}

TEST(Flags, OfMeasuringDoNotGoWithShow) {
  for (const Flag& flag : kFlags) {
    if (!takes(Program::kRunner, flag) || flag.name == "--show") continue;
    SCOPED_TRACE(flag.name);
    std::vector<std::string> words = {"--show", "r.json"};
    for (const std::string& word : example_words(flag)) words.push_back(word);
    Called run(Program::kRunner);
    if (flag.shows) {
      EXPECT_NO_THROW(run.with(words));
    } else {
      EXPECT_THROW(run.with(words), CLI::ParseError);
    }
  }
}

std::string refusal(const std::vector<std::string>& words) {
  Called run(Program::kRunner);
  try {
    check_settings(run.with(words).settings);
  } catch (const UsageError& error) {
    return error.what();
  }
  return "";
}

TEST(Flags, AreCheckedForWhatThisMachineHas) {
  EXPECT_EQ(refusal({"--cpu", std::to_string(allowed_cpus().front()), "--heap", "1GiB,0"}), "");
  EXPECT_NE(refusal({"--max-heap", "much"}).find("'much' is not a size"), std::string::npos);
  EXPECT_NE(refusal({"--until", "2"}).find("'2' is not a share"), std::string::npos);
  EXPECT_NE(refusal({"--max-time", "2"}).find("'2' is not a time"), std::string::npos);
  EXPECT_NE(refusal({"--heap", "1GiB,much"}).find("'much' is not a size"), std::string::npos);
  EXPECT_NE(refusal({"--cpu", "99999"})
                .find("CPU 99999 is not in the affinity mask; allowed: " +
                      std::to_string(allowed_cpus().front())),
            std::string::npos);
}

}  // namespace
}  // namespace forkcost
