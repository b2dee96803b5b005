#include "harness/runner/progress.h"

#include <gtest/gtest.h>

#include "harness/runner/text.h"

namespace forkcost::runner {
namespace {

const Position kMiddle{1, 34, 120, 20, 41};

TEST(ProgressBar, SaysWhereTheRunIs) {
  EXPECT_EQ(progress_bar("fork/heap:0", kMiddle, 5, 80),
            "[======>             ]  33%  round 2/5  41 s left  fork/heap:0");
  EXPECT_EQ(progress_bar("x", {}, 1, 80), "[>                   ]   0%  round 1/1  x");
  EXPECT_EQ(progress_bar("x", {4, 5, 5, 9, 0}, 5, 80), "[====================] 100%  round 5/5  x");
}

TEST(ProgressBar, FitsEveryTerminal) {
  const std::string name(70, 'n');
  for (size_t width = 0; width < 120; ++width) {
    const std::string line = progress_bar(name, kMiddle, 5, width);
    EXPECT_LT(width_of(line), std::max<size_t>(width, 1)) << line;
  }
  EXPECT_EQ(progress_bar(name, kMiddle, 5, 40), " 33%  round 2/5  41 s left  nnnnnnnnnn…");
}

TEST(ProgressText, SaysAllOnlyAtTheEnd) {
  EXPECT_EQ(progress_text({4, 999, 1000, 997, 3}, 5), " 99%, round 5 of 5, 3 s left");
  EXPECT_EQ(progress_text({4, 1000, 1000, 1000, 0}, 5), "100%, round 5 of 5");
}

TEST(ProgressText, HasNoControlCharacters) {
  EXPECT_EQ(progress_text(kMiddle, std::nullopt), " 33%, round 2, 41 s left");
  EXPECT_EQ(progress_text(kMiddle, 5), " 33%, round 2 of 5, 41 s left");
  EXPECT_EQ(progress_text({}, 5), "  0%, round 1 of 5");
  EXPECT_EQ(progress_text({1, 34, 120, 20, 4100}, 5), "  0%, round 2 of 5, 68 min left");
}

}  // namespace
}  // namespace forkcost::runner
