// Starting a program so that nothing of it is left, also when the runner is killed.
#pragma once

#include <sys/types.h>

#include <csignal>
#include <set>
#include <vector>

#include "harness/file_descriptor.h"

namespace forkcost::runner {

// A program to be started. Made before the fork, because after it only async-signal-safe calls are
// allowed.
struct Program {
  std::vector<char*> arguments;  // [0] is its path; both end in a null pointer
  std::vector<char*> environment;
  FileDescriptor in, out, err;
  FileDescriptor error_pipe;  // takes errno where it cannot be run
  const sigset_t* mask;
};

// What the runner says on the line to the keeper: end it, but let it put things in order first.
// The end of the line is the order to kill it, so a dead runner gives it too.
inline constexpr char kStop = 's';

// The life of a process between runner and program. A kill of the runner, or of its process group,
// does not reach it: it is the subreaper of all that the program starts, wherever that moves to,
// ends it all, and says on `line` how the program ended (as wait gives it). A fork of the runner,
// it allocates nothing.
[[noreturn]] void keep(const Program& program, int line) noexcept;

// Kills and reaps all children of this process but `spared`, and all that these leave behind in
// their turn. Caretakers (harness/caretaker.h) may finish first.
void end_descendants(const std::set<pid_t>& spared) noexcept;

}  // namespace forkcost::runner
