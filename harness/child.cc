#include "harness/child.h"

#include <fmt/format.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/time.h>
#include <unistd.h>

#include <cmath>
#include <string>

#include "harness/error.h"
#include "harness/placement.h"
#include "harness/spawn.h"

namespace forkcost {
namespace {

// Of the one case that runs: read by a signal handler.
volatile sig_atomic_t current_child = 0;
volatile sig_atomic_t time_is_up = 0;
double current_limit = 0;

void on_alarm(int) {
  const int saved = errno;
  time_is_up = 1;
  if (current_child > 0) kill(current_child, SIGKILL);
  errno = saved;
}

}  // namespace

void end_child(Timeline& timeline) noexcept {
  timeline.stamp(FORKCOST_CHILD);
  timeline.page().child_cpu = current_cpu_number();
  timeline.stamp(FORKCOST_EXIT);
  _exit(0);
}

Child::Child(pid_t pid) : pid_(pid) {
  current_child = pid;
}

void fail_child(Timeline& timeline, const char* doing, int error) noexcept {
  forkcost_timeline_page& page = timeline.page();
  page.child_errno = error;
  strncpy(page.child_failed_at, doing, sizeof page.child_failed_at - 1);
  page.child_failed_at[sizeof page.child_failed_at - 1] = '\0';
  _exit(127);
}

void die_with_parent(Timeline& timeline, pid_t parent) noexcept {
  if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0) fail_child(timeline, "prctl(PR_SET_PDEATHSIG)", errno);
  if (getppid() != parent) _exit(0);  // it died before we asked
}

Child::~Child() {
  if (pid_ <= 0) return;
  kill(pid_, SIGKILL);
  wait_for_end(pid_);
  current_child = 0;
}

void Child::reap(Timeline& timeline, rusage* usage) {
  current_child = pid_;  // there may be several
  if (time_is_up != 0) kill(pid_, SIGKILL);
  const int status = wait_for_end(pid_, usage);
  timeline.stamp(FORKCOST_REAPED);
  current_child = 0;
  if (status < 0) throw_errno(fmt::format("wait4 for child {}", pid_), errno);
  pid_ = 0;
  require_clean_end(status, timeline);
}

void require_clean_end(int status, Timeline& timeline) {
  const forkcost_timeline_page& page = timeline.page();
  if (TimeLimit::expired()) {
    throw Failure(fmt::format("not done after {} s, so its child was killed; raise --time-limit-s",
                              TimeLimit::seconds()));
  }
  if (page.child_errno != 0) {
    throw_errno(fmt::format("in the child: {}", page.child_failed_at), page.child_errno);
  }
  if (WIFSIGNALED(status)) {
    throw Failure(fmt::format("the child was killed by {} (SIG{}) from outside",
                              strsignal(WTERMSIG(status)), sigabbrev_np(WTERMSIG(status))));
  }
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
    throw Failure(
        fmt::format("the child ended with exit status {} in place of 0 (127: the image "
                    "could not be run)",
                    WEXITSTATUS(status)));
  }
}

TimeLimit::TimeLimit(double seconds) {
  time_is_up = 0;
  current_limit = seconds;
  struct sigaction action {};
  action.sa_handler = on_alarm;
  action.sa_flags = SA_RESTART;
  check(sigaction(SIGALRM, &action, nullptr), "sigaction(SIGALRM)");
  itimerval timer{};
  timer.it_value.tv_sec = static_cast<time_t>(seconds);
  timer.it_value.tv_usec = static_cast<suseconds_t>((seconds - std::floor(seconds)) * 1e6);
  // Again and again after that: the handler may have run between two children.
  timer.it_interval.tv_usec = 100'000;
  check(setitimer(ITIMER_REAL, &timer, nullptr), "setitimer");
}

TimeLimit::~TimeLimit() {
  const itimerval off{};
  setitimer(ITIMER_REAL, &off, nullptr);
  time_is_up = 0;
}

bool TimeLimit::expired() {
  return time_is_up != 0;
}
double TimeLimit::seconds() {
  return current_limit;
}

void throw_creation_failed(std::string_view call, int error) {
  switch (error) {
    case EAGAIN:
      throw_errno(call, error,
                  "a limit on processes is reached: check ulimit -u, the cgroup's pids.max and "
                  "kernel.pid_max");
    case ENOMEM:
      throw_errno(call, error,
                  "the kernel does not commit that much memory for the child: check "
                  "vm.overcommit_memory, or use a smaller --max-heap");
    case ENOSYS:
    case EPERM:
      throw Skip(
          describe_errno(call, error, "not in this kernel, or forbidden by a seccomp filter"));
    default:
      throw_errno(call, error);
  }
}

}  // namespace forkcost
