#include "benchmarks/load/fork_server.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>

#include "harness/error.h"

namespace forkcost {

ForkServer::ForkServer(Timeline& timeline, const Image& image, char* const* environment)
    : timeline_(timeline) {
  std::array<int, 2> gates{};
  check(socketpair(AF_UNIX, SOCK_STREAM, 0, gates.data()), "socketpair", "raise ulimit -n");
  gate_ = FileDescriptor(gates[0]);
  const FileDescriptor theirs(gates[1]);
  check(fcntl(gate_.get(), F_SETFD, FD_CLOEXEC), "fcntl(FD_CLOEXEC)");
  server_ = start_image(timeline, image, FORKCOST_SERVE, environment, theirs.get());
  gate_number_ = theirs.get();
}

void ForkServer::ask() {
  if (send(server_.socket.get(), "x", 1, MSG_NOSIGNAL) != 1) throw Failure("the fork server died");
}

int ForkServer::receive() {
  int answer = -1;
  if (recv(server_.socket.get(), &answer, sizeof answer, MSG_WAITALL) != sizeof answer) {
    throw Failure("the fork server died or did not answer in time");
  }
  return answer;
}

pid_t ForkServer::pid() {
  const pid_t pid = receive();
  if (pid < 0) throw_creation_failed("fork in the fork server", receive());
  return pid;
}

int ForkServer::status() {
  return receive();
}

pid_t ForkServer::fork_waiting() {
  timeline_.reset();
  timeline_.page().image_order = FORKCOST_WAIT;
  timeline_.page().image_gate = gate_number_;
  ask();
  const pid_t child = pid();
  // The server has the other end of the gate, too: a child that dies closes nothing, but the server
  // says its status.
  std::array<pollfd, 2> said = {{{gate_.get(), POLLIN, 0}, {server_.socket.get(), POLLIN, 0}}};
  while (poll(said.data(), said.size(), -1) < 0) {
    if (errno != EINTR) throw_errno("poll", errno);
  }
  char ready = 0;
  if ((said[0].revents & POLLIN) != 0 && recv(gate_.get(), &ready, 1, MSG_WAITALL) == 1) {
    return child;
  }
  require_clean_end(status(), timeline_);
  throw Failure("a fork of the fork server ended before it could be looked at");
}

void ForkServer::let_go() {
  if (send(gate_.get(), "x", 1, MSG_NOSIGNAL) != 1) throw Failure("the fork server died");
  require_clean_end(status(), timeline_);
}

void ForkServer::end() {
  server_.socket.reset();
  server_.child->reap(timeline_);
}

}  // namespace forkcost
