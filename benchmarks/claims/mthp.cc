#include "benchmarks/claims/mthp.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <unistd.h>

#include "harness/error.h"
#include "harness/file_descriptor.h"
#include "harness/files.h"
#include "harness/size.h"

namespace forkcost {
namespace {

constexpr uint64_t kPageBytes = 64 * kKiB;
constexpr uint64_t kBytes = kMiB;  // less than a huge page: else the kernel would take one

void require_enabled() {
  const std::string file = "/sys/kernel/mm/transparent_hugepage/hugepages-64kB/enabled";
  const auto mode = read_text_file(file);
  if (!mode) throw Skip("this kernel has no transparent pages of 64 KiB: there is no " + file);
  if (mode->find("[never]") != std::string::npos) {
    throw Skip(
        fmt::format("transparent pages of 64 KiB are off; as root: echo madvise > {}", file));
  }
}

}  // namespace

MediumPages::MediumPages() {
  require_enabled();
  reserved_bytes_ = kBytes + 2 * huge_page_size();
  void* const memory =
      mmap(nullptr, reserved_bytes_, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) throw_errno("mmap", errno, "look at ulimit -v");
  reserved_ = static_cast<char*>(memory);
  const Pages mine = pages();
  const bool ready = mprotect(mine.base, kBytes, PROT_READ | PROT_WRITE) == 0 &&
                     madvise(mine.base, kBytes, MADV_HUGEPAGE) == 0;
  const int error = errno;
  try {
    if (!ready) throw_errno("mprotect or madvise of 64 KiB pages", error);
    touch(mine, Access::kWrite);
    const size_t found = verified();
    if (found < mine.count) {
      throw Skip(
          fmt::format("the kernel did not give pages of 64 KiB (base page {} is in another one); "
                      "free memory, and switch the other sizes off in "
                      "/sys/kernel/mm/transparent_hugepage/hugepages-*/enabled",
                      found),
          Skip::kByChance);
    }
  } catch (...) {
    munmap(reserved_, reserved_bytes_);
    throw;
  }
}

MediumPages::~MediumPages() {
  munmap(reserved_, reserved_bytes_);
}

// Aligned to a huge page, so to any size below it.
Pages MediumPages::pages() const {
  const uint64_t huge = huge_page_size();
  return {reserved_ + (huge - reinterpret_cast<uintptr_t>(reserved_) % huge), kBytes / page_size()};
}

size_t MediumPages::verified() const {
  constexpr uint64_t kHead = uint64_t{1} << 15, kTail = uint64_t{1} << 16;  // KPF_COMPOUND_*
  const Frames frames = frames_of(getpid(), pages());
  const FileDescriptor flags(open("/proc/kpageflags", O_RDONLY | O_CLOEXEC));
  if (!frames || !flags) {
    throw Skip(
        "pages of 64 KiB can only be verified by /proc/self/pagemap and /proc/kpageflags: run it "
        "as root (CAP_SYS_ADMIN)");
  }
  const size_t group = kPageBytes / page_size();
  for (size_t i = 0; i < frames->size(); ++i) {
    const uint64_t frame = (*frames)[i];
    uint64_t its = 0;
    const auto offset = static_cast<off_t>(frame * sizeof its);
    check(pread(flags.get(), &its, sizeof its, offset), "/proc/kpageflags");
    const bool first = i % group == 0;
    if ((its & (first ? kHead : kTail)) == 0 || (!first && frame != (*frames)[i - 1] + 1)) return i;
  }
  return frames->size();
}

}  // namespace forkcost
