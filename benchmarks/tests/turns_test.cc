#include "benchmarks/switch/turns.h"

#include <gtest/gtest.h>

namespace {

// It waited for ever for a dead partner.
TEST(Turns, TheOtherSidesEndIsSeenThoughATurnWasGivenBehindIt) {
  forkcost_turns turns{};
  turns.stop = 1;
  ASSERT_EQ(forkcost_give_turn(&turns, FORKCOST_FIRST), 1);
  EXPECT_EQ(forkcost_take_turn(&turns, FORKCOST_FIRST), 0);
}

}  // namespace
