#include <gtest/gtest.h>

#include <set>

#include "harness/case.h"
#include "harness/size.h"

namespace forkcost {
namespace {

TEST(Heaps, GoAsFarAsMemoryAllows) {
  const auto small = default_heaps(2 * kGiB);
  EXPECT_EQ(small.back().bytes, 4 * kGiB);  // of a preset: such a case is skipped with its reason
  const auto large = default_heaps(100 * kGiB);
  EXPECT_EQ(large.back().bytes, 75 * kGiB);
  std::set<uint64_t> sizes;
  for (const HeapSize& heap : large) EXPECT_TRUE(sizes.insert(heap.bytes).second) << heap.bytes;
}

}  // namespace
}  // namespace forkcost
