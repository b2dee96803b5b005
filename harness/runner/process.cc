#include "harness/runner/process.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <string_view>
#include <system_error>

#include "harness/environment_parse.h"
#include "harness/error.h"
#include "harness/file_descriptor.h"
#include "harness/procfs.h"

namespace forkcost::runner {
namespace {

using std::chrono::steady_clock;

// How long a program that we stop has to clean up (a cgroup, huge pages) before it is killed.
constexpr std::chrono::seconds kGrace(1);

FileDescriptor open_file(const std::string& path, int flags) {
  FileDescriptor fd(open(path.c_str(), flags | O_CLOEXEC, 0600));
  if (!fd) throw_errno("opening " + path, errno, "is there space and permission in $TMPDIR?");
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

// What the child of start() needs; made before the fork, because after it only async-signal-safe
// calls are allowed.
struct Start {
  std::vector<char*> arguments;
  std::vector<char*> environment;
  FileDescriptor in, out, err, error_pipe;
  pid_t parent;
  const sigset_t* mask;
};

[[noreturn]] void become(const Start& start) {
  const auto fail = [&] {
    const int error = errno;
    // Nobody to tell if this fails: the status says that much.
    if (write(start.error_pipe.get(), &error, sizeof error) < 0) _exit(126);
    _exit(127);
  };
  if (setpgid(0, 0) != 0) fail();
  if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0) fail();
  if (getppid() != start.parent) _exit(126);  // it died before we asked to be told
  for (const auto& [fd, target] :
       {std::pair{start.in.get(), STDIN_FILENO}, std::pair{start.out.get(), STDOUT_FILENO},
        std::pair{start.err.get(), STDERR_FILENO}}) {
    if (dup2(fd, target) < 0) fail();
  }
  if (sigprocmask(SIG_SETMASK, start.mask, nullptr) != 0) fail();
  execve(start.arguments[0], start.arguments.data(), start.environment.data());
  fail();
  _exit(127);
}

// A running program. When this goes away, nothing of it is left.
class Running {
 public:
  Running(Signals& signals, const Command& command) : signals_(signals) { start(command); }
  ~Running() {
    if (pid_ > 0) finish();
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

  // Asks it to end, waits a moment, and kills it.
  void stop() {
    kill(-pid_, SIGTERM);
    const auto deadline = steady_clock::now() + kGrace;
    while (!ended() && steady_clock::now() < deadline) signals_.wait_for_child_only(deadline);
  }

  // Kills and reaps whatever there still is. The status is that of the program itself.
  int finish() {
    // As long as the program is not reaped its number, and so its group's, cannot be another's.
    kill(-pid_, SIGKILL);
    int status = 0;
    while (waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
    }
    pid_ = -1;
    kill_orphans();
    return status;
  }

 private:
  void start(const Command& command) {
    Start start;
    for (const std::string& argument : command.arguments) {
      start.arguments.push_back(const_cast<char*>(argument.c_str()));
    }
    start.arguments.push_back(nullptr);
    start.environment = environment_with(command.setting);
    start.in = open_file("/dev/null", O_RDONLY);
    start.out = open_file(command.stdout_path, O_WRONLY | O_CREAT | O_TRUNC);
    start.err = open_file(command.stderr_path, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND);
    std::array<int, 2> ends{};
    check(pipe2(ends.data(), O_CLOEXEC), "making a pipe");
    const FileDescriptor read_end(ends[0]);
    start.error_pipe = FileDescriptor(ends[1]);
    start.parent = getpid();
    start.mask = &signals_.original_mask();
    pid_ = check(fork(), "starting " + command.arguments[0], "is there a limit on processes?");
    if (pid_ == 0) become(start);
    setpgid(pid_, pid_);  // the child does it too; either may be first
    start.error_pipe.reset();
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

  // Whether the program is a zombie; it stays one, for finish().
  bool ended() const {
    siginfo_t info{};
    check(waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOHANG | WNOWAIT),
          "waiting for a bench program");
    return info.si_pid == pid_;
  }

  // Its descendants became our children when it died (we are their subreaper), those too that left
  // its group. They are all that we have, strangers aside; each may leave orphans in its turn.
  void kill_orphans() const {
    const std::set<pid_t>& strangers = signals_.strangers();
    while (true) {
      const auto children = read_children();
      bool killed = false;
      for (const pid_t pid : children.value_or(std::set<pid_t>())) {
        killed |= strangers.count(pid) == 0 && kill(pid, SIGKILL) == 0;
      }
      const pid_t reaped = waitpid(-1, nullptr, killed ? 0 : WNOHANG);
      if (reaped < 0 && errno != EINTR) return;  // none is left
      // A kernel without that list: what is dead already is all that can be reaped. (With it, an
      // empty list beside a living child is only a list that was read while it changed.)
      if (reaped == 0 && (!children || !strangers.empty())) return;
    }
  }

  Signals& signals_;
  pid_t pid_ = -1;
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
  strangers_ = read_children().value_or(std::set<pid_t>());
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

TemporaryDirectory::TemporaryDirectory() {
  const char* base = std::getenv("TMPDIR");
  path_ = fmt::format("{}/forkcost-run-XXXXXX", base != nullptr && *base != '\0' ? base : "/tmp");
  if (mkdtemp(path_.data()) == nullptr) {
    const int error = errno;
    throw_errno("making a directory like " + path_, error, "set TMPDIR to one that is writable");
  }
}

TemporaryDirectory::~TemporaryDirectory() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

}  // namespace forkcost::runner
