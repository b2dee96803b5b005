#include "harness/channel.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>

#include <array>
#include <cerrno>

#include "harness/error.h"

namespace forkcost {

ChannelEnds::ChannelEnds(WorkerIs worker) {
  std::array<int, 2> ends{};
  check(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()), "socketpair",
        "raise ulimit -n");
  master_ = FileDescriptor(ends[0]);
  worker_ = FileDescriptor(ends[1]);
  // The master's end never: a program that held it would keep another's channel open.
  if (worker == WorkerIs::kProgram) check(fcntl(worker_.get(), F_SETFD, 0), "fcntl(F_SETFD)");
}

void ChannelEnds::heed_time_limit() {
  const timeval second{.tv_sec = 1, .tv_usec = 0};
  check(setsockopt(master(), SOL_SOCKET, SO_RCVTIMEO, &second, sizeof second),
        "setsockopt(SO_RCVTIMEO)");
}

bool ChannelEnds::send(int end, const void* message, size_t size) noexcept {
  ssize_t sent = 0;
  do {
    sent = ::send(end, message, size, MSG_NOSIGNAL);
  } while (sent < 0 && errno == EINTR);
  return sent == static_cast<ssize_t>(size);
}

bool ChannelEnds::receive(int end, void* message, size_t size) noexcept {
  ssize_t got = 0;
  do {
    got = recv(end, message, size, MSG_WAITALL);
  } while (got < 0 && (errno == EINTR || errno == EAGAIN) && !TimeLimit::expired());
  return got == static_cast<ssize_t>(size);
}

void end_worker(Timeline& timeline) noexcept {
  int status = 0;
  while (waitpid(-1, &status, 0) > 0) {
    if (status != 0) fail_child(timeline, "waiting for the grandchild, which was killed", ECHILD);
  }
  _exit(0);
}

}  // namespace forkcost
