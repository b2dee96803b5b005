// Running a program, or two at once, so that nothing of it is left, whatever happens to it or to
// us.
#pragma once

#include <sys/types.h>

#include <array>
#include <chrono>
#include <csignal>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace forkcost::runner {

// Thrown where a run stops for SIGINT, SIGTERM or SIGHUP; what was begun is cleaned up on the way.
struct Interrupted {
  int signal;
};

// Blocks the signals that end a run and takes them when the run can be stopped: no handler, no
// timer, no wake-up while a program is being measured. Restores the mask when it goes away. Make
// one, before anything else.
class Signals {
 public:
  using Deadline = std::optional<std::chrono::steady_clock::time_point>;

  Signals();
  ~Signals();
  Signals(const Signals&) = delete;
  Signals& operator=(const Signals&) = delete;

  // Throws Interrupted if we were told to stop.
  void check();
  // Returns when a child changed its state, or at the deadline. Throws Interrupted.
  void wait_for_child(const Deadline& deadline);
  // The same, while something is being stopped: the signals that end a run stay pending.
  void wait_for_child_only(const Deadline& deadline);

  const sigset_t& original_mask() const { return original_; }
  // Children that this process had before it was forkcost-run (a shell's that ended in exec).
  const std::set<pid_t>& inherited_children() const { return inherited_children_; }

 private:
  sigset_t blocked_;
  sigset_t waited_;  // without those that were ignored when we started (nohup, a shell's &)
  sigset_t child_;
  sigset_t original_;
  std::set<pid_t> inherited_children_;
};

// Ends this process by `signal` with its default action, so that a shell sees 128 + signal.
void die_of(int signal);

struct Command {
  std::vector<std::string> arguments;  // [0] is the path of the program
  // Of files that are there.
  std::string stdout_path = "/dev/null";
  std::string stderr_path = "/dev/null";
  double time_limit_s = 0;
  std::string setting;  // NAME=VALUE in its environment; empty: ours as it is
};

struct Ended {
  int status = 0;  // as wait gives it
  bool timed_out = false;
  double seconds = 0;
};

// Runs it in a process group of its own and waits. Afterwards none of its descendants is alive,
// whatever group or session they moved to, and their caretakers have finished; that holds too if
// this process is killed (keeper.h). Throws Failure when it cannot be started, and Interrupted.
Ended run_command(Signals& signals, const Command& command);

// Two of them at once. `ended` is told which one ended, while the other may still run.
std::array<Ended, 2> run_commands(Signals& signals, const std::array<Command, 2>& commands,
                                  const std::function<void(size_t)>& ended);

}  // namespace forkcost::runner
