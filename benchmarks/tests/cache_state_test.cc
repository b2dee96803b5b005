#include "benchmarks/cache_state.h"

#include <gtest/gtest.h>

#include "harness/case_result.h"
#include "harness/placement.h"

namespace forkcost {
namespace {

nlohmann::json outcome_of(uint64_t resident) {
  const Case the_case{.benchmark = "test", .axes = {}, .body = [resident](Measurement& m) {
                        m.verified({"of a test", "", "", true});
                        require_resident(m, "resident", 4, resident);
                      }};
  return measure(the_case, {.cpu = allowed_cpus().back()}, 1).entry["outcome"];
}

TEST(Resident, FewerThanWereTouchedIsChance) {
  const auto outcome = outcome_of(3);
  EXPECT_EQ(outcome["status"], "skipped") << outcome;
  EXPECT_EQ(outcome["by_chance"], true);
}

TEST(Resident, MoreThanWereTouchedIsAFailure) {
  const auto outcome = outcome_of(5);
  EXPECT_EQ(outcome["reason"], "verification: resident is 5, expected 4") << outcome;
}

}  // namespace
}  // namespace forkcost
