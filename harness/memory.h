// Memory that can be had here, and how much of it a case may take.
#pragma once

#include <cstdint>
#include <string>

#include "harness/system_files.h"

namespace forkcost {

struct Memory {
  uint64_t total = 0;      // the machine's, or a memory cgroup's smaller limit
  uint64_t available = 0;  // of that, without driving anybody into reclaim or swap
};

// MemAvailable, and what the memory cgroups (versions 1 and 2, at every level) leave below their
// limits. Page cache that nobody used lately counts as available there, too: the kernel gives it up
// before it kills (seen: after one build a cgroup of 256 MiB was "full" with it).
Memory read_memory(const SystemFiles& files = SystemFiles(""));

// What a case leaves. 1/16 of what is there, for what a large heap brings with it and nobody can
// say exactly (the kernel's own memory, reclaim's watermarks); at most 256 MiB. At least 16 MiB:
// the other pages that a child copies (1 MiB), what the verification reads and the result holds (3
// MiB), kernel stacks and sockets, the charges that each CPU keeps in advance (256 KiB), and text
// of running programs, which would otherwise be read from the disk again and again.
uint64_t memory_reserve(uint64_t total_bytes);

// What may be taken beside the reserve when so much of it is needed for something else; 0: nothing.
uint64_t spare_memory(uint64_t needed_bytes);

// Throws Skip unless so much may be taken beside the reserve. `what` stands in the reason.
void require_memory(uint64_t bytes, const std::string& what);

}  // namespace forkcost
