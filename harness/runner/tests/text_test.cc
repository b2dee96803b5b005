#include "harness/runner/text.h"

#include <gtest/gtest.h>

namespace forkcost::runner {
namespace {

using Lines = std::vector<std::string>;

TEST(WidthOf, CountsCharacters) {
  EXPECT_EQ(width_of("12 µs – 4×"), 10U);
  EXPECT_EQ(width_of(""), 0U);
}

TEST(Cut, LeavesNoHalfCharacter) {
  EXPECT_EQ(cut("fork", 4), "fork");
  EXPECT_EQ(cut("µµµµµ", 3), "µµ…");
  EXPECT_EQ(cut("fork", 1), "…");
  EXPECT_EQ(cut("fork", 0), "");
}

TEST(Human, HasThreeDigitsAndAUnit) {
  EXPECT_EQ(human(1.5, "ns"), "1.50 ns");
  EXPECT_EQ(human(999, "ns"), "999 ns");
  EXPECT_EQ(human(1234, "ns"), "1.23 µs");
  EXPECT_EQ(human(36'240, "ns"), "36.2 µs");
  EXPECT_EQ(human(1'234'567, "ns"), "1.23 ms");
  EXPECT_EQ(human(118e6, "ns"), "118 ms");
  EXPECT_EQ(human(2.5e9, "ns"), "2.50 s");
  EXPECT_EQ(human(-36'240, "ns"), "-36.2 µs");
}

// 999.7 µs is no "1000 µs", and 9.996 no "10.00".
TEST(Human, NeverHasFour) {
  EXPECT_EQ(human(999'700, "ns"), "1.00 ms");
  EXPECT_EQ(human(9'996, "ns"), "10.0 µs");
  EXPECT_EQ(human(99'960, "ns"), "100 µs");
}

TEST(Human, KnowsBytesRatiosAndCounts) {
  EXPECT_EQ(human(1536, "bytes"), "1.5 KiB");
  EXPECT_EQ(human(0x1p30, "bytes"), "1 GiB");
  EXPECT_EQ(human(0, "bytes"), "0 B");
  EXPECT_EQ(human(1.0061, "ratio"), "1.006");
  EXPECT_EQ(human(3, "1"), "3");
  EXPECT_EQ(human(1234567, "1"), "1234567");
}

TEST(HumanFactor, HasTwoDigits) {
  EXPECT_EQ(human_factor(12.3), "12×");
  EXPECT_EQ(human_factor(1), "1.0×");
  EXPECT_EQ(human_factor(0.117), "0.12×");
  EXPECT_EQ(human_factor(0.034), "0.034×");
}

TEST(Spaced, PartsASizeAndNothingElse) {
  EXPECT_EQ(spaced("256MiB"), "256 MiB");
  EXPECT_EQ(spaced("0"), "0");
  EXPECT_EQ(spaced("4k"), "4k");
  EXPECT_EQ(spaced("MiB"), "MiB");
}

TEST(ReplaceAll, DoesNotLookIntoWhatItPutThere) {
  EXPECT_EQ(replace_all("{} of {}", "{}", "{}{}"), "{}{} of {}{}");
}

TEST(Wrap, BreaksBetweenPartsAndThenAtSpaces) {
  EXPECT_EQ(wrap("fork", 6, {"1 µs empty", "2 µs at 1 GiB"}, ", ", 40),
            (Lines{"fork  1 µs empty, 2 µs at 1 GiB"}));
  EXPECT_EQ(wrap("fork", 6, {"1 µs empty", "2 µs at 1 GiB"}, ", ", 20),
            (Lines{"fork  1 µs empty,", "      2 µs at 1 GiB"}));
  EXPECT_EQ(wrap("fork", 6, {"a reason with many words"}, ", ", 16),
            (Lines{"fork  a reason", "      with many", "      words"}));
}

TEST(Wrap, FillsALineToItsLastColumnAndNoFurther) {
  for (size_t width = 12; width < 60; ++width) {
    for (const std::string& line :
         wrap("µ", 4, {"some µs here", "and more there", "end"}, ", ", width)) {
      EXPECT_LE(width_of(line), width) << line;
    }
  }
}

TEST(Grid, AlignsByCharactersAndClosesUpWhereItIsNarrow) {
  const std::vector<TextRow> rows = {{"path", "time"}, {"fork", "12 µs"}, {"v", "–"}};
  const Grid wide = make_grid(rows, 80);
  EXPECT_EQ(wide.line(rows[0]), "path   time");
  EXPECT_EQ(wide.line(rows[1]), "fork  12 µs");
  EXPECT_EQ(wide.line(rows[2]), "v         –");
  EXPECT_EQ(wide.width(), 11U);
  EXPECT_EQ(make_grid(rows, 10).line(rows[1]), "fork 12 µs");
}

TEST(Printable, LeavesNothingThatSteersATerminal) {
  EXPECT_EQ(printable("a\033]0;x\007b\x7f\r\n\tc"), "a?]0;x?b??\n\tc");
  EXPECT_EQ(printable("\u009b31m, 1.2 \u00b5s \u2013"), "?31m, 1.2 \u00b5s \u2013");
  EXPECT_EQ(printable("\xc2"), "\xc2");
}

}  // namespace
}  // namespace forkcost::runner
