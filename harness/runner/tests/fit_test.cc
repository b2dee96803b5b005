#include "harness/runner/fit.h"

#include <gtest/gtest.h>

namespace forkcost::runner {
namespace {

TEST(Slope, OfALineIsTheLines) {
  EXPECT_DOUBLE_EQ(slope({{0, 5}, {1, 7}, {10, 25}}).value(), 2);
  EXPECT_DOUBLE_EQ(slope({{10, 0}, {0, 5}}).value(), -0.5);
}

TEST(Slope, NeedsTwoSizes) {
  EXPECT_FALSE(slope({}));
  EXPECT_FALSE(slope({{3, 1}}));
  EXPECT_FALSE(slope({{3, 1}, {3, 2}}));
}

// Least squares would say 2.5.
TEST(Slope, DoesNotFollowADisturbedSize) {
  EXPECT_NEAR(slope({{0, 0}, {1, 2}, {2, 40}, {3, 6}, {10, 20}}).value(), 2, 0.01);
}

// Of ten pairs six are among the small sizes, whose differences are noise.
TEST(Slope, WeighsPairsByTheirDistance) {
  EXPECT_NEAR(slope({{0, 50}, {1, 30}, {2, 45}, {3, 20}, {1000, 2050}}).value(), 2, 0.05);
}

TEST(Crossing, LiesBetweenTheSizesAroundIt) {
  const auto found = crossing({{0, 100}, {64, 900}, {256, 3300}}, 1000);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->where, Crossing::Where::kAt);
  EXPECT_DOUBLE_EQ(found->x, 72);
}

TEST(Crossing, ExtrapolatesNothing) {
  const auto below = crossing({{64, 1500}, {16, 1000}}, 1000);
  ASSERT_TRUE(below);
  EXPECT_EQ(below->where, Crossing::Where::kBelow);
  EXPECT_EQ(below->x, 16);
  const auto above = crossing({{16, 10}, {64, 999}}, 1000);
  ASSERT_TRUE(above);
  EXPECT_EQ(above->where, Crossing::Where::kAbove);
  EXPECT_EQ(above->x, 64);
  EXPECT_FALSE(crossing({}, 1000));
  EXPECT_FALSE(crossing({{0, 50}}, 1000)) << "of an empty process alone it says nothing";
}

}  // namespace
}  // namespace forkcost::runner
