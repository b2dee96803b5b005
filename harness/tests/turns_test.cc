#include "harness/turns.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <mutex>
#include <thread>

#include "harness/clock.h"
#include "harness/error.h"

namespace forkcost {
namespace {

// Who holds the pipes.
struct Pipes {
  Pipes() {
    for (auto& ends : pipes) EXPECT_EQ(pipe2(ends.data(), O_CLOEXEC), 0);
  }
  ~Pipes() {
    for (const auto& ends : pipes) {
      close(ends[0]);
      close(ends[1]);
    }
  }
  std::string flag(size_t who) const {
    return fmt::format("/proc/self/fd/{},/proc/self/fd/{},{}", pipes[who][0], pipes[1 - who][1],
                       who == 0 ? "first" : "second");
  }
  void say_left(size_t to) const { EXPECT_EQ(write(pipes[to][1], &kTurnLeft, 1), 1); }

  std::array<std::array<int, 2>, 2> pipes{};
};

void work(double ms) {
  const uint64_t began = clock_ticks();
  while (ticks_to_ns(static_cast<double>(clock_ticks() - began)) < 1e6 * ms) {
  }
}

// Who took its samples when, "aabb".
class Order {
 public:
  void take(Turns& turns, char who, int samples, double ms) {
    for (int i = 0; i < samples; ++i) {
      turns.before_sample();
      {
        const std::lock_guard guard(mutex_);
        order_ += who;
      }
      work(ms);
    }
  }
  void note(char what) {
    const std::lock_guard guard(mutex_);
    order_ += what;
  }
  const std::string& order() const { return order_; }

 private:
  std::mutex mutex_;
  std::string order_;
};

std::string order_of(int samples, double ms) {
  const Pipes pipes;
  Order order;
  const auto side = [&](size_t who) {
    Turns turns(pipes.flag(who));
    order.take(turns, who == 0 ? 'a' : 'b', samples, ms);
    turns.leave();
    order.note(who == 0 ? 'A' : 'B');
  };
  std::thread second(side, 1);
  work(20);  // it must wait for the first
  std::thread first(side, 0);
  first.join();
  second.join();
  return order.order();
}

TEST(Turns, AreTakenByTheSampleWhereThatIsLong) {
  const std::string order = order_of(3, 6);
  EXPECT_EQ(order.substr(0, 6), "ababab");
  // Nobody does anything else before both have their samples.
  EXPECT_TRUE(order.ends_with("AB") || order.ends_with("BA")) << order;
}

TEST(Turns, HaveAllSamplesWhereTheseAreShort) {
  EXPECT_EQ(order_of(5, 0.01).substr(0, 10), "aaaaabbbbb");
}

TEST(Turns, GoOnAloneWhenTheOtherIsGone) {
  const Pipes pipes;
  Order order;
  Turns turns(pipes.flag(1));
  pipes.say_left(1);
  order.take(turns, 'b', 3, 6);
  turns.leave();
  EXPECT_EQ(order.order(), "bbb");
}

TEST(Turns, RefuseWhatIsNoFlagOfTheirs) {
  EXPECT_THROW(Turns("/dev/null"), UsageError);
  EXPECT_THROW(Turns("/dev/null,/dev/null,third"), UsageError);
  EXPECT_THROW(Turns("/nonexistent,/dev/null,first"), UsageError);
}

}  // namespace
}  // namespace forkcost
