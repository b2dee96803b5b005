// A forked process that does one step after the other, when it is told to.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>

#include "harness/bench_case.h"
#include "harness/child.h"
#include "harness/file_descriptor.h"

namespace forkcost {

// What the process does for an order, and its answer. Async-signal-safe, no allocation: it runs in
// a fork of the suite.
using Step = std::function<int64_t(int64_t order)>;

// The line between who gives orders and who obeys. Made before the fork; it is the obeying
// process's own business to fork again and let the next generation obey at another line.
class OrderLine {
 public:
  OrderLine();

  // In the process that obeys: never returns.
  [[noreturn]] void obey(Timeline& timeline, pid_t parent, const Step& step) noexcept;

  // In the one that gives orders.
  void start() { theirs_.reset(); }  // first of all, else the other's death would go unnoticed
  bool tell(int64_t order);          // for an order that has no answer; false: nobody is there
  std::optional<int64_t> ask(int64_t order);
  void tell_end();

 private:
  FileDescriptor ours_, theirs_;
};

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
  OrderLine line_;
  std::unique_ptr<Child> child_;
};

}  // namespace forkcost
