// The oracle: an arena is what it says, and a wrong one is found out.
#include "harness/arena.h"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>

#include "harness/error.h"
#include "harness/procfs.h"
#include "harness/size.h"
#include "harness/touch.h"

namespace forkcost {
namespace {

constexpr uint64_t kBytes = 8 * kMiB;

std::string failures(const Arena& arena) {
  std::string text;
  for (const Check& check : arena.verify()) {
    if (!check.ok) text += check.name + ";";
  }
  return text;
}

Arena make_thp() {  // or skips the test by its exception
  return Arena({kBytes, Backing::kThp});
}

TEST(Arena, BasePagesAreVerified) {
  const Arena arena({kBytes, Backing::kBasePages});
  EXPECT_EQ(failures(arena), "");
  EXPECT_GE(arena.verify().size(), 5u);
  EXPECT_EQ(arena.touches(), kBytes / page_size());
}

TEST(Arena, OfNothingMapsNothing) {
  const Arena arena({0, Backing::kBasePages});
  EXPECT_EQ(arena.base(), nullptr);
  EXPECT_EQ(failures(arena), "");
}

TEST(Arena, TwoOfAKindAreTwoMappings) {
  const Arena one({kBytes, Backing::kBasePages});
  const Arena two({kBytes, Backing::kBasePages});
  EXPECT_EQ(failures(one), "");
  EXPECT_EQ(failures(two), "");
}

TEST(Arena, MissingPagesAreFoundOut) {
  const Arena arena({kBytes, Backing::kBasePages});
  ASSERT_EQ(madvise(arena.base() + kMiB, page_size(), MADV_DONTNEED), 0);
  EXPECT_NE(failures(arena).find("Anonymous"), std::string::npos);
}

TEST(Arena, HugePagesInABasePageArenaAreFoundOut) {
  const Arena arena({kBytes, Backing::kBasePages}, Arena::Content::kUntouched);
  try {
    const Arena probe = make_thp();
  } catch (const Skip& skip) {
    GTEST_SKIP() << skip.what();
  }
  ASSERT_EQ(madvise(arena.base(), kBytes, MADV_HUGEPAGE), 0);
  for (uint64_t at = 0; at < kBytes; at += page_size()) arena.base()[at] = 1;
  EXPECT_NE(failures(arena).find("AnonHugePages"), std::string::npos);
}

TEST(Arena, SplitHugePagesAreFoundOutAndRestored) {
  try {
    Arena arena({kBytes, Backing::kThp});
    ASSERT_EQ(failures(arena), "");
    const pid_t child = fork();
    if (child == 0) {
      pause();
      _exit(0);
    }
    arena.base()[0] = 2;  // splits the first huge page
    EXPECT_NE(failures(arena).find("AnonHugePages"), std::string::npos);
    kill(child, SIGKILL);
    waitpid(child, nullptr, 0);
    arena.restore();
    EXPECT_EQ(failures(arena), "");
  } catch (const Skip& skip) {
    GTEST_SKIP() << skip.what();
  }
}

TEST(Arena, MoreThanThereIsIsSkippedWithWhatItWouldTake) {
  try {
    const Arena arena({4096 * kGiB, Backing::kBasePages});
    FAIL() << "this machine has 4 TiB of memory?";
  } catch (const Skip& skip) {
    EXPECT_NE(std::string(skip.what()).find("a heap of 4TiB"), std::string::npos) << skip.what();
  }
}

TEST(Arena, HugetlbWithoutAPoolIsSkippedWithTheCommand) {
  try {
    const Arena arena({4096 * kGiB, Backing::kHugetlb});
    FAIL();
  } catch (const Skip& skip) {
    EXPECT_NE(std::string(skip.what()).find("sysctl vm.nr_hugepages="), std::string::npos);
  }
}

TEST(TouchOrder, TouchesEachPageOnce) {
  for (const Pattern pattern : {Pattern::kSequential, Pattern::kRandom, Pattern::kStride}) {
    for (const size_t pages : {size_t{1}, size_t{15}, size_t{1000}}) {
      auto order = touch_order(pattern, pages);
      if (pages == 1000) {
        EXPECT_EQ(std::ranges::is_sorted(order), pattern == Pattern::kSequential);
      }
      std::ranges::sort(order);
      ASSERT_EQ(order.size(), pages);
      for (size_t i = 0; i < pages; ++i) ASSERT_EQ(order[i], i) << pattern_name(pattern);
    }
  }
}

// The fault counts on which every copy-on-write case rests. Exact, also when we are preempted.
TEST(PageToucher, CountsExactlyTheArenasFaults) {
  for (int again = 0; again < 10; ++again) {
    Arena arena({kBytes, Backing::kBasePages});
    PageToucher pages(arena, Pattern::kRandom);
    const auto n = static_cast<int64_t>(arena.touches());
    EXPECT_EQ(pages.touch(Access::kWrite).faults, 0);
    const pid_t child = fork();
    if (child == 0) {
      pause();
      _exit(0);
    }
    EXPECT_EQ(pages.touch(Access::kRead).faults, 0);   // reading unshares nothing
    EXPECT_EQ(pages.touch(Access::kWrite).faults, n);  // copy
    EXPECT_EQ(pages.touch(Access::kWrite).faults, 0);
    kill(child, SIGKILL);
    waitpid(child, nullptr, 0);

    const Arena fresh({kBytes, Backing::kBasePages}, Arena::Content::kUntouched);
    PageToucher fresh_pages(fresh, Pattern::kSequential);
    EXPECT_EQ(fresh_pages.touch(Access::kRead).faults, n);   // the zero page
    EXPECT_EQ(fresh_pages.touch(Access::kWrite).faults, n);  // and away from it
  }
}

TEST(PageToucher, LastOwnerReusesItsPages) {
  Arena arena({kBytes, Backing::kBasePages});
  PageToucher pages(arena, Pattern::kSequential);
  const auto before =
      read_frames(getpid(), reinterpret_cast<uintptr_t>(arena.base()), arena.touches());
  const pid_t child = fork();
  if (child == 0) _exit(0);
  waitpid(child, nullptr, 0);
  EXPECT_EQ(pages.touch(Access::kWrite).faults, static_cast<int64_t>(arena.touches()));
  const auto after =
      read_frames(getpid(), reinterpret_cast<uintptr_t>(arena.base()), arena.touches());
  if (before && after) {
    EXPECT_EQ(*before, *after);
  }
}

TEST(PageToucher, AChildsTimesReachTheParent) {
  Arena arena({kBytes, Backing::kBasePages});
  PageToucher pages(arena, Pattern::kSequential);
  const pid_t child = fork();
  if (child == 0) {
    const bool exact = pages.touch(Access::kWrite).faults == static_cast<int64_t>(arena.touches());
    _exit(exact ? 0 : 1);
  }
  int status = -1;
  waitpid(child, &status, 0);
  EXPECT_EQ(status, 0);  // the child's count is exact, too
  const auto times = pages.times_ns();
  EXPECT_EQ(std::ranges::count(times, 0u), 0);  // each took a fault
}

}  // namespace
}  // namespace forkcost
