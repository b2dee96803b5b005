#include "harness/procfs.h"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include "harness/error.h"
#include "harness/files.h"

namespace forkcost {
namespace {

constexpr const char* kSmaps =
    "7f0000000000-7f0000200000 rw-p 00000000 00:00 0 \n"
    "Size:               2048 kB\n"
    "KernelPageSize:        4 kB\n"
    "Rss:                2048 kB\n"
    "AnonHugePages:         0 kB\n"
    "THPeligible:           0\n"
    "VmFlags: rd wr mr mw me ac nh\n"
    "7f0000200000-7f0000201000 r--p 00000000 08:01 12 /usr/lib/libc.so\n"
    "Size:                  4 kB\n"
    "Rss:                   4 kB\n";

TEST(Procfs, FindsAMappingByItsStart) {
  const auto mapping = find_mapping(kSmaps, 0x7f0000000000);
  ASSERT_TRUE(mapping);
  EXPECT_EQ(mapping->end - mapping->begin, 2u << 20);
  EXPECT_EQ(mapping->fields.at("Rss"), 2048u * 1024);
  EXPECT_EQ(mapping->fields.at("AnonHugePages"), 0u);
  EXPECT_EQ(mapping->fields.at("THPeligible"), 0u);
  EXPECT_EQ(find_mapping(kSmaps, 0x7f0000200000)->fields.at("Rss"), 4096u);
  // An address inside is not the start: the arena would share its mapping with something else.
  EXPECT_FALSE(find_mapping(kSmaps, 0x7f0000001000));
}

TEST(Procfs, AMappingKnowsItsFile) {
  const auto mappings = parse_mappings(kSmaps);
  ASSERT_EQ(mappings.size(), 2u);
  EXPECT_EQ(mappings[0].path, "");
  EXPECT_EQ(mappings[0].inode, 0u);
  EXPECT_EQ(mappings[1].path, "/usr/lib/libc.so");
  EXPECT_EQ(mappings[1].permissions, "r--p");
  EXPECT_EQ(mappings[1].inode, 12u);
  const auto named = parse_mappings("10000-12000 r-xp 00003000 fe:00 7      /a b/c (deleted)\n");
  ASSERT_EQ(named.size(), 1u);
  EXPECT_EQ(named[0].path, "/a b/c (deleted)");
  EXPECT_EQ(named[0].offset, 0x3000u);
  EXPECT_EQ(named[0].bytes(), 0x2000u);
}

TEST(Procfs, OwnMemoryIsSeen) {
  const size_t size = 64 << 20;
  const MemoryUse before = read_memory_use(getpid());
  void* memory = mmap(nullptr, size, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
  ASSERT_NE(memory, MAP_FAILED);
  const MemoryUse after = read_memory_use(getpid());
  munmap(memory, size);
  // Our share of libc shrinks when others start meanwhile.
  EXPECT_GE(after.pss + (1 << 20), before.pss + size);
  EXPECT_GE(after.private_dirty, before.private_dirty + size);
  EXPECT_GT(after.page_tables, 0u);
  EXPECT_THROW(read_memory_use(0x7fffffff), Failure);
}

TEST(Procfs, FindsAFieldByItsWholeName) {
  const char* status = "VmPTE:\t     132 kB\nVmPTEs:\t7 kB\nThreads:\t1\n";
  EXPECT_EQ(find_field(status, "VmPTE"), 132u);
  EXPECT_EQ(find_field(status, "Threads"), 1u);
  EXPECT_EQ(find_field(status, "Vm"), std::nullopt);
  EXPECT_EQ(find_field("", "VmPTE"), std::nullopt);
}

TEST(Procfs, ReadsWholeFilesOrNothing) {
  EXPECT_GT(read_text_file("/proc/self/maps")->size(), 0u);
  EXPECT_FALSE(read_text_file("/proc/self/no-such-file"));
}

TEST(Procfs, FramesAreThoseOfPresentPages) {
  void* memory =
      mmap(nullptr, 2 * page_size(), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  ASSERT_NE(memory, MAP_FAILED);
  *static_cast<volatile char*>(memory) = 1;
  const auto frames = read_frames(getpid(), reinterpret_cast<uintptr_t>(memory), 2);
  if (!frames) GTEST_SKIP() << "page frame numbers need CAP_SYS_ADMIN";
  EXPECT_NE((*frames)[0], 0u);
  EXPECT_EQ((*frames)[1], 0u);
  munmap(memory, 2 * page_size());
}

}  // namespace
}  // namespace forkcost
