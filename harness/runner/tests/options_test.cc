#include "harness/runner/options.h"

#include <gtest/gtest.h>

#include "harness/error.h"

namespace forkcost::runner {
namespace {

Options parse(std::vector<const char*> arguments) {
  arguments.insert(arguments.begin(), "forkcost-run");
  return parse_options(static_cast<int>(arguments.size()), arguments.data()).value();
}

TEST(OptionsTest, HaveTheDocumentedDefaults) {
  const Options options = parse({});
  EXPECT_EQ(options.get<"--preset">(), "quick");
  EXPECT_TRUE(options.get<"--out">().starts_with("forkcost-2") &&
              options.get<"--out">().ends_with("Z.json"))
      << options.get<"--out">();
  EXPECT_FALSE(options.get<"--seed">() || options.get<"--rounds">() || options.get<"--cpu">());
}

TEST(OptionsTest, RefuseWhatIsWrong) {
  for (const auto& arguments :
       std::vector<std::vector<const char*>>{{"--preset", "tiny"},
                                             {"--heap", "1GiB,"},
                                             {"--max-heap", "much"},
                                             {"--rounds", "-1"},
                                             {"--rounds", "two"},
                                             {"--seed", "-5"},
                                             {"--time-limit-s", "0"},
                                             {"stray"},
                                             {"--resume"},
                                             {"--interleave", "x"},
                                             {"--interleave", "x", "env:A"},
                                             {"--interleave", "env:=1", "x"},
                                             {"--interleave", "", "env:"},
                                             {"--interleave", "x", "y", "--bin-dir", "z"},
                                             {"--cpu", "-1"}}) {
    EXPECT_THROW(parse(arguments), UsageError) << arguments[0];
  }
}

TEST(OptionsTest, ResumeCommandSaysTheSameAgain) {
  const Options options = parse({"--preset", "full", "--filter", "a'b|$(c)", "--heap", "1GiB",
                                 "--rounds=4", "--out", "x y.json", "--seed", "7"});
  EXPECT_EQ(resume_command(options),
            "forkcost-run --preset full --out 'x y.json' --filter 'a'\\''b|$(c)' --rounds 4 "
            "--heap 1GiB --seed 7 --resume");
}

TEST(OptionsTest, SidesAreDirectoriesOrSettings) {
  EXPECT_TRUE(parse({}).get<"--interleave">().empty());
  const Options options = parse(
      {"--interleave", "old build", "env:LD_BIND_NOW=1", "--bin-dir", "x", "--out", "r.json"});
  EXPECT_EQ(options.get<"--interleave">(),
            (std::vector<std::string>{"old build", "env:LD_BIND_NOW=1"}));
  EXPECT_EQ(resume_command(options),
            "forkcost-run --preset quick --out r.json --bin-dir x --interleave 'old build' "
            "env:LD_BIND_NOW=1 --resume");
  EXPECT_NO_THROW(parse({"--interleave", "env:", "env:A="}));
}

TEST(OptionsTest, EachSideHasAFile) {
  EXPECT_EQ(output_files(parse({"--out", "d/r.json"})), std::vector<std::string>{"d/r.json"});
  using Files = std::vector<std::string>;
  EXPECT_EQ(output_files(parse({"--interleave", "x", "y", "--out", "d/r.json"})),
            (Files{"d/r-a.json", "d/r-b.json"}));
  EXPECT_EQ(output_files(parse({"--interleave", "x", "y", "--out", "d.json/r"})),
            (Files{"d.json/r-a", "d.json/r-b"}));
  EXPECT_EQ(output_files(parse({"--interleave", "x", "y", "--out", "r.json.gz"})),
            (Files{"r-a.json.gz", "r-b.json.gz"}));
}

TEST(OptionsTest, FlagsOfPassesMayHaveAValue) {
  EXPECT_FALSE(parse({}).get<"--counters">() || parse({}).get<"--profile">() ||
               parse({}).get<"--list-counters">());
  const Options plain = parse({"--counters", "--profile", "--out", "x.json"});
  EXPECT_EQ(plain.get<"--counters">(), "");
  EXPECT_EQ(plain.get<"--profile">(), "");
  EXPECT_EQ(resume_command(plain),
            "forkcost-run --preset quick --out x.json --counters --profile --resume");
  const Options named = parse({"--counters=cycles:u,page-faults", "--profile=cpu-clock"});
  EXPECT_EQ(named.get<"--counters">(), "cycles:u,page-faults");
  EXPECT_EQ(named.get<"--profile">(), "cpu-clock");
  EXPECT_NE(resume_command(named).find("--counters=cycles:u,page-faults --profile=cpu-clock "),
            std::string::npos);
  EXPECT_EQ(parse({"--list-counters=dtlb"}).get<"--list-counters">(), "dtlb");
}

TEST(OptionsTest, ShowMeasuresNothing) {
  EXPECT_EQ(parse({"--show", "r.json", "--table"}).get<"--show">(),
            std::vector<std::string>{"r.json"});
  EXPECT_EQ(parse({"--show", "a.json", "b.json", "--filter", "x"}).get<"--show">().size(), 2U);
  for (const char* flag : {"--resume", "--doctor", "--quiet", "--list", "--force"}) {
    EXPECT_THROW(parse({"--show", "r.json", flag}), UsageError) << flag;
  }
  EXPECT_THROW(parse({"--show", "r.json", "--rounds", "2"}), UsageError);
}

}  // namespace
}  // namespace forkcost::runner
