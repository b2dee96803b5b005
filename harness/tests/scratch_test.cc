#include "harness/scratch.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <thread>
#include <vector>

#include "harness/error.h"
#include "harness/file_descriptor.h"
#include "harness/page_cache.h"
#include "harness/placement.h"
#include "harness/procfs.h"

namespace forkcost {
namespace {

namespace fs = std::filesystem;

void write_file(const fs::path& path, size_t bytes) {
  std::ofstream file(path);
  file << std::string(bytes, 'x');
  ASSERT_TRUE(file.good());
}

bool write_whole(int pipe, const std::string& text) {
  return write(pipe, text.data(), text.size()) == static_cast<ssize_t>(text.size());
}

TEST(Scratch, GoesAwayWithItsFiles) {
  fs::path path;
  {
    const ScratchDirectory scratch;
    path = scratch.path();
    write_file(path / "file", 10);
    fs::create_directory(path / "directory");
    write_file(path / "directory" / "file", 10);
  }
  EXPECT_FALSE(fs::exists(path));
}

// The whole group at once, as Ctrl-C and supervisors do, and on one CPU, so that nobody else runs
// between the making and the signal.
class KilledScratch : public testing::TestWithParam<int> {};

TEST_P(KilledScratch, GoesAwayWithItsMakersGroup) {
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  const pid_t maker = fork();
  ASSERT_GE(maker, 0);
  if (maker == 0) {
    setpgid(0, 0);
    const CpuBinding binding(Placement::kSameCpu, allowed_cpus().back());
    const ScratchDirectory scratch;
    kill(0, write_whole(ends[1], scratch.path()) ? GetParam() : SIGABRT);
    pause();
    _exit(1);
  }
  close(ends[1]);
  char text[4096];
  const ssize_t length = read(ends[0], text, sizeof text);
  close(ends[0]);
  ASSERT_GT(length, 0);
  const fs::path path(std::string(text, static_cast<size_t>(length)));
  int status = 0;
  ASSERT_EQ(waitpid(maker, &status, 0), maker);
  EXPECT_TRUE(WIFSIGNALED(status));
  EXPECT_EQ(WTERMSIG(status), GetParam());
  for (int i = 0; i < 1000 && fs::exists(path); ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  EXPECT_FALSE(fs::exists(path));
}

INSTANTIATE_TEST_SUITE_P(BySignal, KilledScratch,
                         testing::Values(SIGINT, SIGTERM, SIGHUP, SIGKILL));

std::vector<pid_t> children_of(pid_t pid) {
  std::vector<pid_t> children;
  std::ifstream list("/proc/" + std::to_string(pid) + "/task/" + std::to_string(pid) + "/children");
  for (pid_t child = 0; list >> child;) children.push_back(child);
  return children;
}

// While the caretaker is starting, too: it wrote to a dead maker, and died of SIGPIPE.
TEST(Scratch, GoesAwayWheneverItsMakerIsKilled) {
  const ScratchDirectory outer;
  for (int i = 0; i < 100; ++i) {
    // A place for each, as the next maker would remove what this one left.
    const fs::path place = outer.path() / std::to_string(i);
    fs::create_directory(place);
    const pid_t maker = fork();
    if (maker == 0) {
      signal(SIGPIPE, SIG_DFL);  // whoever started the tests may ignore it
      setenv("TMPDIR", place.c_str(), 1);
      const ScratchDirectory scratch;
      pause();
      _exit(1);
    }
    std::this_thread::sleep_for(std::chrono::microseconds(100 * i));
    ASSERT_EQ(kill(maker, SIGKILL), 0);
    ASSERT_EQ(waitpid(maker, nullptr, 0), maker);
  }
  for (const auto& place : fs::directory_iterator(outer.path())) {
    for (int i = 0; i < 1000 && !fs::is_empty(place); ++i) {
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    EXPECT_TRUE(fs::is_empty(place)) << place.path();
  }
}

// Both at once, as by a power cut.
TEST(Scratch, KilledWithItsCaretakerItGoesAwayWithTheNext) {
  const ScratchDirectory outer;
  setenv("TMPDIR", outer.path().c_str(), 1);
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  const pid_t maker = fork();
  if (maker == 0) {
    const ScratchDirectory scratch;
    if (write_whole(ends[1], scratch.path())) pause();
    _exit(1);
  }
  char text[4096];
  const ssize_t length = read(ends[0], text, sizeof text);
  close(ends[0]);
  close(ends[1]);
  ASSERT_GT(length, 0);
  const fs::path left(std::string(text, static_cast<size_t>(length)));
  const std::vector<pid_t> caretakers = children_of(maker);
  EXPECT_EQ(caretakers.size(), 1U);
  for (const pid_t pid : caretakers) EXPECT_EQ(kill(pid, SIGKILL), 0);
  ASSERT_EQ(kill(maker, SIGKILL), 0);
  ASSERT_EQ(waitpid(maker, nullptr, 0), maker);
  EXPECT_TRUE(fs::exists(left));
  // Nobody waits for the caretaker, so it may take a moment until its lock is gone.
  for (int i = 0; i < 1000 && fs::exists(left); ++i) {
    const ScratchDirectory next;
    EXPECT_TRUE(fs::exists(next.path()));
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  EXPECT_FALSE(fs::exists(left));
  unsetenv("TMPDIR");
}

TEST(Scratch, IsLockedByItsCaretakerAndByNoDescriptorOfOurs) {
  const auto descriptors = [] {
    return std::distance(fs::directory_iterator("/proc/self/fd"), fs::directory_iterator());
  };
  const auto before = descriptors();
  const ScratchDirectory scratch;
  EXPECT_EQ(descriptors(), before + 1);  // the line to the caretaker
  const FileDescriptor other(open(scratch.path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  EXPECT_EQ(flock(other.get(), LOCK_EX | LOCK_NB), -1);
}

TEST(Scratch, SaysWhereThereIsNoPlace) {
  for (const char* const place : {"/no-such-directory", "/proc/self"}) {
    setenv("TMPDIR", place, 1);
    try {
      const ScratchDirectory scratch;
      ADD_FAILURE() << "made a directory in " << place;
    } catch (const Skip& skip) {
      EXPECT_NE(std::string(skip.what()).find("TMPDIR"), std::string::npos) << skip.what();
    }
  }
  unsetenv("TMPDIR");
  const ScratchDirectory scratch;
  EXPECT_NO_THROW(scratch.require_space(1));
  EXPECT_THROW(scratch.require_space(uint64_t{1} << 60), Skip);
}

TEST(Scratch, IsNamedByItsRealPath) {
  const ScratchDirectory outer;
  fs::create_directory(outer.path() / "place with a space");
  fs::create_directory_symlink("place with a space", outer.path() / "link");
  const fs::path before = fs::current_path();
  fs::current_path(outer.path());
  setenv("TMPDIR", "link", 1);
  {
    const ScratchDirectory scratch;
    EXPECT_EQ(scratch.path().parent_path(), outer.path() / "place with a space");
    EXPECT_TRUE(fs::is_directory(scratch.path()));
  }
  unsetenv("TMPDIR");
  fs::current_path(before);
  EXPECT_TRUE(fs::is_empty(outer.path() / "place with a space"));
}

TEST(Scratch, SaysWhereNothingCanBeRun) {
  struct statvfs system {};
  if (statvfs("/dev/shm", &system) != 0) GTEST_SKIP() << "no /dev/shm";
  setenv("TMPDIR", "/dev/shm", 1);
  {
    const ScratchDirectory scratch;
    if ((system.f_flag & ST_NOEXEC) == 0) {
      EXPECT_NO_THROW(scratch.require_executable());
    } else {
      try {
        scratch.require_executable();
        ADD_FAILURE() << "a file system mounted noexec was taken";
      } catch (const Skip& skip) {
        EXPECT_NE(std::string(skip.what()).find("noexec"), std::string::npos);
        EXPECT_NE(std::string(skip.what()).find("TMPDIR"), std::string::npos);
      }
    }
  }
  unsetenv("TMPDIR");
}

TEST(PageCache, AFileGoesOutAndComesBack) {
  const ScratchDirectory scratch;
  const fs::path file = scratch.path() / "file";
  write_file(file, 10 * page_size() + 1);
  EXPECT_EQ(cached_pages(file), 11u);
  try {
    evict(file);
  } catch (const Skip& skip) {
    GTEST_SKIP() << skip.what();
  }
  EXPECT_EQ(cached_pages(file), 0u);
  std::ifstream(file).get();
  EXPECT_GT(cached_pages(file), 0u);
  evict(file);
  fill_cache(file);
  EXPECT_EQ(cached_pages(file), 11u);
  const fs::path empty = scratch.path() / "empty";
  write_file(empty, 0);
  EXPECT_EQ(cached_pages(empty), 0u);
}

TEST(PageCache, FilesGoOutTogether) {
  const ScratchDirectory scratch;
  std::vector<fs::path> files;
  for (const char* const name : {"first", "second", "third"}) {
    files.push_back(scratch.path() / name);
    write_file(files.back(), 3 * page_size());
  }
  try {
    evict(files);
  } catch (const Skip& skip) {
    GTEST_SKIP() << skip.what();
  }
  for (const fs::path& file : files) EXPECT_EQ(cached_pages(file), 0u);
  files.push_back(scratch.path() / "missing");
  EXPECT_THROW(evict(files), Failure);
}

TEST(PageCache, StaysForWhoIsNotTold) {
  if (geteuid() != 0) GTEST_SKIP() << "only root can become another user";
  const ScratchDirectory scratch;
  fs::permissions(scratch.path(), fs::perms(0755));
  const fs::path file = scratch.path() / "file";
  write_file(file, 3 * page_size());
  const pid_t other = fork();
  ASSERT_GE(other, 0);
  if (other == 0) {
    if (setuid(65534) != 0) _exit(1);
    try {
      evict(file);
    } catch (const Skip&) {
      _exit(0);
    }
    _exit(2);
  }
  int status = 0;
  ASSERT_EQ(waitpid(other, &status, 0), other);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << status;
  EXPECT_EQ(cached_pages(file), 3u);
}

TEST(PageCache, SaysWhenPagesStay) {
  const fs::path file = "/dev/shm/forkcost-page-cache-test." + std::to_string(getpid());
  if (access("/dev/shm", W_OK) != 0) GTEST_SKIP() << "no /dev/shm";
  write_file(file, page_size());
  EXPECT_THROW(evict(file), Skip);
  fs::remove(file);
  EXPECT_THROW(cached_pages(file), Failure);
}

TEST(Scratch, ACopyIsTheSameAndOnTheDisk) {
  const ScratchDirectory scratch;
  const fs::path from = scratch.path() / "from";
  write_file(from, 3 * 1024 * 1024 + 5);
  fs::permissions(from, fs::perms::owner_all);
  const fs::path to = scratch.path() / "to";
  duplicate_file(from, to);
  EXPECT_EQ(fs::file_size(to), fs::file_size(from));
  EXPECT_EQ(access(to.c_str(), X_OK), 0);
  EXPECT_THROW(duplicate_file(from, to), Failure);  // it is there
}

}  // namespace
}  // namespace forkcost
