#include "harness/verification.h"

#include <gtest/gtest.h>

#include "harness/error.h"

namespace forkcost {
namespace {

std::string failure_of(const forkcost_timeline_page& page) {
  try {
    require_timeline(page, {FORKCOST_CHILD, FORKCOST_EXIT});
  } catch (const Failure& failure) {
    return failure.what();
  }
  return "";
}

TEST(Verification, KeepsWhatWasCheckedUpToWhatFails) {
  Verification verification;
  verification.add(check_equal("pages", 4, 4));
  try {
    verification.add(check_equal("minor faults", 2048, 4));
    FAIL() << "it does not throw";
  } catch (const Failure& failure) {
    EXPECT_STREQ(failure.what(), "verification: minor faults is 4, expected 2048");
  }
  ASSERT_EQ(verification.checks().size(), 2u);
  EXPECT_TRUE(verification.checks()[0].ok);
  EXPECT_FALSE(verification.checks()[1].ok);
}

TEST(Verification, AnEventThatIsMissingFails) {
  forkcost_timeline_page page{};
  page.ticks[FORKCOST_CHILD] = 1;
  EXPECT_NE(failure_of(page).find("'exit'"), std::string::npos);
  page.ticks[FORKCOST_EXIT] = 2;
  EXPECT_EQ(failure_of(page), "");
}

TEST(Verification, EventsOutOfOrderFail) {
  forkcost_timeline_page page{};
  page.ticks[FORKCOST_CHILD] = 2;
  page.ticks[FORKCOST_EXIT] = 1;
  EXPECT_NE(failure_of(page).find("not in step"), std::string::npos);
}

TEST(Verification, AChildIsMisplacedOnlyWhereAnotherCpuIsWanted) {
  forkcost_timeline_page page{};
  page.child_cpu = 1;
  EXPECT_TRUE(is_misplaced(Placement::kOtherCpu, page, 1));
  EXPECT_FALSE(is_misplaced(Placement::kOtherCpu, page, 0));
  EXPECT_FALSE(is_misplaced(Placement::kSameCpu, page, 1));
  EXPECT_FALSE(is_misplaced(Placement::kFree, page, 1));
}

}  // namespace
}  // namespace forkcost
