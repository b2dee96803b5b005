// What the kernel says of a process's memory: /proc/PID/status, smaps, pagemap.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace forkcost {

// "VmPTE:\t  132 kB" -> 132. `text` is that of status, meminfo or a like file.
std::optional<uint64_t> find_field(std::string_view text, std::string_view field);

// One mapping of maps or smaps. `fields` are those of smaps, in bytes where they are sizes.
struct Mapping {
  uint64_t begin = 0;
  uint64_t end = 0;
  std::string permissions;  // "r-xp"
  uint64_t offset = 0;      // in the file
  uint64_t inode = 0;       // 0: anonymous
  std::string path;         // of the file, or a name in brackets, or empty
  std::map<std::string, uint64_t, std::less<>> fields = {};

  uint64_t bytes() const { return end - begin; }
  // 0 where there is no such field.
  uint64_t field(std::string_view name) const {
    const auto found = fields.find(name);
    return found == fields.end() ? 0 : found->second;
  }
};

// From the text of maps or smaps, in the order of addresses.
std::vector<Mapping> parse_mappings(std::string_view text);
// Those of a process, with fields. Throws Failure.
std::vector<Mapping> read_mappings(pid_t pid);

// The mapping that starts at `address`, from the text of smaps; none if there is no such one.
std::optional<Mapping> find_mapping(std::string_view smaps, uint64_t address);
size_t count_mappings(std::string_view maps);

// Page frame numbers of `pages` base pages from `address` on, by /proc/PID/pagemap; 0 for a page
// that is not present. None when frame numbers are hidden from us (they need CAP_SYS_ADMIN).
std::optional<std::vector<uint64_t>> read_frames(pid_t pid, uint64_t address, size_t pages);

// What one process holds, in bytes.
struct MemoryUse {
  uint64_t pss = 0;
  uint64_t private_dirty = 0;
  uint64_t page_tables = 0;
};

// By smaps_rollup and status. Throws Failure; Skip where the kernel has not got smaps_rollup.
MemoryUse read_memory_use(pid_t pid);

uint64_t page_size();

struct Faults {
  int64_t minor = 0;
  int64_t major = 0;  // those that waited for a disk

  int64_t sum() const { return minor + major; }
  Faults operator-(const Faults& before) const {
    return {minor - before.minor, major - before.major};
  }
};

// So far: of the calling thread, and of all children that were reaped. Async-signal-safe.
Faults thread_faults() noexcept;
Faults children_faults() noexcept;

}  // namespace forkcost
