// The memory that the parent holds when it makes a process.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "harness/verification.h"

namespace forkcost {

enum class Backing : uint8_t { kBasePages, kThp, kHugetlb };

// As in case names: "4k" (on machines whose base page is larger, its size: "16k", "64k"), "thp",
// "hugetlb".
std::string backing_name(Backing backing);

struct ArenaSpec {
  uint64_t bytes = 0;
  Backing backing = Backing::kBasePages;
  bool operator==(const ArenaSpec&) const = default;
};

// Bytes of one huge page (the THP and default hugetlb size).
uint64_t huge_page_size();

// What a case takes beside its arena, at its largest moment.
struct MemoryNeed {
  uint64_t copies = 0;     // of all of the arena's pages, by copy-on-write or by the body
  uint64_t processes = 1;  // at once beside the parent, each with a copy of its page tables
  uint64_t bytes = 0;      // of other memory
};

// What of ordinary memory all of it takes; of a `populated` arena only the rest.
uint64_t room_needed(const ArenaSpec& spec, const MemoryNeed& need, bool populated);

// Throws Skip unless all of it can be had: memory, or huge pages of the pool.
void require_room(const ArenaSpec& spec, const MemoryNeed& need, bool populated);

// Private anonymous memory in a mapping of its own, aligned to a huge page. Nothing is mapped for 0
// bytes.
class Arena {
 public:
  enum class Content : uint8_t { kPopulated, kUntouched };

  // Throws Skip where this machine cannot give such memory (the reason says what it would take),
  // Failure where it should have.
  explicit Arena(const ArenaSpec& spec, Content content = Content::kPopulated);
  ~Arena();
  Arena(const Arena&) = delete;
  Arena& operator=(const Arena&) = delete;

  const ArenaSpec& spec() const { return spec_; }
  char* base() const { return base_; }
  // Distance between two things that fault apart: base pages, also with THP (the kernel splits a
  // huge page on a copy-on-write fault); huge pages with hugetlb.
  uint64_t touch_bytes() const;
  size_t touches() const { return spec_.bytes / touch_bytes(); }

  // Whether the arena is what its spec says: size, residency and page size, read from smaps,
  // status and, where frame numbers may be read, pagemap.
  std::vector<Check> verify() const;

  // Makes every page present, writable and of its backing again, after a copy-on-write break.
  void restore();

 private:
  void populate();

  ArenaSpec spec_;
  char* base_ = nullptr;
};

// A populated arena outlives its case, so that repetitions and further cases with the same one do
// not populate it again. There is one at most.

// The kept arena where it is of `spec`. Another one is freed: both may not fit.
Arena* find_kept_arena(const ArenaSpec& spec);
// Populates one and keeps it. Throws as Arena() does.
Arena& keep_arena(const ArenaSpec& spec);
void drop_kept_arena();

}  // namespace forkcost
