// What the loader says of its own work: LD_DEBUG=statistics (glibc).
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace forkcost {

// Times are in ticks of the CPU's counter as printed. Absent: this loader does not say it (glibc
// has times on x86 but not on aarch64; other libcs have nothing).
//
// What the numbers count (glibc, read in its source and seen with 2.36, exactly):
//   relocations  lookups of symbols: symbolic relocations, and PLT entries where binding is `now`;
//                with some 80 of libc's and the loader's own
//   from_cache   those that were for the same symbol as the one before
//   relative     sum of DT_RELACOUNT over everything loaded but the loader itself; nothing that is
//                packed as RELR
struct LoadStatistics {
  std::optional<uint64_t> total_ticks;
  std::optional<uint64_t> relocation_ticks;
  std::optional<uint64_t> load_ticks;
  std::optional<uint64_t> relocations;
  std::optional<uint64_t> from_cache;
  std::optional<uint64_t> relative;
};

// Takes the first of each: at exit a program says the final ones.
LoadStatistics parse_load_statistics(std::string_view text);

// Some glibc (2.36 is one) print times without their last digit. Whether this process's may be
// such: its total is at most a tenth of the ticks that passed from the call to its entry, and the
// loader is more of that. It is so for all processes if the digit is lost; else only for one that
// had to wait.
bool may_lack_a_digit(const LoadStatistics& statistics, uint64_t call_to_entry_ticks);
void append_digit(LoadStatistics& statistics);

// By the text of LD_DEBUG=libs: how often the loader tried to open a library, and for how many
// libraries.
uint64_t count_tried_files(std::string_view text);
uint64_t count_searches(std::string_view text);

}  // namespace forkcost
