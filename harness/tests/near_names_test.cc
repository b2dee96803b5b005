#include "harness/near_names.h"

#include <gtest/gtest.h>

namespace forkcost {
namespace {

TEST(NearNames, AreThoseWithTheLongestCommonPart) {
  const std::vector<std::string> names = {"cow/writer:child", "fork/heap:1GiB", "fork/heap:64MiB"};
  EXPECT_EQ(near_names(names, "heap:64GiB", 2),
            (std::vector<std::string>{"fork/heap:64MiB", "fork/heap:1GiB"}));
  EXPECT_EQ(near_names(names, "x", 9).size(), 3U);
}

TEST(NearNames, TakeLargeAndSmallLettersForTheSame) {
  EXPECT_EQ(near_names({"CYCLES", "DTLB-LOAD-MISSES"}, "dtlb-misses", 1),
            std::vector<std::string>{"DTLB-LOAD-MISSES"});
}

}  // namespace
}  // namespace forkcost
