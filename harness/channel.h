// The channel between a process and its worker: orders go one way, answers the other.
//
// A message has a fixed size and travels over a socket pair. Whoever dies, or closes its end, is
// heard by the other: there is no further message. A worker that cannot do what it is told answers
// with errno, or says in the timeline what it was doing (fail_child) and ends.
//
// After the constructor all of it is async-signal-safe and allocates nothing: one end is used in a
// fork of the suite.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <type_traits>

#include "harness/child.h"
#include "harness/file_descriptor.h"
#include "harness/timeline.h"

namespace forkcost {

// Who has the worker's end: a fork, or a program that is exec'ed and gets its number.
enum class WorkerIs : uint8_t { kFork, kProgram };

// What does not depend on the messages.
class ChannelEnds {
 public:
  // To be called right after the fork, in the process that gives orders and in the one that takes
  // them. While both ends are open in one process, the other's death would go unnoticed.
  void become_master() noexcept { worker_.reset(); }
  void become_worker() noexcept { master_.reset(); }
  void close() noexcept {
    master_.reset();
    worker_.reset();
  }

  // Lets the master stop waiting for an answer when the case has taken too long. Needed where the
  // worker is not the child that was made last: the harness kills only that one. Costs a timer for
  // each answer, so never where one is timed.
  void heed_time_limit();

  int master() const { return master_.get(); }
  int worker() const { return worker_.get(); }

 protected:
  explicit ChannelEnds(WorkerIs worker);

  // False when nobody is at the other end.
  static bool send(int end, const void* message, size_t size) noexcept;
  static bool receive(int end, void* message, size_t size) noexcept;

 private:
  FileDescriptor master_, worker_;
};

template <typename Order, typename Answer>
class Channel : public ChannelEnds {
  static_assert(std::is_trivially_copyable_v<Order> && std::is_trivially_copyable_v<Answer>);

 public:
  explicit Channel(WorkerIs worker = WorkerIs::kFork) : ChannelEnds(worker) {}

  // The master's: false, or no answer, when the worker is gone.
  bool tell(Order order) noexcept { return send(master(), &order, sizeof order); }
  std::optional<Answer> hear() noexcept { return receive_one<Answer>(master()); }
  std::optional<Answer> ask(Order order) noexcept { return tell(order) ? hear() : std::nullopt; }

  // The worker's: no order when the master is gone.
  std::optional<Order> next_order() noexcept { return receive_one<Order>(worker()); }
  bool answer(const Answer& answer) noexcept { return send(worker(), &answer, sizeof answer); }

 private:
  template <typename Message>
  static std::optional<Message> receive_one(int end) noexcept {
    Message message{};
    if (!receive(end, &message, sizeof message)) return std::nullopt;
    return message;
  }
};

// The end of a worker that was told to: waits for its own children, who were told before, and says
// if one of them did not end well.
[[noreturn]] void end_worker(Timeline& timeline) noexcept;

// The life of a forked worker: does a step for every order until `end`, or until nobody gives any.
template <typename Order, typename Answer, typename Step>
[[noreturn]] void obey(Channel<Order, Answer>& channel, Order end, Timeline& timeline, pid_t parent,
                       const Step& step) noexcept {
  die_with_parent(timeline, parent);
  channel.become_worker();
  for (;;) {
    const std::optional<Order> order = channel.next_order();
    if (!order || *order == end) end_worker(timeline);
    channel.answer(step(*order));
  }
}

}  // namespace forkcost
