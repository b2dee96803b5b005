// A forked process that does one step after the other, when it is told to.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <limits>
#include <memory>

#include "harness/channel.h"
#include "harness/child.h"
#include "harness/measurement.h"

namespace forkcost {

// What the process does for an order, and its answer. Async-signal-safe, no allocation: it runs in
// a fork of the suite.
using Step = std::function<int64_t(int64_t order)>;

// It is the obeying process's own business to fork again and let the next generation obey() on
// another channel.
using StepChannel = Channel<int64_t, int64_t>;
inline constexpr int64_t kEnd = std::numeric_limits<int64_t>::min();

class Forked {
 public:
  // Forks. `step` must live as long as this.
  Forked(Measurement& m, const Step& step);

  pid_t pid() const { return child_->pid(); }
  // Does a step there and says its answer. Throws Failure when the process is gone.
  int64_t ask(int64_t order = 0);
  void tell(int64_t order);  // for an order after which it obeys no more: it execs
  void end();                // orders its end
  void reap();               // waits for its end

 private:
  [[noreturn]] void fail();

  Timeline& timeline_;
  StepChannel channel_;
  std::unique_ptr<Child> child_;
};

}  // namespace forkcost
