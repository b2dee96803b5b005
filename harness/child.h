// Children: how they end, how they say what went wrong, and how they never outlive us.
#pragma once

#include <sys/resource.h>
#include <sys/types.h>
#include <unistd.h>

#include <cerrno>
#include <string_view>

#include "harness/timeline.h"

namespace forkcost {

// Throws Failure with a remedy that fits errno of a failed fork, clone or posix_spawn.
[[noreturn]] void throw_creation_failed(std::string_view call, int error);

// noexcept, all that runs in a child: an exception that left it would go on with the suite in a
// second process.

// In the child of a case that measures the creation alone: stamps its start and its end. Safe
// after vfork: it touches nothing but the shared page.
[[noreturn]] void end_child(Timeline& timeline) noexcept;

// In the child: says what it was doing and errno, and ends. `doing` is a literal.
[[noreturn]] void fail_child(Timeline& timeline, const char* doing, int error) noexcept;

// In a child that waits or works: it dies when its parent dies, even by SIGKILL. Needed for every
// child that does not end or exec at once.
void die_with_parent(Timeline& timeline, pid_t parent) noexcept;

// Forks a child that works and dies with us: `work` must not throw, nor allocate. Throws what
// throw_creation_failed(`what`) does.
template <typename Work>
pid_t fork_worker(Timeline& timeline, std::string_view what, const Work& work) {
  const pid_t parent = getpid();
  const pid_t pid = fork();
  if (pid < 0) throw_creation_failed(what, errno);
  if (pid == 0) {
    [&]() noexcept {
      die_with_parent(timeline, parent);
      work();
      _exit(0);
    }();
  }
  return pid;
}

// A child that is waited for in any case: what has not been reaped is killed and reaped when this
// goes away, so that a failed case leaves no process behind.
class Child {
 public:
  explicit Child(pid_t pid);
  ~Child();
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  pid_t pid() const { return pid_; }
  // Blocks until the child ended. Throws Failure unless it left by _exit(0): with the child's own
  // words where it left some, and naming the signal that killed it.
  // `usage`: the child's, where it is wanted; adding it up costs the kernel some 0.2 us.
  void reap(Timeline& timeline, rusage* usage = nullptr);

 private:
  pid_t pid_;
};

// Throws Failure unless `status` (of wait) is that of a child that left by _exit(0).
void require_clean_end(int status, Timeline& timeline);

// Kills the child that is being waited for when a case takes too long. An interval timer and not a
// timed wait, so that nothing is added to the path that is measured.
class TimeLimit {
 public:
  explicit TimeLimit(double seconds);
  ~TimeLimit();
  TimeLimit(const TimeLimit&) = delete;
  TimeLimit& operator=(const TimeLimit&) = delete;

  static bool expired();
  static double seconds();
};

}  // namespace forkcost
