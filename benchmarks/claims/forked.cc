#include "benchmarks/claims/forked.h"

#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <limits>

#include "harness/error.h"

namespace forkcost {
namespace {

constexpr int64_t kEnd = std::numeric_limits<int64_t>::min();

bool send_number(int socket, int64_t number) {
  ssize_t sent = 0;
  do {
    sent = send(socket, &number, sizeof number, MSG_NOSIGNAL);
  } while (sent < 0 && errno == EINTR);
  return sent == sizeof number;
}

// False when nobody is at the other end, or the case has taken too long: the harness kills only the
// process that was made last, and it need not be this one.
bool receive_number(int socket, int64_t& number) {
  ssize_t got = 0;
  do {
    got = recv(socket, &number, sizeof number, 0);
  } while (got < 0 && (errno == EINTR || errno == EAGAIN) && !TimeLimit::expired());
  return got == sizeof number;
}

}  // namespace

OrderLine::OrderLine() {
  std::array<int, 2> ends{};
  check(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()), "socketpair",
        "raise ulimit -n");
  ours_ = FileDescriptor(ends[0]);
  theirs_ = FileDescriptor(ends[1]);
  const timeval second{.tv_sec = 1, .tv_usec = 0};
  check(setsockopt(ours_.get(), SOL_SOCKET, SO_RCVTIMEO, &second, sizeof second),
        "setsockopt(SO_RCVTIMEO)");
}

void OrderLine::obey(Timeline& timeline, pid_t parent, const Step& step) noexcept {
  die_with_parent(timeline, parent);
  ours_.reset();
  int64_t order = 0;
  while (receive_number(theirs_.get(), order) && order != kEnd) {
    send_number(theirs_.get(), step(order));
  }
  int status = 0;
  while (waitpid(-1, &status, 0) > 0) {  // the next generation, which was told to end before us
    if (status != 0) fail_child(timeline, "waiting for the grandchild, which was killed", ECHILD);
  }
  _exit(0);
}

bool OrderLine::tell(int64_t order) {
  return send_number(ours_.get(), order);
}

std::optional<int64_t> OrderLine::ask(int64_t order) {
  int64_t answer = 0;
  if (!tell(order) || !receive_number(ours_.get(), answer)) return std::nullopt;
  return answer;
}

void OrderLine::tell_end() {
  tell(kEnd);
}

Forked::Forked(Measurement& m, const Step& step) : timeline_(m.timeline()) {
  const pid_t parent = getpid();
  const pid_t pid = fork();
  if (pid == 0) line_.obey(timeline_, parent, step);
  if (pid < 0) throw_creation_failed("fork", errno);
  child_ = std::make_unique<Child>(pid);
  line_.start();
}

void Forked::fail() {
  line_.tell_end();  // it may be a grandchild that is gone
  reap();            // says why
  throw Failure("a forked process closed its line without an error");
}

int64_t Forked::ask(int64_t order) {
  const auto answer = line_.ask(order);
  if (!answer) fail();
  return *answer;
}

void Forked::tell(int64_t order) {
  if (!line_.tell(order)) fail();
}

void Forked::end() {
  line_.tell_end();
  reap();
}

void Forked::reap() {
  child_->reap(timeline_);
}

}  // namespace forkcost
