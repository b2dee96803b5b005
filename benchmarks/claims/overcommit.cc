#include "benchmarks/claims/overcommit.h"

#include <fmt/format.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>

#include "benchmarks/claims/observe.h"
#include "harness/error.h"
#include "harness/files.h"
#include "harness/size.h"

namespace forkcost {
namespace {

constexpr const char* kModeFile = "/proc/sys/vm/overcommit_memory";
constexpr const char* kRatioFile = "/proc/sys/vm/overcommit_ratio";

uint64_t meminfo(std::string_view field) {
  return find_field(read_text_file("/proc/meminfo").value_or(""), field).value_or(0) * kKiB;
}

int read_number(const char* file) {
  return std::atoi(read_text_file(file).value_or("0").c_str());
}

// vm.overcommit_ratio at which the limit is what is promised now, one heap, and room for everybody
// else that a second heap does not fit in. The ratio is one of memory without the pools of huge
// pages; swap is added to it.
int ratio_for(uint64_t heap_bytes) {
  const uint64_t room = std::min(4 * kGiB, heap_bytes / 2);
  const uint64_t limit = meminfo("Committed_AS") + heap_bytes + room;
  const uint64_t swap = meminfo("SwapTotal");
  const uint64_t memory = meminfo("MemTotal") - std::min(meminfo("Hugetlb"), meminfo("MemTotal"));
  const uint64_t percent = std::max<uint64_t>(memory / 100, 1);
  return static_cast<int>((limit - std::min(limit, swap) + percent - 1) / percent);
}

}  // namespace

int overcommit_mode() {
  return read_number(kModeFile);
}

uint64_t memory_bytes() {
  return meminfo("MemTotal") + meminfo("SwapTotal");
}

OvercommitMode::OvercommitMode(int mode, uint64_t heap_bytes) {
  const int now = overcommit_mode();
  if (now == mode) return;
  require_change_allowed(fmt::format("vm.overcommit_memory is {} here", now));
  std::vector<Setting> wanted = {{kModeFile, std::to_string(mode)}};
  if (mode == 2) {
    if (read_number("/proc/sys/vm/overcommit_kbytes") != 0) {
      throw Skip("vm.overcommit_kbytes is set here, and is left as it is: set it to 0");
    }
    // Before the mode, and put back after it: it is strict only with a limit that fits.
    wanted.insert(wanted.begin(), {kRatioFile, std::to_string(ratio_for(heap_bytes))});
  }
  changed_.emplace(wanted);
}

PromisedMemory::PromisedMemory(uint64_t bytes) : bytes_(bytes / 2 / page_size() * 2 * page_size()) {
  // A page of nothing at both ends: no neighbour to merge with.
  const uint64_t length = bytes_ + 2 * page_size();
  void* const place =
      mmap(nullptr, length, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (place == MAP_FAILED) {
    throw Skip(describe_errno(fmt::format("address space of {} MiB", bytes_ / kMiB), errno,
                              "look at ulimit -v"));
  }
  base_ = static_cast<char*>(place) + page_size();
  for (const uint64_t offset : {uint64_t{0}, bytes_ / 2}) {
    void* const half = mmap(base_ + offset, bytes_ / 2, PROT_READ | PROT_WRITE,
                            MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    if (half != MAP_FAILED) continue;
    const int error = errno;
    munmap(base_ - page_size(), length);
    throw Skip(describe_errno(fmt::format("there is no such parent: mmap of {} MiB", bytes_ / kMiB),
                              error, "look at CommitLimit in /proc/meminfo and at ulimit -v"));
  }
}

PromisedMemory::~PromisedMemory() {
  munmap(base_ - page_size(), bytes_ + 2 * page_size());
}

uint64_t PromisedMemory::mapping_bytes() const {
  return mapping_at(getpid(), reinterpret_cast<uintptr_t>(base_)).bytes();
}

}  // namespace forkcost
