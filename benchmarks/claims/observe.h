// What the observations look at: page frames, smaps, fault counts.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "harness/measurement.h"
#include "harness/procfs.h"
#include "harness/scratch.h"
#include "harness/size.h"
#include "harness/touch.h"

namespace forkcost {

// The parent's heap of those that need one, and of which its size is no part.
inline constexpr ArenaSpec kHeap{16 * kMiB, Backing::kBasePages};

// One observation: `observe` is its whole body, with the loop over the samples.
struct Claim {
  const char* id;
  std::vector<std::pair<std::string, std::string>> axes = {};
  Preset preset = Preset::kQuick;
  std::optional<ArenaSpec> arena = std::nullopt;
  bool populate = true;
  MemoryNeed needs = {};
  std::function<void(Measurement&)> observe;
};

Case make_case(Claim claim);

// Those of the headings of the list of claims.
void add_text_claims(std::vector<Case>& cases);
void add_library_claims(std::vector<Case>& cases);
void add_heap_claims(std::vector<Case>& cases);
void add_fork_claims(std::vector<Case>& cases);
void add_kernel_claims(std::vector<Case>& cases);

// One sample: makes the arena whole again, then takes the time of the experiment (sample_ns).
class Sample {
 public:
  explicit Sample(Measurement& m);
  ~Sample();
  Sample(const Sample&) = delete;
  Sample& operator=(const Sample&) = delete;

 private:
  Measurement& m_;
  uint64_t began_;
};

// Nothing is recorded for what could not be seen.
void record_count(Measurement& m, const std::string& quantity, std::optional<uint64_t> count);
void record_bytes(Measurement& m, const std::string& quantity, uint64_t bytes);

// Memory as a row of base pages.
struct Pages {
  char* base;
  size_t count;

  uint64_t address() const { return reinterpret_cast<uintptr_t>(base); }
};

Pages pages_of(const Arena& arena);

// Touches one byte in every `stride`-th page, or in those of `order`; the faults are those of these
// touches and of nothing else. Async-signal-safe.
Faults touch(const Pages& pages, Access access, size_t stride = 1);
Faults touch(const Pages& pages, Access access, std::span<const uint32_t> order);

// Frames of base pages, 0 where none is there; nothing where they are hidden from us. A freed frame
// is soon another page's: only frames of processes that live at the same time can be compared.
using Frames = std::optional<std::vector<uint64_t>>;

Frames frames_of(pid_t pid, const Pages& pages);
// Pages that are there in both and are the same frame.
std::optional<uint64_t> equal_frames(const Frames& a, const Frames& b);
// Pages that have a frame in `after` and had another one, or none, in `before`.
std::optional<uint64_t> new_frames(const Frames& before, const Frames& after);
// How many of them are mapped at least twice, by /proc/kpagecount; nothing where it is not ours to
// read.
std::optional<uint64_t> frames_mapped_twice(const Frames& frames);

// A copy of a program or a library of ours, of which nobody else has one; its path. Throws Skip
// where it does not fit or may not be executed.
std::string copy_image(const std::string& name, const ScratchDirectory& scratch);

// Frames of the page cache for every page of a file, 0 for those that are not in it. Reads nothing
// from the disk.
Frames page_cache_frames(const std::filesystem::path& file);

// What a process may execute of files: its program's text and that of its libraries.
std::vector<Mapping> text_of(pid_t pid);
Frames frames_of(pid_t pid, const Mapping& mapping);
// A process's text of one file.
struct TextOfFile {
  uint64_t pages = 0;                      // that are there
  std::optional<uint64_t> new_frames = 0;  // that are not those that the page cache had for it
};
// Throws Failure if nothing of it is there.
TextOfFile text_of_file(const Frames& cache, pid_t pid, const std::string& file);

// The mapping of a process that holds `address`. Throws Failure.
Mapping mapping_at(pid_t pid, uint64_t address);

// Of one mapping, huge pages of a pool included.
uint64_t resident_bytes(const Mapping& mapping);
uint64_t shared_bytes(const Mapping& mapping);
uint64_t private_bytes(const Mapping& mapping);
uint64_t private_dirty_bytes(const Mapping& mapping);

}  // namespace forkcost
