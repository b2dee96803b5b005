#include "harness/child.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness/error.h"
#include "harness/placement.h"
#include "harness/samples.h"

namespace forkcost {
namespace {

template <typename Body>
pid_t start(Body body) {
  const pid_t pid = fork();
  if (pid == 0) {
    body();
    _exit(0);
  }
  return pid;
}

std::string failure_of(Child& child, Timeline& timeline) {
  try {
    child.reap(timeline);
  } catch (const Failure& failure) {
    return failure.what();
  }
  return "";
}

TEST(Child, ThatEndsWellIsReaped) {
  Timeline timeline;
  Child child(start([&] { end_child(timeline); }));
  rusage usage{};
  child.reap(timeline, &usage);
  EXPECT_EQ(waitpid(-1, nullptr, WNOHANG), -1);
  EXPECT_EQ(errno, ECHILD);
}

TEST(Child, ThatFailsSaysWhereAndWhy) {
  Timeline timeline;
  Child child(start([&] { fail_child(timeline, "execve of the image", ENOENT); }));
  EXPECT_EQ(failure_of(child, timeline),
            "in the child: execve of the image: No such file or directory (ENOENT)");
}

TEST(Child, ThatIsKilledFromOutsideIsNamed) {
  Timeline timeline;
  Child child(start([] { pause(); }));
  kill(child.pid(), SIGKILL);
  EXPECT_NE(failure_of(child, timeline).find("killed by Killed (SIGKILL)"), std::string::npos);
}

TEST(Child, ThatLeavesByAnotherStatusIsNoSuccess) {
  Timeline timeline;
  Child child(start([] { _exit(3); }));
  EXPECT_NE(failure_of(child, timeline).find("exit status 3"), std::string::npos);
}

TEST(Child, IsKilledWhenItTakesTooLong) {
  Timeline timeline;
  const TimeLimit limit(0.05);
  Child child(start([] { pause(); }));
  EXPECT_NE(failure_of(child, timeline).find("not done after 0.05 s"), std::string::npos);
}

TEST(Child, NeverOutlivesItsOwner) {
  pid_t pid = 0;
  {
    const Child child(start([] { pause(); }));
    pid = child.pid();
  }
  EXPECT_EQ(kill(pid, 0), -1);
  EXPECT_EQ(errno, ESRCH);  // killed and reaped: not even a zombie
}

TEST(Child, DiesWithAParentThatIsKilled) {
  Timeline timeline;
  int ready[2];
  ASSERT_EQ(pipe(ready), 0);
  const pid_t parent = start([&] {
    const pid_t self = getpid();
    start([&] {
      die_with_parent(timeline, self);
      if (write(ready[1], "x", 1) != 1) _exit(1);
      pause();
    });
    pause();
  });
  close(ready[1]);
  char byte = 0;
  ASSERT_EQ(read(ready[0], &byte, 1), 1);
  kill(parent, SIGKILL);
  waitpid(parent, nullptr, 0);
  EXPECT_EQ(read(ready[0], &byte, 1), 0);  // the last writer is gone
  close(ready[0]);
}

TEST(CurrentCpu, IsTheChildsAlsoAfterVfork) {
  // glibc's sched_getcpu() says there where the parent was.
  SharedArray<int> said(2);
  for (int i = 0; i < 300; ++i) {
    said[0] = said[1] = -1;
    const pid_t pid = vfork();
    if (pid == 0) {
      unsigned before = 0, after = 0;
      syscall(SYS_getcpu, &before, nullptr, nullptr);
      said[0] = current_cpu_number();
      syscall(SYS_getcpu, &after, nullptr, nullptr);
      said[1] = before == after ? static_cast<int>(before) : said[0];  // moved in between
      _exit(0);
    }
    waitpid(pid, nullptr, 0);
    ASSERT_EQ(said[0], said[1]);
  }
}

TEST(CreationFailed, HasTheRemedyOfItsErrno) {
  const auto text_of = [](int error) -> std::string {
    try {
      throw_creation_failed("fork in a parent of 1GiB", error);
    } catch (const std::runtime_error& e) {
      return e.what();
    }
  };
  EXPECT_NE(text_of(EAGAIN).find("ulimit -u"), std::string::npos);
  EXPECT_NE(text_of(ENOMEM).find("overcommit"), std::string::npos);
  EXPECT_THROW(throw_creation_failed("clone3", ENOSYS), Skip);
  EXPECT_THROW(throw_creation_failed("fork", EAGAIN), Failure);
}

}  // namespace
}  // namespace forkcost
