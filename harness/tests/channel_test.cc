#include "harness/channel.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>

#include "harness/error.h"

namespace forkcost {
namespace {

enum class Order : uint8_t { kDouble, kFail, kFork, kEnd };

struct Doubled {
  int64_t value = 0;
  int64_t times = 0;
};

using TestChannel = Channel<Order, Doubled>;

// A forked worker that doubles its number each time it is told to.
struct Worker {
  Worker() {
    const pid_t parent = getpid();
    const pid_t pid = fork();
    if (pid == 0) {
      Doubled number{.value = 1};
      obey(channel, Order::kEnd, timeline, parent, [&](Order order) -> Doubled {
        if (order == Order::kFail) fail_child(timeline, "doubling", ERANGE);
        if (order == Order::kFork && fork() == 0) raise(SIGKILL);
        number.value *= 2;
        ++number.times;
        return number;
      });
    }
    child.emplace(pid);
    channel.become_master();
  }

  std::string failure() {
    try {
      child->reap(timeline);
    } catch (const Failure& failure) {
      return failure.what();
    }
    return "";
  }

  Timeline timeline;
  TestChannel channel;
  std::optional<Child> child;
};

TEST(Channel, CarriesOrdersAndAnswersUntilTheEnd) {
  Worker worker;
  EXPECT_EQ(worker.channel.ask(Order::kDouble)->value, 2);
  EXPECT_TRUE(worker.channel.tell(Order::kDouble));
  EXPECT_TRUE(worker.channel.tell(Order::kDouble));
  EXPECT_EQ(worker.channel.hear()->value, 4);
  EXPECT_EQ(worker.channel.hear()->times, 3);
  EXPECT_TRUE(worker.channel.tell(Order::kEnd));
  EXPECT_EQ(worker.failure(), "");
  EXPECT_FALSE(worker.channel.ask(Order::kDouble)) << "and no SIGPIPE";
}

TEST(Channel, OfAWorkerThatDiesHasNoAnswer) {
  Worker worker;
  EXPECT_FALSE(worker.channel.ask(Order::kFail));
  EXPECT_EQ(worker.failure(), "in the child: doubling: Numerical result out of range (ERANGE)");
}

TEST(Channel, ThatClosesIsTheEndOfTheWorker) {
  Worker worker;
  ASSERT_TRUE(worker.channel.ask(Order::kDouble));
  worker.channel.close();
  EXPECT_EQ(worker.failure(), "");
}

TEST(Channel, SaysWhenAGrandchildWasKilled) {
  Worker worker;
  ASSERT_TRUE(worker.channel.ask(Order::kFork));
  worker.channel.tell(Order::kEnd);
  EXPECT_NE(worker.failure().find("waiting for the grandchild, which was killed"),
            std::string::npos);
}

TEST(Channel, StopsWaitingWhenTheCaseHasTakenTooLong) {
  Timeline timeline;
  Channel<char, int> channel;
  channel.heed_time_limit();
  const Child silent(fork_worker(timeline, "fork", [] {
    while (true) pause();
  }));
  const Child later(fork_worker(timeline, "fork", [] { pause(); }));  // the one that is killed
  const TimeLimit limit(0.05);
  EXPECT_FALSE(channel.ask('x')) << "nobody closed it: both ends are open here";
}

TEST(Channel, GivesAProgramTheWorkersEndAlone) {
  const Channel<char, int> fork_channel;
  const Channel<char, int> channel(WorkerIs::kProgram);
  const auto stays_open = [](int end) { return (fcntl(end, F_GETFD) & FD_CLOEXEC) == 0; };
  EXPECT_FALSE(stays_open(channel.master()));
  EXPECT_TRUE(stays_open(channel.worker()));
  EXPECT_FALSE(stays_open(fork_channel.worker()));
}

TEST(ForkWorker, EndsWellWhenItsWorkIsDone) {
  Timeline timeline;
  Child child(fork_worker(timeline, "fork", [] {}));
  EXPECT_NO_THROW(child.reap(timeline));
}

}  // namespace
}  // namespace forkcost
