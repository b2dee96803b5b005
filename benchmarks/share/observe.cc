#include "benchmarks/share/observe.h"

#include <algorithm>

#include "harness/procfs.h"

namespace forkcost {
namespace {

std::optional<size_t> count_distinct(std::optional<std::vector<uint64_t>> frames) {
  if (!frames) return std::nullopt;
  std::ranges::sort(*frames);
  const auto end = std::unique(frames->begin(), frames->end());
  return static_cast<size_t>(end - frames->begin());
}

}  // namespace

void MemoryTotals::add(pid_t pid, uint64_t inode) {
  ++processes_;
  const MemoryUse use = read_memory_use(pid);
  process_pss_ += use.pss;
  private_dirty_ += use.private_dirty;
  page_tables_ += use.page_tables;
  pages_ = 0;
  for (const Mapping& mapping : read_mappings(pid)) {
    if (mapping.path.starts_with("[v")) continue;  // vdso, vvar, vsyscall: the kernel's own
    collect(process_frames_, pid, mapping.begin, mapping.bytes());
    // What is in the file only, and on a tmpfs always dirty, is nobody's own.
    const bool writable = mapping.permissions.at(1) == 'w';
    if (mapping.inode == inode && !writable) private_dirty_ -= mapping.field("Private_Dirty");
    const bool is_part = part_ == Part::kWhole || mapping.permissions.at(2) == 'x';
    if (!is_part || mapping.inode != inode) continue;
    pages_ += mapping.bytes() / page_size();
    resident_pages_ += mapping.field("Rss") / page_size();
    pss_ += mapping.field("Pss");
    inodes_.insert(mapping.inode);
    collect(thing_frames_, pid, mapping.begin, mapping.bytes());
  }
  all_pages_ += pages_;
  mapping_right_ += pages_ > 0;
}

void MemoryTotals::collect(Frames& frames, pid_t pid, uint64_t begin, uint64_t bytes) {
  if (!frames) return;
  const auto more = read_frames(pid, begin, bytes / page_size());
  if (!more) {
    frames.reset();
    return;
  }
  std::ranges::copy_if(*more, std::back_inserter(*frames),
                       [](uint64_t frame) { return frame != 0; });
}

std::optional<size_t> MemoryTotals::thing_frames() const {
  return count_distinct(thing_frames_);
}

std::optional<size_t> MemoryTotals::process_frames() const {
  return count_distinct(process_frames_);
}

}  // namespace forkcost
