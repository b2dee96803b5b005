#include "harness/memory.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "harness/arena.h"
#include "harness/error.h"
#include "harness/procfs.h"
#include "harness/size.h"

namespace forkcost {
namespace {

namespace fs = std::filesystem;

// A machine of 4 GiB, 3 of them available, whose files the test writes.
class MemoryTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = fs::temp_directory_path() / "forkcost-memory-XXXXXX";
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    root_ = pattern;
    write("/proc/meminfo", "MemTotal: 4194304 kB\nMemFree: 1 kB\nMemAvailable: 3145728 kB\n");
  }
  void TearDown() override { fs::remove_all(root_); }

  void write(const std::string& path, const std::string& text) {
    const fs::path file = root_ + path;
    fs::create_directories(file.parent_path());
    std::ofstream(file) << text;
  }
  void write_mib(const std::string& path, uint64_t mib) { write(path, std::to_string(mib * kMiB)); }
  Memory read() const { return read_memory(SystemFiles(root_)); }

  std::string root_;
};

TEST_F(MemoryTest, WithoutACgroupItIsTheMachines) {
  EXPECT_EQ(read().total, 4 * kGiB);
  EXPECT_EQ(read().available, 3 * kGiB);
}

TEST_F(MemoryTest, ACgroupOfVersion1LeavesItsLimitAndTheCacheThatNobodyUses) {
  write("/proc/self/cgroup", "4:memory:/job\n0::/\n");
  write_mib("/sys/fs/cgroup/memory/job/memory.limit_in_bytes", 256);
  write_mib("/sys/fs/cgroup/memory/job/memory.usage_in_bytes", 250);
  EXPECT_EQ(read().total, 256 * kMiB);
  EXPECT_EQ(read().available, 6 * kMiB);
  write("/sys/fs/cgroup/memory/job/memory.stat",
        "inactive_file 4096\ntotal_inactive_file " + std::to_string(200 * kMiB) + "\n");
  EXPECT_EQ(read().available, 206 * kMiB);
}

TEST_F(MemoryTest, InVersion2EveryLevelAndMemoryHighCount) {
  write("/proc/self/cgroup", "0::/slice/job\n");
  write("/sys/fs/cgroup/slice/job/memory.max", "max\n");
  write_mib("/sys/fs/cgroup/slice/job/memory.high", 900);
  write_mib("/sys/fs/cgroup/slice/job/memory.current", 100);
  EXPECT_EQ(read().available, 800 * kMiB);
  write_mib("/sys/fs/cgroup/slice/memory.max", 512);
  write_mib("/sys/fs/cgroup/slice/memory.current", 500);
  write("/sys/fs/cgroup/slice/memory.stat",
        "anon 5\nfile 9\ninactive_file " + std::to_string(300 * kMiB) + "\nactive_file 7\n");
  EXPECT_EQ(read().total, 512 * kMiB);
  EXPECT_EQ(read().available, 312 * kMiB);
}

// cgroup_no_v1=memory where the rest is of version 1.
TEST_F(MemoryTest, Version2MayHaveItsMountBesideVersion1) {
  write("/proc/self/cgroup", "3:cpu,cpuacct:/\n0::/job\n");
  write("/sys/fs/cgroup/unified/cgroup.controllers", "memory\n");
  write_mib("/sys/fs/cgroup/unified/job/memory.max", 256);
  write_mib("/sys/fs/cgroup/unified/job/memory.current", 56);
  EXPECT_EQ(read().total, 256 * kMiB);
  EXPECT_EQ(read().available, 200 * kMiB);
}

TEST_F(MemoryTest, MoreUsedThanAllowedLeavesNothing) {
  write("/proc/self/cgroup", "4:memory:/\n");
  write_mib("/sys/fs/cgroup/memory/memory.limit_in_bytes", 10);
  write_mib("/sys/fs/cgroup/memory/memory.usage_in_bytes", 20);
  EXPECT_EQ(read().available, 0u);
}

TEST(Memory, TheReserveIsAShareBetweenAFloorAndACap) {
  EXPECT_EQ(memory_reserve(128 * kMiB), 16 * kMiB);
  EXPECT_EQ(memory_reserve(kGiB), 64 * kMiB);
  EXPECT_EQ(memory_reserve(64 * kGiB), 256 * kMiB);
}

TEST(Memory, OfThisMachine) {
  const Memory memory = read_memory();
  EXPECT_GT(memory.available, kMiB);
  EXPECT_GE(memory.total, memory.available);
  EXPECT_LT(memory.total, uint64_t{1} << 60);
  EXPECT_NO_THROW(require_memory(1, "a byte"));
}

// What the reason of a Skip says, or nothing.
std::string reason(const ArenaSpec& spec, const MemoryNeed& need, bool populated) {
  try {
    require_room(spec, need, populated);
  } catch (const Skip& skip) {
    return skip.what();
  }
  return "";
}

TEST(Room, CopiesAndTablesAreNeededBeforeTheArenaIsThere) {
  if (page_size() != 4096) GTEST_SKIP() << "the figures are of base pages of 4 KiB";
  const ArenaSpec huge{1024 * kGiB, Backing::kBasePages};
  // 2 arenas, 2 GiB of tables each for parent and child, 1 GiB
  EXPECT_EQ(reason(huge, {.copies = 1, .processes = 1, .bytes = kGiB}, false)
                .find("needs 2102272 MiB of memory (a heap of 1TiB, a copy of it, page tables, and "
                      "what the case makes) and "),
            0u);
  EXPECT_EQ(
      reason(huge, {.copies = 16, .processes = 16}, true)
          .find("needs 16809984 MiB of memory (a heap of 1TiB, 16 copies of it, page tables) "),
      0u);
  EXPECT_EQ(reason({}, {}, false), "");
}

TEST(Room, CopiesOfHugePagesComeFromThePool) {
  const ArenaSpec pool{4096 * kGiB, Backing::kHugetlb};
  const auto pages = 2 * pool.bytes / huge_page_size();
  EXPECT_EQ(reason(pool, {.copies = 1}, false).find(std::to_string(pages) + " free huge pages"),
            0u);
}

}  // namespace
}  // namespace forkcost
