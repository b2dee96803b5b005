#include "harness/runner/process.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <ctime>
#include <string_view>

#include "harness/error.h"
#include "harness/file_descriptor.h"
#include "harness/files.h"
#include "harness/runner/keeper.h"
#include "harness/spawn.h"
#include "harness/strings.h"

namespace forkcost::runner {
namespace {

using std::chrono::steady_clock;

FileDescriptor open_file(const std::string& path, int flags) {
  FileDescriptor fd(open(path.c_str(), flags | O_CLOEXEC));
  if (!fd) throw_errno("opening " + path, errno, "is /proc mounted?");
  return fd;
}

// The next signal of `set`; 0 at the deadline.
int next_signal(const sigset_t& set, const Signals::Deadline& deadline) {
  while (true) {
    timespec timeout{};
    if (deadline) {
      const auto left = std::max(*deadline - steady_clock::now(), steady_clock::duration::zero());
      const auto ns = std::chrono::duration_cast<std::chrono::nanoseconds>(left).count();
      timeout = {.tv_sec = ns / 1'000'000'000, .tv_nsec = ns % 1'000'000'000};
    }
    const int signal = sigtimedwait(&set, nullptr, deadline ? &timeout : nullptr);
    if (signal > 0) return signal;
    if (errno == EAGAIN) return 0;
    if (errno != EINTR) throw_errno("waiting for a signal", errno);
  }
}

// None on a kernel without the list (CONFIG_PROC_CHILDREN).
std::optional<std::set<pid_t>> read_children() {
  const auto text = read_text_file(fmt::format("/proc/self/task/{}/children", getpid()));
  if (!text) return std::nullopt;
  std::set<pid_t> pids;
  for (const std::string_view word : split(trim(*text), ' ')) {
    if (const auto pid = parse_number(word)) pids.insert(static_cast<pid_t>(*pid));
  }
  return pids;
}

// Ours, with `setting` in place of what it sets.
std::vector<char*> environment_with(const std::string& setting) {
  const std::string name = setting.substr(0, setting.find('=') + 1);
  std::vector<char*> variables;
  for (char** variable = environ; *variable != nullptr; ++variable) {
    if (name.empty() || !std::string_view(*variable).starts_with(name)) {
      variables.push_back(*variable);
    }
  }
  if (!name.empty()) variables.push_back(const_cast<char*>(setting.c_str()));
  variables.push_back(nullptr);
  return variables;
}

// A running program. When this goes away, nothing of it is left.
class Running {
 public:
  Running(Signals& signals, const Command& command) : signals_(signals) { start(command); }
  ~Running() {
    if (keeper_ > 0) finish();
  }
  Running(const Running&) = delete;
  Running& operator=(const Running&) = delete;

  // True when it ended, false at the deadline.
  bool wait(const Signals::Deadline& deadline) {
    while (!ended()) {
      if (deadline && steady_clock::now() >= *deadline) return false;
      signals_.wait_for_child(deadline);
    }
    return true;
  }

  // Whether the keeper is a zombie; it stays one, for finish().
  bool ended() const {
    siginfo_t info{};
    check(waitid(P_PID, static_cast<id_t>(keeper_), &info, WEXITED | WNOHANG | WNOWAIT),
          "waiting for a bench program");
    return info.si_pid == keeper_;
  }

  // Asks it to end, waits a moment, and kills it.
  void stop() {
    // MSG_NOSIGNAL is not needed: SIGPIPE is blocked. A keeper that is gone has ended it.
    if (write(line_.get(), &kStop, 1) != 1) return;
    while (!ended()) signals_.wait_for_child_only(std::nullopt);
  }

  // Kills and reaps whatever there still is. The status is that of the program itself.
  int finish() {
    const int status = end();
    // Killed, it took the program along, and what that left behind is ours.
    end_descendants(signals_.inherited_children());
    return status;
  }

  // Kills and reaps what the keeper has.
  int end() {
    int status = 0;
    shutdown(line_.get(), SHUT_WR);
    ssize_t got = 0;
    while ((got = read(line_.get(), &status, sizeof status)) < 0 && errno == EINTR) {
    }
    const int keeper_status = wait_for_end(keeper_);
    keeper_ = -1;
    return got == sizeof status ? status : keeper_status;
  }

 private:
  void start(const Command& command) {
    Program program;
    for (const std::string& argument : command.arguments) {
      program.arguments.push_back(const_cast<char*>(argument.c_str()));
    }
    program.arguments.push_back(nullptr);
    program.environment = environment_with(command.setting);
    program.in = open_file("/dev/null", O_RDONLY);
    program.out = open_file(command.stdout_path, O_WRONLY | O_APPEND);
    program.err = open_file(command.stderr_path, O_WRONLY | O_APPEND);
    program.mask = &signals_.original_mask();
    std::array<int, 2> ends{};
    check(pipe2(ends.data(), O_CLOEXEC), "making a pipe", "raise ulimit -n");
    const FileDescriptor read_end(ends[0]);
    program.error_pipe = FileDescriptor(ends[1]);
    check(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()), "socketpair",
          "raise ulimit -n");
    line_ = FileDescriptor(ends[0]);
    FileDescriptor their_line(ends[1]);
    keeper_ = check(fork(), "starting " + command.arguments[0],
                    "check ulimit -u and the cgroup's pids.max");
    if (keeper_ == 0) keep(program, their_line.get());
    their_line.reset();
    program.error_pipe.reset();
    int error = 0;
    ssize_t got;
    do {
      got = read(read_end.get(), &error, sizeof error);  // 0 bytes: exec closed it
    } while (got < 0 && errno == EINTR);
    if (got == sizeof error) {
      finish();
      throw_errno("cannot run " + command.arguments[0], error);
    }
  }

  Signals& signals_;
  FileDescriptor line_;  // to the keeper; our death closes it too
  pid_t keeper_ = -1;
};

}  // namespace

Signals::Signals() {
  sigemptyset(&blocked_);
  sigemptyset(&waited_);
  sigemptyset(&child_);
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) {
    sigaddset(&blocked_, signal);
    struct sigaction action {};
    forkcost::check(sigaction(signal, nullptr, &action), "asking for a signal's action");
    // A blocked signal is delivered to sigtimedwait even when it is ignored: nohup would not hold.
    if (action.sa_handler != SIG_IGN) sigaddset(&waited_, signal);
  }
  sigaddset(&child_, SIGCHLD);
  sigaddset(&waited_, SIGCHLD);
  sigaddset(&blocked_, SIGCHLD);
  // `forkcost-run | head` must not die half-way: the signal comes when all is cleaned up.
  sigaddset(&blocked_, SIGPIPE);
  // Inherited as ignored, our children would vanish without a status.
  struct sigaction action {};
  action.sa_handler = SIG_DFL;
  forkcost::check(sigaction(SIGCHLD, &action, nullptr), "resetting SIGCHLD");
  forkcost::check(sigprocmask(SIG_BLOCK, &blocked_, &original_), "blocking signals");
  inherited_children_ = read_children().value_or(std::set<pid_t>());
  forkcost::check(prctl(PR_SET_CHILD_SUBREAPER, 1), "becoming a subreaper");
}

Signals::~Signals() {
  sigprocmask(SIG_SETMASK, &original_, nullptr);
}

void Signals::check() {
  while (const int signal = next_signal(waited_, steady_clock::now())) {
    if (signal != SIGCHLD) throw Interrupted{signal};
  }
}

void Signals::wait_for_child(const Deadline& deadline) {
  const int signal = next_signal(waited_, deadline);
  if (signal != 0 && signal != SIGCHLD) throw Interrupted{signal};
}

void Signals::wait_for_child_only(const Deadline& deadline) {
  next_signal(child_, deadline);
}

void die_of(int signal) {
  struct sigaction action {};
  action.sa_handler = SIG_DFL;
  sigaction(signal, &action, nullptr);
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, signal);
  sigprocmask(SIG_UNBLOCK, &set, nullptr);
  raise(signal);
}

Ended run_command(Signals& signals, const Command& command) {
  const auto began = steady_clock::now();
  const auto limit = std::chrono::duration_cast<steady_clock::duration>(
      std::chrono::duration<double>(command.time_limit_s));
  Ended ended;
  Running running(signals, command);
  try {
    ended.timed_out = !running.wait(began + limit);
  } catch (const Interrupted&) {
    running.stop();
    throw;
  }
  if (ended.timed_out) running.stop();
  ended.status = running.finish();
  ended.seconds = std::chrono::duration<double>(steady_clock::now() - began).count();
  return ended;
}

namespace {

// Until both ended, or the time is over.
void wait_for_both(Signals& signals, const std::array<Running*, 2>& running,
                   const Signals::Deadline& deadline, const std::function<void(size_t)>& ended) {
  std::array<bool, 2> known{};
  while (true) {
    for (size_t i = 0; i < running.size(); ++i) {
      if (known[i] || !running[i]->ended()) continue;
      known[i] = true;
      ended(i);
    }
    if ((known[0] && known[1]) || steady_clock::now() >= *deadline) return;
    signals.wait_for_child(deadline);
  }
}

}  // namespace

std::array<Ended, 2> run_commands(Signals& signals, const std::array<Command, 2>& commands,
                                  const std::function<void(size_t)>& ended) {
  const auto began = steady_clock::now();
  const double limit_s = commands[0].time_limit_s + commands[1].time_limit_s;
  const auto limit =
      std::chrono::duration_cast<steady_clock::duration>(std::chrono::duration<double>(limit_s));
  Running first(signals, commands[0]);
  Running second(signals, commands[1]);
  const std::array<Running*, 2> running = {&first, &second};
  std::array<Ended, 2> result;
  // What is left of one must not be taken for that of the other: both end before either is cleared
  // up.
  const auto end_both = [&] {
    for (size_t i = 0; i < running.size(); ++i) {
      result[i].timed_out = !running[i]->ended();
      if (result[i].timed_out) running[i]->stop();
    }
    for (size_t i = 0; i < running.size(); ++i) result[i].status = running[i]->end();
    end_descendants(signals.inherited_children());
  };
  try {
    wait_for_both(signals, running, began + limit, ended);
  } catch (const Interrupted&) {
    end_both();
    throw;
  }
  end_both();
  const double seconds = std::chrono::duration<double>(steady_clock::now() - began).count();
  for (Ended& one : result) one.seconds = seconds / 2;
  return result;
}

}  // namespace forkcost::runner
