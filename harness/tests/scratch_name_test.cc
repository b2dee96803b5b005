#include "harness/scratch_name.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <fstream>
#include <set>

#include "harness/file_descriptor.h"
#include "harness/scratch.h"

namespace forkcost {
namespace {

namespace fs = std::filesystem;

// A name that a process made which is dead.
std::string name_of_the_dead() {
  std::array<int, 2> ends{};
  EXPECT_EQ(pipe(ends.data()), 0);
  const pid_t pid = fork();
  if (pid == 0) {
    const std::string name = scratch_name();
    _exit(write(ends[1], name.data(), name.size()) == static_cast<ssize_t>(name.size()) ? 0 : 1);
  }
  EXPECT_EQ(waitpid(pid, nullptr, 0), pid);
  std::array<char, 256> name{};
  EXPECT_GT(read(ends[0], name.data(), name.size() - 1), 0);
  close(ends[0]);
  close(ends[1]);
  return name.data();
}

class ScratchNameTest : public testing::Test {
 protected:
  fs::path make(const std::string& name) {
    const fs::path path = scratch_.path() / name;
    fs::create_directories(path / "deep");
    std::ofstream(path / "deep" / "file") << "x";
    return path;
  }

  const ScratchDirectory scratch_;
};

TEST_F(ScratchNameTest, IsAlwaysOfOneLength) {
  std::set<size_t> lengths;
  for (int i = 0; i < 100; ++i) lengths.insert(scratch_name().size());
  lengths.insert(name_of_the_dead().size());
  EXPECT_EQ(lengths.size(), 1U);
}

TEST_F(ScratchNameTest, TheDeadAreRemoved) {
  const fs::path dead = make(name_of_the_dead());
  std::string name = scratch_name();
  name[name.size() - 6] = name[name.size() - 6] == '0' ? '1' : '0';  // it started at another time
  const fs::path earlier = make(name);
  remove_dead_scratch(scratch_.path());
  EXPECT_FALSE(fs::exists(dead));
  EXPECT_FALSE(fs::exists(earlier));
}

// Its size is the field beside its start.
TEST_F(ScratchNameTest, WhatLivesIsKeptHoweverItGrows) {
  const fs::path ours = make(scratch_name());
  constexpr size_t kBytes = size_t{64} << 20;
  void* const more =
      mmap(nullptr, kBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  ASSERT_NE(more, MAP_FAILED);
  remove_dead_scratch(scratch_.path());
  EXPECT_TRUE(fs::exists(ours));
  munmap(more, kBytes);
}

TEST_F(ScratchNameTest, NothingElseIs) {
  std::set<fs::path> kept = {make(scratch_name())};  // we live
  const std::string dead = name_of_the_dead();
  // What older versions made, and others may.
  for (const std::string& name :
       {std::string("forkcost-0123456789abcdef"), "x" + dead, dead + "0", dead + "-0",
        dead + ".old", std::string("forkcost-"), std::string("forkcost-000001-00000001-000g"),
        std::string("forkcost-00001-00000001-0001")}) {
    kept.insert(make(name));
  }
  const fs::path file = scratch_.path() / name_of_the_dead();
  std::ofstream(file) << "not a directory";
  kept.insert(file);
  const fs::path link = scratch_.path() / name_of_the_dead();
  fs::create_directory_symlink(make("target"), link);
  kept.insert({link, scratch_.path() / "target"});
  const fs::path locked = make(name_of_the_dead());  // of a process whose number we cannot see
  const FileDescriptor lock(open(locked.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  ASSERT_EQ(flock(lock.get(), LOCK_EX | LOCK_NB), 0);
  kept.insert(locked);
  if (geteuid() == 0) {
    const fs::path foreign = make(name_of_the_dead());
    ASSERT_EQ(chown(foreign.c_str(), 65534, 65534), 0);
    kept.insert(foreign);
  }
  remove_dead_scratch(scratch_.path());
  for (const fs::path& path : kept) {
    EXPECT_TRUE(fs::exists(path)) << path;
    EXPECT_TRUE(!fs::is_directory(path) || fs::exists(path / "deep" / "file")) << path;
  }
}

TEST_F(ScratchNameTest, APlaceThatCannotBeReadIsNoError) {
  remove_dead_scratch("/no-such-directory");
  remove_dead_scratch("/dev/null");
  setenv("TMPDIR", "/no-such-directory", 1);
  remove_dead_scratch();
  unsetenv("TMPDIR");
}

}  // namespace
}  // namespace forkcost
