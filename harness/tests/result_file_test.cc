#include "harness/result_file.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <fstream>

#include "harness/error.h"
#include "harness/files.h"
#include "harness/tests/file_size_limit.h"

namespace forkcost {
namespace {

namespace fs = std::filesystem;

class ResultFileTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = testing::TempDir() + "result-file-XXXXXX";
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    directory_ = pattern;
    file_ = directory_ / "run.json";
  }
  void TearDown() override { fs::remove_all(directory_); }

  std::string text() const { return read_text_file(file_).value_or("(no file)"); }
  size_t files() const {
    return static_cast<size_t>(std::distance(fs::directory_iterator(directory_), {}));
  }

  fs::path directory_;
  fs::path file_;
};

TEST_F(ResultFileTest, WritesAndReplaces) {
  write_atomically(file_, "first, and longer than the second");
  write_atomically(file_, "second");
  EXPECT_EQ(text(), "second");
  write_atomically(file_, "");
  EXPECT_EQ(text(), "");
  EXPECT_EQ(files(), 1U);
}

TEST_F(ResultFileTest, IsReadableAsTheUmaskSays) {
  const mode_t old = umask(022);
  write_atomically(file_, "x");
  umask(old);
  struct stat status {};
  ASSERT_EQ(stat(file_.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0644U);  // mkstemp's 0600 hides a result from its readers
}

TEST_F(ResultFileTest, AFullDiskLeavesTheOldFileAndNothingElse) {
  write_atomically(file_, "old");
  {
    const FileSizeLimit limit(100);
    try {
      write_atomically(file_, std::string(200, 'x'));
      FAIL() << "200 bytes were written to a file of at most 100";
    } catch (const Failure& failure) {
      const std::string message = failure.what();
      EXPECT_NE(message.find("EFBIG"), std::string::npos) << message;
      EXPECT_NE(message.find("ulimit"), std::string::npos) << message;
    }
  }
  EXPECT_EQ(text(), "old");
  EXPECT_EQ(files(), 1U);
}

TEST_F(ResultFileTest, AFailedRenameLeavesNothing) {
  fs::create_directories(file_ / "full");
  EXPECT_THROW(write_atomically(file_, "x"), Failure);
  EXPECT_EQ(files(), 1U);
}

TEST_F(ResultFileTest, ReplacesTheTargetOfALinkNotTheLink) {
  const fs::path link = directory_ / "latest.json";
  write_atomically(file_, "old");
  fs::create_symlink(file_, link);
  write_atomically(link, "new");
  EXPECT_TRUE(fs::is_symlink(link));
  EXPECT_EQ(text(), "new");
}

TEST_F(ResultFileTest, WritesIntoWhatIsNotARegularFile) {
  std::array<int, 2> ends{};
  ASSERT_EQ(pipe(ends.data()), 0);
  write_atomically("/proc/self/fd/" + std::to_string(ends[1]), "through a pipe");
  std::array<char, 64> buffer{};
  EXPECT_EQ(read(ends[0], buffer.data(), buffer.size()), 14);
  EXPECT_STREQ(buffer.data(), "through a pipe");
  close(ends[0]);
  close(ends[1]);
  EXPECT_THROW(write_atomically("/dev/full", "x"), Failure);
}

// --benchmark_out=/dev/stdout > file: a rename would replace the link /dev/stdout itself.
TEST_F(ResultFileTest, WritesToDevStdoutOfARedirectedProcess) {
  const int fd = open(file_.c_str(), O_WRONLY | O_CREAT, 0600);
  ASSERT_GE(fd, 0);
  write_atomically("/proc/self/fd/" + std::to_string(fd), "one");
  close(fd);
  EXPECT_EQ(text(), "one");
  EXPECT_EQ(files(), 1U);
}

TEST_F(ResultFileTest, ADirectoryForFilesInDevIsOne) {
  if (access("/dev/shm", W_OK) != 0) GTEST_SKIP() << "no /dev/shm here";
  std::string directory = "/dev/shm/forkcost-test-XXXXXX";
  ASSERT_NE(mkdtemp(directory.data()), nullptr);
  const std::string file = directory + "/run.json";
  EXPECT_NO_THROW(require_writable(file));
  write_atomically(file, "one");
  write_atomically(file, "two");
  EXPECT_EQ(read_text_file(file), "two");
  std::filesystem::remove_all(directory);
}

TEST_F(ResultFileTest, RequireWritableLeavesNothing) {
  EXPECT_NO_THROW(require_writable(file_));
  EXPECT_EQ(files(), 0U);
  EXPECT_NO_THROW(require_writable("/dev/null"));
}

TEST_F(ResultFileTest, RequireWritableRefuses) {
  EXPECT_THROW(require_writable(""), UsageError);
  EXPECT_THROW(require_writable(directory_), UsageError);
  EXPECT_THROW(require_writable(directory_ / "none" / "run.json"), UsageError);
  EXPECT_THROW(require_writable("/proc/run.json"), UsageError);
  if (geteuid() != 0) {  // root may write anywhere
    EXPECT_THROW(require_writable("/run.json"), UsageError);
  }
}

}  // namespace
}  // namespace forkcost
