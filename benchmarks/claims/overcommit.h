// A parent too large to be promised twice, and the modes in which the kernel counts promises.
#pragma once

#include <cstdint>
#include <optional>

#include "benchmarks/setting.h"
#include "harness/timeline.h"

namespace forkcost {

int overcommit_mode();    // vm.overcommit_memory
uint64_t memory_bytes();  // of the machine, swap included

// The mode `mode` while this lives. The one in force is left alone. Throws Skip where another one
// is wanted and may not be set.
class OvercommitMode {
 public:
  // In mode 2 the limit is set such that one heap of `heap_bytes` can be promised and two cannot,
  // with room for everybody else.
  OvercommitMode(int mode, uint64_t heap_bytes);

 private:
  std::optional<TemporarySetting> changed_;
};

// One private, writable mapping of which nothing is there. In mode 0 the kernel refuses to promise
// more than all memory at once, so it is made of two that it merges.
class PromisedMemory {
 public:
  explicit PromisedMemory(uint64_t bytes);  // throws Skip where it is refused
  ~PromisedMemory();
  PromisedMemory(const PromisedMemory&) = delete;
  PromisedMemory& operator=(const PromisedMemory&) = delete;

  uint64_t mapping_bytes() const;  // of the one mapping, as the kernel lists it

 private:
  char* base_;
  uint64_t bytes_;
};

}  // namespace forkcost
