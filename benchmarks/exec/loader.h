// What the dynamic loader says of its own start.
#pragma once

#include <optional>

#include "benchmarks/exec/target.h"
#include "benchmarks/load_statistics.h"

namespace forkcost {

// Asks the loader by LD_DEBUG=statistics, in processes of its own. Silent where the counter is not
// our clock: its ticks have no length then.
class LoaderAccount {
 public:
  // Learns whether the figures lack a digit. The target's files are in the page cache.
  LoaderAccount(const Target& target, Timeline& timeline);

  // "total startup time in dynamic loader" of one more process, in nanoseconds; none where the
  // loader does not say. Throws Failure when the target cannot be run.
  std::optional<double> start_ns();

 private:
  LoadStatistics ask(const Target& target);

  const Target& target_;
  Timeline& timeline_;
  bool lacks_a_digit_ = false;
};

}  // namespace forkcost
