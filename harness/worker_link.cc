#include "harness/worker_link.h"

#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "harness/error.h"

namespace forkcost {
namespace {

// Messages keep their bounds on SOCK_SEQPACKET. False when nobody is at the other end.
template <typename T>
bool send_message(int end, const T& message) {
  ssize_t sent = 0;
  do {
    sent = send(end, &message, sizeof message, MSG_NOSIGNAL);
  } while (sent < 0 && errno == EINTR);
  return sent == sizeof message;
}

template <typename T>
bool receive_message(int end, T& message) {
  ssize_t got = 0;
  do {
    got = recv(end, &message, sizeof message, 0);
  } while (got < 0 && errno == EINTR);
  return got == sizeof message;
}

}  // namespace

WorkerLink::WorkerLink() {
  std::array<int, 2> ends{};
  check(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()), "socketpair",
        "raise ulimit -n");
  master_ = ends[0];
  worker_ = ends[1];
}

WorkerLink::~WorkerLink() {
  close();
}

void WorkerLink::close_end(int& end) {
  if (end >= 0) ::close(end);
  end = -1;
}

std::optional<TouchResult> WorkerLink::ask(Order order) {
  TouchResult result;
  if (!send_message(master_, order) || !receive_message(master_, result)) return std::nullopt;
  return result;
}

void WorkerLink::send_end() {
  send_message(master_, Order::kEnd);
}

Order WorkerLink::wait_for_order() {
  Order order = Order::kEnd;
  return receive_message(worker_, order) ? order : Order::kEnd;
}

void WorkerLink::answer(const TouchResult& result) {
  send_message(worker_, result);
}

}  // namespace forkcost
