// Yardsticks: work of user space alone, timed between the samples of a case, in the same process
// and on the same CPU. A kernel that makes a process in another way does not move them: what they
// vary by is the machine's doing, and what of a figure's variation follows them is, too.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "harness/json_fwd.h"

namespace forkcost {

// Not with `FORKCOST_YARDSTICKS=off` in the environment.
bool yardsticks_are_on();

// The table `yardsticks` of the result file (results/FORMAT.md).
Json describe_yardsticks();

// Memory of yardsticks: private, populated, on base pages, and in no child. A fork would otherwise
// copy its page tables. The lowest ones are its own: a mapping beside it that shared one would have
// it copied, with nothing in it.
class YardstickMemory {
 public:
  // `bytes`: a multiple of 16 pages. None where it cannot be had, or where its first part took so
  // long that all of it would take too much of a case that populates an arena, too, and takes
  // `other_ms` beside that.
  YardstickMemory(size_t bytes, double other_ms, uint64_t arena_bytes);
  ~YardstickMemory() { unmap(); }
  YardstickMemory(const YardstickMemory&) = delete;
  YardstickMemory& operator=(const YardstickMemory&) = delete;

  uint64_t* words() const { return words_; }  // null: none
  double took_ms() const { return took_ms_; }

 private:
  bool populate(double other_ms, uint64_t arena_bytes);
  void unmap();

  size_t bytes_;
  size_t mapped_bytes_;
  void* mapped_;
  uint64_t* words_ = nullptr;
  double took_ms_ = 0;
};

// How many blocks of yardsticks there is time for, with a warm-up sample behind each but the last:
// at least two, one before the samples and one after them, or none.
size_t affordable_blocks(double allowance_ms, double block_ms, double sample_ms);

// The yardsticks of one case: blocks of one value each, spread evenly over its samples.
class Yardsticks {
 public:
  struct Budget {
    double case_ms;    // what the case takes without blocks of them, but with the memory
    double sample_ms;  // what a sample takes
    size_t samples;    // that will be taken
  };
  // Takes the block before the first sample, unless there is no time for two. `memory`: null, or
  // what must outlive this.
  Yardsticks(const Budget& budget, const YardstickMemory* memory);

  static constexpr size_t kMemoryBytes = size_t{16} << 20;

  bool empty() const { return blocks_ == 0; }
  // Whether a block stands where so many samples have been taken.
  bool is_due(size_t samples) const;
  void take();

  // The entry's `yardsticks`: a value of each for every block.
  Json describe() const;

 private:
  size_t samples_;
  size_t blocks_ = 0;
  size_t taken_ = 0;
  const YardstickMemory* memory_;
  uint64_t random_ = 1;                      // where the next load goes
  std::vector<std::vector<double>> values_;  // of each row of the table
};

// As Yardsticks::describe(), of as many blocks as are done in `ms` with nothing between them;
// without loads, whose memory would be in the caches then, as it is in no case.
Json watch_machine(double ms);

}  // namespace forkcost
