// What several processes hold in memory together.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <set>
#include <vector>

namespace forkcost {

// The sums over the processes that were added. The thing is what they all map: the text of one
// file, or all of a file.
class MemoryTotals {
 public:
  enum class Part : uint8_t { kText, kWhole };
  explicit MemoryTotals(Part part) : part_(part) {}

  // Adds what a process holds now; the thing is in the file `inode`. Throws Failure.
  void add(pid_t pid, uint64_t inode);

  size_t processes() const { return processes_; }
  size_t mapping_right() const { return mapping_right_; }  // those that map the thing from `inode`
  const std::set<uint64_t>& inodes() const { return inodes_; }
  uint64_t pages() const { return pages_; }  // of the thing, in the last process
  uint64_t all_pages() const { return all_pages_; }
  uint64_t resident_pages() const { return resident_pages_; }
  uint64_t pss() const { return pss_; }  // of the thing
  uint64_t process_pss() const { return process_pss_; }
  uint64_t private_dirty() const { return private_dirty_; }  // what is only read of `inode`: not
  uint64_t page_tables() const { return page_tables_; }
  // Different page frames; none where they are hidden from us.
  std::optional<size_t> thing_frames() const;
  std::optional<size_t> process_frames() const;

 private:
  using Frames = std::optional<std::vector<uint64_t>>;
  static void collect(Frames& frames, pid_t pid, uint64_t begin, uint64_t bytes);

  Part part_;
  size_t processes_ = 0;
  size_t mapping_right_ = 0;
  std::set<uint64_t> inodes_;
  uint64_t pages_ = 0, all_pages_ = 0, resident_pages_ = 0;
  uint64_t pss_ = 0, process_pss_ = 0, private_dirty_ = 0, page_tables_ = 0;
  Frames thing_frames_ = std::vector<uint64_t>{};
  Frames process_frames_ = std::vector<uint64_t>{};
};

}  // namespace forkcost
