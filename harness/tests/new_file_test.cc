#include "harness/new_file.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstddef>
#include <exception>
#include <filesystem>
#include <fstream>
#include <functional>
#include <set>

#include "harness/error.h"
#include "harness/files.h"

namespace forkcost {
namespace {

namespace fs = std::filesystem;

// As a file system without nameless files answers (NFS, FAT).
bool forbid_nameless_files() {
  constexpr unsigned kFlag = O_TMPFILE & ~O_DIRECTORY;
  std::array<sock_filter, 6> program = {{
      {BPF_LD | BPF_W | BPF_ABS, 0, 0, offsetof(seccomp_data, nr)},
      {BPF_JMP | BPF_JEQ | BPF_K, 0, 3, SYS_openat},
      {BPF_LD | BPF_W | BPF_ABS, 0, 0, offsetof(seccomp_data, args[2])},
      {BPF_JMP | BPF_JSET | BPF_K, 0, 1, kFlag},
      {BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ERRNO | EOPNOTSUPP},
      {BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW},
  }};
  const sock_fprog filter{program.size(), program.data()};
  return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
         prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) == 0;
}

class NewFileTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = testing::TempDir() + "new-file-XXXXXX";
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    directory_ = pattern;
    file_ = directory_ / "run.json";
  }
  void TearDown() override { fs::remove_all(directory_); }

  std::set<std::string> names() const {
    std::set<std::string> names;
    for (const auto& entry : fs::directory_iterator(directory_)) {
      names.insert(entry.path().filename());
    }
    return names;
  }
  std::string text() const { return read_text_file(file_).value_or("(no file)"); }
  void put(const fs::path& path, const char* content) { std::ofstream(path) << content; }

  // How a child that does this ends.
  static int status_of(const std::function<bool()>& task) {
    const pid_t pid = fork();
    if (pid == 0) _exit(task() ? 0 : 1);
    int status = -1;
    EXPECT_EQ(waitpid(pid, &status, 0), pid);
    return status;
  }

  fs::path directory_;
  fs::path file_;
};

bool write_text(const NewFile& file, const std::string& text) {
  return file.error() == 0 &&
         write(file.fd(), text.data(), text.size()) == static_cast<ssize_t>(text.size());
}

TEST_F(NewFileTest, GetsItsNameAtTheEnd) {
  {
    NewFile file(file_);
    ASSERT_TRUE(write_text(file, "new"));
    EXPECT_FALSE(fs::exists(file_));
    EXPECT_TRUE(file.link());
    EXPECT_EQ(names(), std::set<std::string>{"run.json"});
  }
  EXPECT_EQ(text(), "new");
  {
    NewFile second(file_);
    ASSERT_TRUE(write_text(second, "newer"));
    EXPECT_FALSE(second.link());
    EXPECT_EQ(text(), "new");
    second.replace();
  }
  EXPECT_EQ(text(), "newer");
  EXPECT_EQ(names(), std::set<std::string>{"run.json"});
}

TEST_F(NewFileTest, NobodyElseLocksItWhenItAppears) {
  NewFile file(file_);
  ASSERT_TRUE(file.link());
  const FileDescriptor kept = file.take();
  const FileDescriptor other(open(file_.c_str(), O_RDWR | O_CLOEXEC));
  EXPECT_EQ(flock(other.get(), LOCK_EX | LOCK_NB), -1);
}

TEST_F(NewFileTest, AKillLeavesNothing) {
  const int status = status_of([&] {
    const NewFile file(file_);
    return write_text(file, "half") && kill(getpid(), SIGKILL) == 0;
  });
  EXPECT_TRUE(WIFSIGNALED(status));
  EXPECT_EQ(names(), std::set<std::string>{});
}

TEST_F(NewFileTest, WorksWithoutNamelessFiles) {
  const auto write_twice = [&]() -> bool {
    if (!forbid_nameless_files()) return false;
    NewFile first(file_);
    if (!write_text(first, "first") || names().size() != 1 || !first.link()) return false;
    NewFile second(file_);
    if (!write_text(second, "second") || second.link()) return false;
    second.replace();
    const NewFile third(file_);
    _exit(third.error() == 0 ? 0 : 1);  // as bad as a kill: its name stays
  };
  EXPECT_EQ(status_of(write_twice), 0);
  EXPECT_EQ(text(), "second");
  EXPECT_EQ(names().size(), 2U);
  const NewFile next(file_);
  EXPECT_EQ(names(), std::set<std::string>{"run.json"});
}

// Each takes what the others just made for a leftover, until it is locked.
TEST_F(NewFileTest, SeveralOfOnePathDoNotTakeEachOthersFile) {
  constexpr int kWriters = 4;
  const auto write_often = [&]() -> bool {
    if (!forbid_nameless_files()) return false;
    for (int i = 0; i < 300; ++i) {
      NewFile file(file_);
      if (!write_text(file, "whole")) return false;
      file.replace();  // throws where another one removed it
    }
    return true;
  };
  std::array<pid_t, kWriters> writers{};
  for (pid_t& writer : writers) {
    writer = fork();
    if (writer == 0) {
      try {
        _exit(write_often() ? 0 : 1);
      } catch (const std::exception&) {
        _exit(2);
      }
    }
  }
  for (const pid_t writer : writers) {
    int status = -1;
    EXPECT_EQ(waitpid(writer, &status, 0), writer);
    EXPECT_EQ(status, 0);
  }
  EXPECT_EQ(text(), "whole");
  EXPECT_EQ(names(), std::set<std::string>{"run.json"});
}

TEST_F(NewFileTest, RemovesNothingButWhatAKillLeft) {
  const std::string mark = file_.string() + ".forkcost-";
  put(mark + "0123456789abcdef", "of a dead writer");
  put(mark + "fedcba9876543210", "of a living one");
  const FileDescriptor living(open((mark + "fedcba9876543210").c_str(), O_RDWR | O_CLOEXEC));
  ASSERT_EQ(flock(living.get(), LOCK_EX | LOCK_NB), 0);
  std::set<std::string> others = {"run.json.forkcost-fedcba9876543210"};
  for (const char* name :
       {"run.json", "run.json.forkcost-0123456789abcde", "run.json.forkcost-0123456789abcdefg",
        "run.json.forkcost-0123456789ABCDEF", "run.json.forkcost-0123456789abcdef.bak",
        "other-run.json.forkcost-0123456789abcdef", "run.json.journal"}) {
    put(directory_ / name, "not ours");
    others.insert(name);
  }
  fs::create_directory(mark + "1111111111111111");
  fs::create_symlink(file_, mark + "2222222222222222");
  others.insert({"run.json.forkcost-1111111111111111", "run.json.forkcost-2222222222222222"});
  if (geteuid() == 0) {
    put(mark + "3333333333333333", "somebody else's");
    ASSERT_EQ(chown((mark + "3333333333333333").c_str(), 65534, 65534), 0);
    others.insert("run.json.forkcost-3333333333333333");
  }
  { const NewFile file(file_); }
  EXPECT_EQ(names(), others);
}

}  // namespace
}  // namespace forkcost
