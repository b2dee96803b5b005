#include "benchmarks/load/fork_server.h"

#include <poll.h>

#include <array>

#include "harness/error.h"

namespace forkcost {

ForkServer::ForkServer(Timeline& timeline, const Image& image, char* const* environment)
    : timeline_(timeline),
      gate_number_(gate_.worker()),
      server_(start_image(timeline, image, FORKCOST_SERVE, environment, gate_number_)) {
  gate_.become_master();
}

void ForkServer::ask() {
  if (!server_.channel.tell(kGo)) throw Failure("the fork server died");
}

int ForkServer::receive() {
  const auto answer = server_.channel.hear();
  if (!answer) throw Failure("the fork server died or did not answer in time");
  return *answer;
}

pid_t ForkServer::pid() {
  const pid_t pid = receive();
  if (pid < 0) throw_creation_failed("fork in the fork server", -pid);
  return pid;
}

int ForkServer::status() {
  return receive();
}

pid_t ForkServer::fork_waiting() {
  timeline_.reset();
  timeline_.page().room[FORKCOST_ORDER] = FORKCOST_WAIT;
  timeline_.page().room[FORKCOST_GATE] = gate_number_;
  ask();
  const pid_t child = pid();
  // The server has the other end of the gate, too: a child that dies closes nothing, but the server
  // says its status.
  std::array<pollfd, 2> said = {
      {{gate_.master(), POLLIN, 0}, {server_.channel.master(), POLLIN, 0}}};
  while (poll(said.data(), said.size(), -1) < 0) {
    if (errno != EINTR) throw_errno("poll", errno);
  }
  if ((said[0].revents & POLLIN) != 0 && gate_.hear()) return child;
  require_clean_end(status(), timeline_);
  throw Failure("a fork of the fork server ended before it could be looked at");
}

void ForkServer::let_go() {
  if (!gate_.tell(kGo)) throw Failure("the fork server died");
  require_clean_end(status(), timeline_);
}

void ForkServer::end() {
  server_.channel.close();
  server_.child->reap(timeline_);
}

}  // namespace forkcost
