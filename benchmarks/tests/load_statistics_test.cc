#include "benchmarks/load_statistics.h"

#include <gtest/gtest.h>

namespace forkcost {
namespace {

constexpr const char* kGlibc236 =
    "     12516:\t\n"
    "     12516:\truntime linker statistics:\n"
    "     12516:\t  total startup time in dynamic loader: 97240 cycles\n"
    "     12516:\t            time needed for relocation: 12394 cycles (12.7%)\n"
    "     12516:\t                 number of relocations: 83\n"
    "     12516:\t      number of relocations from cache: 7\n"
    "     12516:\t        number of relative relocations: 16003\n"
    "     12516:\t           time needed to load objects: 21743 cycles (22.3%)\n"
    "     12516:\t\n"
    "     12516:\truntime linker statistics:\n"
    "     12516:\t           final number of relocations: 86\n"
    "     12516:\tfinal number of relocations from cache: 7\n";

// Up to 2.25.
constexpr const char* kClockCycles =
    "      7081:\t\n"
    "      7081:\truntime linker statistics:\n"
    "      7081:\t  total startup time in dynamic loader: 2102236 clock cycles\n"
    "      7081:\t            time needed for relocation: 1121340 clock cycles (53.3%)\n"
    "      7081:\t                 number of relocations: 126\n"
    "      7081:\t      number of relocations from cache: 4\n"
    "      7081:\t        number of relative relocations: 1202\n"
    "      7081:\t           time needed to load objects: 724864 clock cycles (34.4%)\n";

// Where the loader has no counter (aarch64).
constexpr const char* kNoTimes =
    "       511:\t\n"
    "       511:\truntime linker statistics:\n"
    "       511:\t                 number of relocations: 94\n"
    "       511:\t      number of relocations from cache: 3\n"
    "       511:\t        number of relative relocations: 1233\n";

TEST(LoadStatistics, AreReadAsGlibc236PrintsThem) {
  const LoadStatistics statistics = parse_load_statistics(kGlibc236);
  EXPECT_EQ(statistics.total_ticks, 97240u);
  EXPECT_EQ(statistics.relocation_ticks, 12394u);
  EXPECT_EQ(statistics.load_ticks, 21743u);
  EXPECT_EQ(statistics.relocations, 83u);  // not those at exit
  EXPECT_EQ(statistics.from_cache, 7u);
  EXPECT_EQ(statistics.relative, 16003u);
}

TEST(LoadStatistics, OfOlderLoadersAreRead) {
  const LoadStatistics statistics = parse_load_statistics(kClockCycles);
  EXPECT_EQ(statistics.total_ticks, 2102236u);
  EXPECT_EQ(statistics.relocation_ticks, 1121340u);
  EXPECT_EQ(statistics.load_ticks, 724864u);
  EXPECT_EQ(statistics.relative, 1202u);
}

TEST(LoadStatistics, WhatIsNotSaidIsAbsent) {
  const LoadStatistics statistics = parse_load_statistics(kNoTimes);
  EXPECT_EQ(statistics.total_ticks, std::nullopt);
  EXPECT_EQ(statistics.relocation_ticks, std::nullopt);
  EXPECT_EQ(statistics.load_ticks, std::nullopt);
  EXPECT_EQ(statistics.relocations, 94u);
  for (const char* const text :
       {"", "\n", "no loader has said this: 1\n", "\tnumber of relocations: \n",
        "\tnumber of relocations: many\n", "number of relocations: 3\n"}) {
    EXPECT_EQ(parse_load_statistics(text).relocations, std::nullopt) << text;
  }
}

TEST(LoadStatistics, ALostDigitIsNoticedAndPutBack) {
  LoadStatistics lost = parse_load_statistics(kGlibc236);
  EXPECT_TRUE(may_lack_a_digit(lost, 1'300'000));
  EXPECT_FALSE(may_lack_a_digit(lost, 150'000));
  EXPECT_FALSE(may_lack_a_digit(parse_load_statistics(kNoTimes), 1'300'000));
  append_digit(lost);
  EXPECT_EQ(lost.total_ticks, 972405u);
  EXPECT_EQ(lost.relocation_ticks, 123945u);
  EXPECT_EQ(lost.load_ticks, 217435u);
  EXPECT_EQ(lost.relocations, 83u);
  LoadStatistics none = parse_load_statistics(kNoTimes);
  append_digit(none);
  EXPECT_EQ(none.total_ticks, std::nullopt);
}

TEST(LoadStatistics, SearchesAndTriedFilesAreCounted) {
  constexpr const char* kSaid =
      "        99:\tfind library=libc.so.6 [0]; searching\n"
      "        99:\t search cache=/etc/ld.so.cache\n"
      "        99:\t  trying file=/opt/lib/libc.so.6\n"
      "        99:\t  trying file=/lib/x86_64-linux-gnu/libc.so.6\n"
      "        99:\t\n";
  EXPECT_EQ(count_tried_files(kSaid), 2u);
  EXPECT_EQ(count_searches(kSaid), 1u);
  EXPECT_EQ(count_tried_files(""), 0u);
  EXPECT_EQ(count_searches(""), 0u);
}

}  // namespace
}  // namespace forkcost
