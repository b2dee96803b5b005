#include "benchmarks/setting.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <string>

#include "harness/error.h"
#include "harness/files.h"
#include "harness/placement.h"
#include "harness/scratch.h"

namespace forkcost {
namespace {

class Settings : public testing::Test {
 protected:
  Settings() { std::ofstream(file_) << "old\n"; }
  // What is in the file, within a second `wanted` if it ever is.
  std::string content(const std::string& wanted) const {
    std::string text;
    for (int i = 0; i < 1000 && text != wanted; ++i) {
      text = read_text_file(file_).value_or("");
      usleep(1000);
    }
    return text;
  }

  ScratchDirectory scratch_;
  std::string file_ = scratch_.path() / "setting";
};

TEST_F(Settings, AreChangedAndPutBack) {
  {
    const TemporarySetting changed(file_, "new");
    EXPECT_EQ(read_text_file(file_), "new");
  }
  EXPECT_EQ(read_text_file(file_)->substr(0, 3), "old");
}

// The whole group at once, as Ctrl-C and supervisors do, and on one CPU, so that nobody else runs
// between the change and the signal.
TEST_F(Settings, ArePutBackWhenTheirUsersGroupIsKilled) {
  for (const int sign : {SIGINT, SIGTERM, SIGHUP, SIGKILL}) {
    const pid_t pid = fork();
    if (pid == 0) {
      setpgid(0, 0);
      const CpuBinding binding(Placement::kSameCpu, allowed_cpus().back());
      const TemporarySetting changed(file_, "new");
      kill(0, sign);
      pause();
    }
    int status = 0;
    ASSERT_EQ(waitpid(pid, &status, 0), pid);
    EXPECT_TRUE(WIFSIGNALED(status));
    EXPECT_EQ(content("old\n"), "old\n") << sign;
  }
}

TEST_F(Settings, ThatBelongTogetherArePutBackTogether) {
  const std::string other = scratch_.path() / "other";
  std::ofstream(other) << "7\n";
  {
    const TemporarySetting changed({{file_, "new"}, {other, "8"}});
    EXPECT_EQ(read_text_file(file_), "new");
    EXPECT_EQ(read_text_file(other), "8");
  }
  EXPECT_EQ(read_text_file(file_), "old\n");
  EXPECT_EQ(read_text_file(other), "7\n");
}

TEST_F(Settings, OfWhichOneCannotBeChangedAreAllLeft) {
  EXPECT_THROW(TemporarySetting({{file_, "new"}, {"/proc/sys/kernel/osrelease", "8"}}), Skip);
  EXPECT_EQ(read_text_file(file_), "old\n");
}

TEST_F(Settings, ThatAreMissingAreNamed) {
  try {
    const TemporarySetting changed(scratch_.path() / "none", "new");
    ADD_FAILURE() << "found it";
  } catch (const Failure& failure) {
    EXPECT_NE(std::string(failure.what()).find("none: No such file"), std::string::npos)
        << failure.what();
  }
}

TEST(ChangingSettings, IsForTheUserToAllow) {
  unsetenv("FORKCOST_CHANGE_SETTINGS");
  try {
    require_change_allowed("vm.overcommit_memory is 0 here");
    ADD_FAILURE() << "allowed";
  } catch (const Skip& skip) {
    EXPECT_STREQ(skip.what(),
                 "vm.overcommit_memory is 0 here; changing it needs root and "
                 "FORKCOST_CHANGE_SETTINGS=1");
  }
  setenv("FORKCOST_CHANGE_SETTINGS", "1", 1);
  if (geteuid() == 0) {
    EXPECT_NO_THROW(require_change_allowed("it"));
  } else {
    EXPECT_THROW(require_change_allowed("it"), Skip);
  }
  unsetenv("FORKCOST_CHANGE_SETTINGS");
}

}  // namespace
}  // namespace forkcost
