#include "harness/arena.h"

#include <fmt/format.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <memory>

#include "harness/error.h"
#include "harness/files.h"
#include "harness/memory.h"
#include "harness/procfs.h"
#include "harness/size.h"
#include "harness/strings.h"

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23  // Linux 5.14
#endif

namespace forkcost {
namespace {

constexpr uint64_t kTableEntry = 8;  // bytes, on every architecture of 64 bits

std::string count_copies(uint64_t copies) {
  return copies == 1 ? "a copy" : fmt::format("{} copies", copies);
}

std::unique_ptr<Arena>& kept_arena() {
  static std::unique_ptr<Arena> arena;
  return arena;
}

uint64_t read_number(const std::string& path) {
  const auto text = read_text_file(path);
  return leading_number(text.value_or("")).value_or(0);
}

void require_thp() {
  const auto enabled = read_text_file("/sys/kernel/mm/transparent_hugepage/enabled");
  if (!enabled)
    throw Skip("this kernel has no transparent huge pages (CONFIG_TRANSPARENT_HUGEPAGE)");
  if (enabled->find("[never]") != std::string::npos) {
    throw Skip(
        "transparent huge pages are off; as root: echo madvise > "
        "/sys/kernel/mm/transparent_hugepage/enabled");
  }
}

void require_hugetlb(uint64_t bytes) {
  const uint64_t size = huge_page_size();
  const uint64_t needed = bytes / size;
  const std::string dir = fmt::format("/sys/kernel/mm/hugepages/hugepages-{}kB/", size / 1024);
  const uint64_t free = read_number(dir + "free_hugepages");
  const uint64_t reserved = read_number(dir + "resv_hugepages");
  const uint64_t room = free > reserved ? free - reserved : 0;
  if (room < needed) {
    throw Skip(
        fmt::format("{} free huge pages of {} are needed, {} are there; as root: sysctl "
                    "vm.nr_hugepages={}",
                    needed, format_size(size), room, needed + 8));
  }
}

uint64_t count_arenas(const MemoryNeed& need, bool populated) {
  return need.copies + (populated ? 0 : 1);
}

// Bytes of the page tables of one arena.
uint64_t tables_of(const ArenaSpec& spec) {
  // Huge pages, too, have a table each: for the day on which they are split.
  return spec.backing == Backing::kHugetlb ? 0 : spec.bytes / page_size() * kTableEntry;
}

}  // namespace

std::string backing_name(Backing backing) {
  switch (backing) {
    case Backing::kThp:
      return "thp";
    case Backing::kHugetlb:
      return "hugetlb";
    case Backing::kBasePages:
      break;
  }
  return fmt::format("{}k", page_size() / 1024);
}

uint64_t huge_page_size() {
  static const uint64_t size = [] {
    const uint64_t pmd = read_number("/sys/kernel/mm/transparent_hugepage/hpage_pmd_size");
    if (pmd != 0) return pmd;
    const auto meminfo = read_text_file("/proc/meminfo").value_or("");
    const uint64_t kib = find_field(meminfo, "Hugepagesize").value_or(0);
    return kib != 0 ? kib * kKiB : 2 * kMiB;
  }();
  return size;
}

uint64_t room_needed(const ArenaSpec& spec, const MemoryNeed& need, bool populated) {
  // The pool's pages are set aside already: they are not part of MemAvailable.
  const bool hugetlb = spec.backing == Backing::kHugetlb;
  const uint64_t arenas = hugetlb ? 0 : count_arenas(need, populated);
  return arenas * spec.bytes + tables_of(spec) * (need.processes + (populated ? 0 : 1)) +
         need.bytes;
}

void require_room(const ArenaSpec& spec, const MemoryNeed& need, bool populated) {
  if (spec.backing == Backing::kHugetlb) {
    require_hugetlb(count_arenas(need, populated) * spec.bytes);
  }
  const uint64_t bytes = room_needed(spec, need, populated);
  if (bytes == 0) return;
  std::string what = fmt::format("a heap of {}", format_size(spec.bytes));
  if (need.copies > 0) what += fmt::format(", {} of it", count_copies(need.copies));
  if (tables_of(spec) > 0) what += ", page tables";
  if (need.bytes > 0) what += ", and what the case makes";
  require_memory(bytes, what);
}

Arena::Arena(const ArenaSpec& spec, Content content) : spec_(spec) {
  if (spec.bytes == 0) return;
  const uint64_t huge = huge_page_size();
  const uint64_t unit = spec.backing == Backing::kBasePages ? page_size() : huge;
  if (spec.bytes % unit != 0) {
    throw Skip(fmt::format("a heap of {} is not a multiple of its {} pages",
                           format_size(spec.bytes), format_size(unit)));
  }
  if (spec.backing == Backing::kThp) require_thp();
  require_room(spec, {.processes = 0}, false);
  const bool hugetlb = spec.backing == Backing::kHugetlb;
  // Room to align, given back at both ends: so nothing of the same kind lies next to the arena that
  // the kernel could merge it with, and its cost is that of exactly one mapping.
  const uint64_t length = spec.bytes + (hugetlb ? 0 : 2 * huge);
  void* const memory = mmap(nullptr, length, PROT_READ | PROT_WRITE,
                            MAP_PRIVATE | MAP_ANONYMOUS | (hugetlb ? MAP_HUGETLB : 0), -1, 0);
  if (memory == MAP_FAILED) {
    throw_errno(fmt::format("mmap of {}", format_size(spec.bytes)), errno,
                "free memory, or check vm.overcommit_memory and ulimit -v");
  }
  base_ = static_cast<char*>(memory);
  if (!hugetlb) {
    const uint64_t lead = huge - reinterpret_cast<uintptr_t>(base_) % huge;
    munmap(base_, lead);
    base_ += lead;
    munmap(base_ + spec.bytes, 2 * huge - lead);
    const int advice = spec.backing == Backing::kThp ? MADV_HUGEPAGE : MADV_NOHUGEPAGE;
    // EINVAL: a kernel without huge pages, where there is nothing to advise against.
    if (madvise(base_, spec.bytes, advice) != 0 && errno != EINVAL) {
      const int error = errno;
      munmap(base_, spec.bytes);
      throw_errno(fmt::format("madvise of {}", format_size(spec.bytes)), error);
    }
  }
  if (content == Content::kPopulated) populate();
}

Arena::~Arena() {
  if (base_ != nullptr) munmap(base_, spec_.bytes);
}

uint64_t Arena::touch_bytes() const {
  return spec_.backing == Backing::kHugetlb ? huge_page_size() : page_size();
}

void Arena::populate() {
  if (base_ == nullptr) return;
  if (madvise(base_, spec_.bytes, MADV_POPULATE_WRITE) == 0) return;
  if (errno != EINVAL) {
    const int error = errno;
    munmap(base_, spec_.bytes);
    base_ = nullptr;
    throw_errno(fmt::format("populating {}", format_size(spec_.bytes)), error, "free memory");
  }
  // Before Linux 5.14. Volatile, or the compiler removes stores that nobody reads.
  for (uint64_t at = 0; at < spec_.bytes; at += page_size()) {
    *static_cast<volatile char*>(base_ + at) = 1;
  }
}

std::vector<Check> Arena::verify() const {
  if (base_ == nullptr) return {{"arena", "none", "none", true}};
  std::vector<Check> checks;
  const auto smaps = read_text_file("/proc/self/smaps");
  if (!smaps) throw Failure("/proc/self/smaps cannot be read: the arena cannot be verified");
  const auto mapping = find_mapping(*smaps, reinterpret_cast<uintptr_t>(base_));
  if (!mapping) return {{"mapping", "one of its own", "none starts at the arena", false}};
  checks.push_back(check_equal("mapping bytes", spec_.bytes, mapping->end - mapping->begin));
  if (spec_.backing == Backing::kHugetlb) {
    checks.push_back(
        check_equal("Private_Hugetlb", spec_.bytes, mapping->field("Private_Hugetlb")));
    checks.push_back(
        check_equal("KernelPageSize", huge_page_size(), mapping->field("KernelPageSize")));
    return checks;
  }
  const uint64_t huge = spec_.backing == Backing::kThp ? spec_.bytes : 0;
  checks.push_back(check_equal("Anonymous", spec_.bytes, mapping->field("Anonymous")));
  checks.push_back(check_equal("AnonHugePages", huge, mapping->field("AnonHugePages")));
  checks.push_back(check_equal("Swap", 0, mapping->field("Swap")));
  if (spec_.backing == Backing::kBasePages) {
    const uint64_t tables = spec_.bytes / page_size() * 8;
    const auto status = read_text_file("/proc/self/status").value_or("");
    const uint64_t observed = find_field(status, "VmPTE").value_or(0) * 1024;
    // AnonHugePages counts whole huge pages only; this is of any size that the kernel may use.
    checks.push_back(check_equal("THPeligible", 0, mapping->field("THPeligible")));
    checks.push_back(
        {"VmPTE", fmt::format(">= {}", tables), fmt::format("{}", observed), observed >= tables});
  }
  auto frames =
      read_frames(getpid(), reinterpret_cast<uintptr_t>(base_), spec_.bytes / page_size());
  if (frames) {
    std::ranges::sort(*frames);
    const auto absent = static_cast<uint64_t>(std::ranges::count(*frames, uint64_t{0}));
    const auto repeated =
        static_cast<uint64_t>(frames->end() - std::unique(frames->begin(), frames->end()));
    checks.push_back(check_equal("pages without a frame", 0, absent));
    checks.push_back(check_equal("frames mapped twice", 0, repeated));
  }
  return checks;
}

void Arena::restore() {
  if (base_ == nullptr) return;
  if (spec_.backing == Backing::kThp) {
    // A copy-on-write break split the huge pages: only new ones are huge again, and before
    // Linux 6.14 only in a new mapping. Given up by MADV_DONTNEED they leave the small pages' table
    // behind.
    void* const anew = mmap(base_, spec_.bytes, PROT_READ | PROT_WRITE,
                            MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    if (anew == MAP_FAILED) throw_errno("mmap of the arena in its own place", errno);
    check(madvise(base_, spec_.bytes, MADV_HUGEPAGE), "madvise(MADV_HUGEPAGE) of the arena");
  }
  populate();
}

Arena* find_kept_arena(const ArenaSpec& spec) {
  std::unique_ptr<Arena>& kept = kept_arena();
  if (kept && kept->spec() != spec) kept.reset();
  return kept.get();
}

Arena& keep_arena(const ArenaSpec& spec) {
  kept_arena() = std::make_unique<Arena>(spec);
  return *kept_arena();
}

void drop_kept_arena() {
  kept_arena().reset();
}

}  // namespace forkcost
