// What everybody needs who starts a process and waits for it.
#pragma once

#include <spawn.h>
#include <sys/resource.h>
#include <sys/types.h>
#include <sys/wait.h>

#include <cerrno>

#include "harness/error.h"

namespace forkcost {

// Waits for a child's end, whatever interrupts that, and says its status as wait does; -1 with
// errno for what is no child of ours. Async-signal-safe, and inline: after a creation that is
// measured this is what is measured, too. `usage`: the child's, where it is wanted.
inline int wait_for_end(pid_t pid, rusage* usage = nullptr) noexcept {
  int status = 0;
  while (wait4(pid, &status, 0, usage) < 0) {
    if (errno != EINTR) return -1;
  }
  return status;
}

// For posix_spawn: the program has a copy of our descriptor `ours` as its `theirs`.
class Redirection {
 public:
  Redirection(int ours, int theirs) {
    require(posix_spawn_file_actions_init(&actions_));
    require(posix_spawn_file_actions_adddup2(&actions_, ours, theirs));
  }
  ~Redirection() { posix_spawn_file_actions_destroy(&actions_); }
  Redirection(const Redirection&) = delete;
  Redirection& operator=(const Redirection&) = delete;

  const posix_spawn_file_actions_t* get() const { return &actions_; }

 private:
  static void require(int error) {
    if (error != 0) throw_errno("preparing posix_spawn", error);
  }
  posix_spawn_file_actions_t actions_{};
};

}  // namespace forkcost
