#include "harness/size.h"

#include <gtest/gtest.h>

#include "harness/error.h"

namespace forkcost {
namespace {

TEST(Size, ReadsWhatPeopleWrite) {
  EXPECT_EQ(parse_size("0"), 0u);
  EXPECT_EQ(parse_size("4096"), 4096u);
  EXPECT_EQ(parse_size("64MiB"), 64 * kMiB);
  EXPECT_EQ(parse_size("64m"), 64 * kMiB);
  EXPECT_EQ(parse_size("1G"), kGiB);
  EXPECT_EQ(parse_size("2tib"), 2048 * kGiB);
}

TEST(Size, RefusesEverythingElse) {
  for (const char* text : {"", "12Q", "MiB", "-1", "1.5GiB", "1GiBx", "1 GiB", "1Gb2",
                           "18446744073709551616", "16777216TiB", "0x10"}) {
    EXPECT_THROW(parse_size(text), UsageError) << text;
  }
}

TEST(Size, NamesTheCulprit) {
  try {
    parse_size("12Q");
    FAIL();
  } catch (const UsageError& error) {
    EXPECT_NE(std::string(error.what()).find("'12Q'"), std::string::npos) << error.what();
  }
}

TEST(Size, FormatIsTheInverse) {
  for (const uint64_t bytes :
       {uint64_t{0}, uint64_t{1}, uint64_t{1536}, 64 * kMiB, 3 * kGiB, 1025 * kMiB}) {
    EXPECT_EQ(parse_size(format_size(bytes)), bytes) << format_size(bytes);
  }
  EXPECT_EQ(format_size(256 * kMiB), "256MiB");
  EXPECT_EQ(format_size(0), "0");
}

TEST(Size, SharesAndTimes) {
  EXPECT_DOUBLE_EQ(parse_percent("2%"), 0.02);
  EXPECT_DOUBLE_EQ(parse_percent("0.5%"), 0.005);
  for (const char* text : {"", "2", "%", "0%", "-1%", "100%", "2 %", "nan%", "2%%"}) {
    EXPECT_THROW(parse_percent(text), UsageError) << text;
  }
  EXPECT_DOUBLE_EQ(parse_duration("90s"), 90);
  EXPECT_DOUBLE_EQ(parse_duration("10min"), 600);
  EXPECT_DOUBLE_EQ(parse_duration("1.5h"), 5400);
  for (const char* text : {"", "10", "min", "0s", "-1s", "10 min", "infs", "1d"}) {
    EXPECT_THROW(parse_duration(text), UsageError) << text;
  }
}

TEST(Size, Lists) {
  EXPECT_EQ(parse_sizes("0,16MiB,1GiB"), (std::vector<uint64_t>{0, 16 * kMiB, kGiB}));
  EXPECT_THROW(parse_sizes("1GiB,"), UsageError);
}

}  // namespace
}  // namespace forkcost
