// Two processes that take turns with their samples, so that what the machine does meanwhile hits
// both alike.
#pragma once

#include <cstdint>
#include <string>

#include "harness/file_descriptor.h"

namespace forkcost {

// What the one says that takes no further turns, or somebody else of it.
inline constexpr char kTurnLeft = 'x';

// One of the two. They tell each other by pipes that somebody else holds open, who also says it
// when one has died: then the other goes on alone.
class Turns {
 public:
  // "FILE,FILE,first" or "…,second": what is read and what is written. Throws UsageError.
  explicit Turns(const std::string& text);

  // Before each sample. The first time it waits until the other is ready, too; then, where this
  // turn has taken long enough, for the other's.
  void before_sample();
  // This one needs no more turns. Waits until the other needs none either: what a program does
  // after its samples is work on the CPU of the other's.
  void leave() noexcept;

  uint64_t waited_ticks() const { return waited_ticks_; }

 private:
  void tell(char what);
  void wait();

  void leave_and_wait();

  FileDescriptor in_, out_;
  bool first_;
  bool met_ = false;
  bool left_ = false;
  bool alone_ = false;
  uint64_t turn_began_ = 0;
  uint64_t waited_ticks_ = 0;
};

}  // namespace forkcost
