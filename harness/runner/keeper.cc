#include "harness/runner/keeper.h"

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <ctime>
#include <string_view>
#include <utility>

#include "harness/caretaker.h"
#include "harness/spawn.h"

namespace forkcost::runner {
namespace {

// How long a program that is stopped has to clean up before it is killed.
constexpr int kGraceMs = 1000;
// How long a caretaker may take: gigabytes of files on a slow disk.
constexpr int kCaretakerMs = 60'000;
constexpr int kLookMs = 2;

int64_t now_ms() noexcept {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * int64_t{1000} + now.tv_nsec / 1'000'000;
}

// As much of a file of /proc as fits.
std::string_view read_start(const char* path, char* buffer, size_t size) noexcept {
  const FileDescriptor file(open(path, O_RDONLY | O_CLOEXEC));
  size_t length = 0;
  while (file && length < size) {
    const ssize_t got = read(file.get(), buffer + length, size - length);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) break;
    length += static_cast<size_t>(got);
  }
  return {buffer, length};
}

// Some of our children, more in the next turn where there are very many.
class Children {
 public:
  void read() noexcept {
    std::array<char, 64> path{};
    snprintf(path.data(), path.size(), "/proc/self/task/%d/children", getpid());
    known_ = access(path.data(), R_OK) == 0;
    std::string_view text = read_start(path.data(), text_.data(), text_.size());
    if (text.size() == text_.size()) text = text.substr(0, text.rfind(' ') + 1);  // half a number
    count_ = 0;
    pid_t pid = 0;
    for (const char c : text) {
      if (c >= '0' && c <= '9') {
        pid = 10 * pid + (c - '0');
      } else if (pid > 0) {
        pids_.at(count_++) = std::exchange(pid, 0);
      }
    }
  }

  bool known() const { return known_; }  // false on a kernel without CONFIG_PROC_CHILDREN
  const pid_t* begin() const { return pids_.data(); }
  const pid_t* end() const { return pids_.data() + count_; }

 private:
  bool known_ = false;
  size_t count_ = 0;
  std::array<char, 4096> text_;
  std::array<pid_t, 2048> pids_;  // a number and a space take two bytes at least
};

// In the middle of its exec it has no command line. Nor has what is dead, and is reaped next, or a
// process that took its own away, which kCaretakerMs ends.
bool is_caretaker(pid_t pid) noexcept {
  std::array<char, 64> path{};
  std::array<char, 4096> buffer;
  snprintf(path.data(), path.size(), "/proc/%d/comm", pid);
  constexpr std::string_view kName(kCaretakerName);
  constexpr size_t kCommLength = 15;
  const std::string_view comm = read_start(path.data(), buffer.data(), buffer.size());
  if (comm.substr(0, comm.find('\n')) == kName.substr(0, kCommLength)) return true;
  snprintf(path.data(), path.size(), "/proc/%d/cmdline", pid);
  std::string_view line = read_start(path.data(), buffer.data(), buffer.size());
  if (line.empty()) return true;
  while (!line.empty()) {
    const size_t end = std::min(line.find('\0'), line.size());
    if (line.substr(0, end) == kName) return true;
    line.remove_prefix(std::min(end + 1, line.size()));
  }
  return false;
}

[[noreturn]] void become(const Program& program, pid_t parent) noexcept {
  const auto fail = [&] {
    const int error = errno;
    // Nobody to tell if this fails: the status says that much.
    if (write(program.error_pipe.get(), &error, sizeof error) < 0) _exit(126);
    _exit(127);
  };
  if (setpgid(0, 0) != 0) fail();
  if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0) fail();
  if (getppid() != parent) _exit(126);  // it died before we asked to be told
  for (const auto& [fd, target] :
       {std::pair{program.in.get(), STDIN_FILENO}, std::pair{program.out.get(), STDOUT_FILENO},
        std::pair{program.err.get(), STDERR_FILENO}}) {
    if (dup2(fd, target) < 0) fail();
  }
  if (sigprocmask(SIG_SETMASK, program.mask, nullptr) != 0) fail();
  execve(program.arguments[0], program.arguments.data(), program.environment.data());
  fail();
  _exit(127);
}

// The runner's descriptors; a journal that is still locked here could not be gone on with.
void close_all_but_first(int count) noexcept {
  if (syscall(SYS_close_range, count, ~0U, 0) == 0) return;
  const long limit = std::min(sysconf(_SC_OPEN_MAX), 65536L);  // before Linux 5.9
  for (int fd = count; fd < limit; ++fd) close(fd);
}

// Waits until the program ended, or is to end. `line` and `child` (a signalfd of SIGCHLD) are open.
void watch(pid_t program, int line, int child) noexcept {
  std::array<pollfd, 2> events{{{.fd = child, .events = POLLIN, .revents = 0},
                                {.fd = line, .events = POLLIN, .revents = 0}}};
  int64_t deadline = -1;  // of a program that is stopped
  while (true) {
    siginfo_t ended{};
    // It stays a zombie: until it is reaped its number, and so its group's, cannot be another's.
    if (waitid(P_PID, static_cast<id_t>(program), &ended, WEXITED | WNOHANG | WNOWAIT) != 0) return;
    if (ended.si_pid == program) return;
    const int64_t left = deadline < 0 ? -1 : std::max<int64_t>(deadline - now_ms(), 0);
    const int ready = poll(events.data(), events.size(), static_cast<int>(left));
    if (ready == 0 || (ready < 0 && errno != EINTR)) return;
    if (ready < 0) continue;
    signalfd_siginfo signal;
    if (events[0].revents != 0 && read(child, &signal, sizeof signal) < 0 && errno != EAGAIN)
      return;
    if (events[1].revents == 0) continue;
    char order = 0;
    if (read(line, &order, 1) != 1 || order != kStop) return;
    kill(-program, SIGTERM);
    deadline = now_ms() + kGraceMs;
  }
}

}  // namespace

void end_descendants(const std::set<pid_t>& spared) noexcept {
  const int64_t patience = now_ms() + kCaretakerMs;
  Children children;
  while (true) {
    bool killed = false;
    bool waiting = false;
    bool refused = false;  // a child that became another user
    children.read();
    for (const pid_t pid : children) {
      if (spared.count(pid) != 0) continue;
      if (now_ms() < patience && is_caretaker(pid)) {
        waiting = true;
      } else {
        const bool sent = kill(pid, SIGKILL) == 0;
        killed |= sent;
        refused |= !sent && errno == EPERM;
      }
    }
    // They are all that we have, inherited children aside; each may leave orphans in its turn.
    const pid_t reaped = waitpid(-1, nullptr, killed ? 0 : WNOHANG);
    if (reaped < 0 && errno != EINTR) return;  // none is left
    if (reaped != 0) continue;
    // A kernel without that list: what is dead already is all that can be reaped. (With it, an
    // empty list beside a living child is only a list that was read while it changed.)
    if (!children.known() || (!waiting && (refused || !spared.empty()))) return;
    if (waiting) poll(nullptr, 0, kLookMs);
  }
}

void keep(const Program& program, int line) noexcept {
  // Not a session of its own, in which the scheduler would group the program apart from the rest.
  setpgid(0, 0);
  prctl(PR_SET_NAME, "forkcost-keeper");
  const pid_t self = getpid();
  sigset_t child_signals;
  sigemptyset(&child_signals);
  sigaddset(&child_signals, SIGCHLD);  // blocked, as the runner has it
  if (prctl(PR_SET_CHILD_SUBREAPER, 1) != 0) _exit(127);
  const pid_t pid = fork();
  if (pid == 0) become(program, self);
  if (pid < 0) {
    const int error = errno;
    _exit(write(program.error_pipe.get(), &error, sizeof error) == sizeof error ? 127 : 126);
  }
  setpgid(pid, pid);  // the child does it too; either may be first
  if (dup2(line, STDIN_FILENO) < 0) _exit(127);
  close_all_but_first(1);
  const int child = signalfd(-1, &child_signals, SFD_NONBLOCK | SFD_CLOEXEC);
  if (child >= 0) watch(pid, STDIN_FILENO, child);
  kill(-pid, SIGKILL);
  const int status = wait_for_end(pid);
  end_descendants({});
  // To a runner that is dead there is nothing to say.
  _exit(write(STDIN_FILENO, &status, sizeof status) == sizeof status ? 0 : 1);
}

}  // namespace forkcost::runner
