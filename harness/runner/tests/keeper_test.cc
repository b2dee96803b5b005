#include "harness/runner/keeper.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>

namespace forkcost::runner {
namespace {

constexpr uid_t kNobody = 65534;

// Waiting for it would last as long as it lives, at full speed.
TEST(EndDescendants, DoesNotWaitForWhatItMayNotKill) {
  if (geteuid() != 0) GTEST_SKIP() << "takes root, which a child keeps while its parent drops it";
  std::array<int, 2> until_closed{};
  ASSERT_EQ(pipe(until_closed.data()), 0);
  const pid_t keeper = fork();
  if (keeper == 0) {
    const pid_t child = fork();
    if (child == 0) {  // no signal of its dying parent may reach it either
      close(until_closed[1]);
      char byte = 0;
      _exit(read(until_closed[0], &byte, 1) == 0 ? 0 : 1);
    }
    close(until_closed[1]);
    if (child < 0 || setuid(kNobody) != 0) _exit(1);
    alarm(20);
    end_descendants({});
    _exit(0);
  }
  int status = -1;
  EXPECT_EQ(waitpid(keeper, &status, 0), keeper);
  EXPECT_EQ(status, 0);
  close(until_closed[0]);
  close(until_closed[1]);
}

TEST(EndDescendants, EndsChildrenAndTheirs) {
  const pid_t keeper = fork();
  if (keeper == 0) {
    if (prctl(PR_SET_CHILD_SUBREAPER, 1) != 0) _exit(1);
    alarm(20);
    for (int i = 0; i < 3; ++i) {
      if (fork() != 0) continue;
      fork();
      while (true) pause();
    }
    end_descendants({});
    _exit(waitpid(-1, nullptr, WNOHANG) == -1 && errno == ECHILD ? 0 : 2);
  }
  int status = -1;
  ASSERT_EQ(waitpid(keeper, &status, 0), keeper);
  EXPECT_EQ(status, 0);
}

}  // namespace
}  // namespace forkcost::runner
