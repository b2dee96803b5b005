#include "harness/strings.h"

#include <gtest/gtest.h>

namespace forkcost {
namespace {

using Parts = std::vector<std::string_view>;

TEST(Strings, SplitLeavesOutWhatIsEmpty) {
  EXPECT_EQ(split("a,b,,c,", ','), (Parts{"a", "b", "c"}));
  EXPECT_EQ(split("", ','), Parts{});
  EXPECT_EQ(split(",", ','), Parts{});
}

TEST(Strings, TrimLeavesWhatIsInside) {
  EXPECT_EQ(trim(" \ta b\r\n"), "a b");
  EXPECT_EQ(trim(" \n"), "");
}

TEST(Strings, AWordIsAWholeOneBetweenBlanksOfAnyKind) {
  EXPECT_TRUE(has_word("flags\t\t: fpu\ttsc nonstop_tsc\n", "tsc"));
  EXPECT_TRUE(has_word("tsc hpet\n", "hpet"));
  EXPECT_FALSE(has_word("constant_tsc nonstop_tsc", "tsc"));
  EXPECT_FALSE(has_word("", "tsc"));
  EXPECT_FALSE(has_word("tsc", ""));
}

TEST(Strings, ANumberStandsAlone) {
  EXPECT_EQ(parse_number(" 42\n"), 42u);
  for (const char* text : {"", "x", "4 2", "42kB", "-1", "99999999999999999999"}) {
    EXPECT_EQ(parse_number(text), std::nullopt) << text;
  }
}

TEST(Strings, ALeadingNumberMayBeFollowedByAnything) {
  EXPECT_EQ(leading_number("\t  132 kB"), 132u);
  EXPECT_EQ(leading_number("7f00-7f10", 16), 0x7f00u);
  EXPECT_EQ(leading_number("0\n"), 0u);
  EXPECT_EQ(leading_number("kB 1"), std::nullopt);
  EXPECT_EQ(leading_number(""), std::nullopt);
}

}  // namespace
}  // namespace forkcost
