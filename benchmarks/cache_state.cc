#include "benchmarks/cache_state.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "harness/error.h"
#include "harness/page_cache.h"

namespace forkcost {

CacheState::CacheState(std::vector<std::filesystem::path> files, bool cold)
    : files_(std::move(files)), cold_(cold) {
  for (const std::filesystem::path& file : files_) fill_cache(file);
}

void CacheState::before_sample() const {
  if (cold_) evict(files_);
}

void CacheState::after_sample(Measurement& m) {
  const std::optional<rusage>& usage = m.child_usage();
  if (cold_) {
    for (const std::filesystem::path& file : files_) {
      read_back_ = std::min(read_back_, cached_pages(file));
    }
    constexpr double kBlock = 512;  // in rusage, whatever the disk has
    // 0: a kernel that does not account for it; something was read.
    if (usage && usage->ru_inblock > 0) {
      m.record("child_read_bytes", static_cast<double>(usage->ru_inblock) * kBlock,
               {.unit = "bytes", .better = "lower"});
    }
  } else if (usage && !m.first_sample()) {  // which may find libc and the loader cold
    major_faults_ = std::max(major_faults_, usage->ru_majflt);
  }
}

void CacheState::verify(Measurement& m) const {
  if (!cold_) {
    if (major_faults_ > 0) {
      throw Skip(
          "a sample was not warm: while it ran, somebody put pages of its program or of its "
          "libraries out of the page cache; try it with more memory free",
          Skip::kByChance);
    }
    m.verified({"major faults, in any sample", "0", "0", true});
    return;
  }
  m.verified({"pages of the image cached before each sample", "0", "0", true});  // evict() saw it
  m.verified({"pages of each file cached by each sample", "at least 1", std::to_string(read_back_),
              read_back_ > 0});
}

}  // namespace forkcost
