#include "benchmarks/cache_state.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "harness/error.h"
#include "harness/page_cache.h"
#include "harness/procfs.h"
#include "harness/size.h"

namespace forkcost {
namespace {

// Of all samples, whether they read the child's own or not; asking takes no time inside one.
rusage children_usage() {
  rusage usage{};
  check(getrusage(RUSAGE_CHILDREN, &usage), "getrusage");
  return usage;
}

size_t pages_of(const std::filesystem::path& file) {
  return (std::filesystem::file_size(file) + page_size() - 1) / page_size();
}

// Only a file's owner, or who may write it, is told what the page cache has of it.
bool is_told(const std::vector<std::filesystem::path>& files) {
  try {
    for (const std::filesystem::path& file : files) cached_pages(file);
  } catch (const Skip&) {
    return false;
  }
  return true;
}

}  // namespace

void require_resident(Measurement& m, const std::string& name, uint64_t pages, uint64_t resident) {
  if (resident < pages) {
    throw Skip(fmt::format("of {} pages of a file that were just touched only {} are resident: the "
                           "kernel reclaims memory; try it with more memory free, and without "
                           "proactive reclaim (DAMON's pageout)",
                           pages, resident),
               Skip::kByChance);
  }
  m.require_equal(name, pages, resident);
}

CacheState::CacheState(std::vector<std::filesystem::path> files, bool cold)
    : files_(std::move(files)), cold_(cold), told_(is_told(files_)) {
  for (const std::filesystem::path& file : files_) {
    sync_file(file);  // the suite may have been installed a moment ago
    fill_cache(file);
    pages_.push_back(pages_of(file));
  }
  if (!cold_ && told_) look_at_files();
}

void CacheState::before_sample() {
  // Warm files are not looked at here: that puts more out of the CPU's caches than exec has in them
  // (64 MiB of text: 10% more until main).
  if (cold_) {
    evict(files_);
    look_at_files();
  }
  before_ = children_usage();
}

void CacheState::look_at_files() {
  size_t missing = 0;
  size_t cached = 0;
  for (size_t i = 0; i < files_.size(); ++i) {
    const size_t found = cached_pages(files_[i]);
    missing += pages_[i] - std::min(found, pages_[i]);
    cached += found;
  }
  most_missing_ = std::max(most_missing_, missing);
  most_cached_ = std::max(most_cached_, cached);
}

void CacheState::after_sample(Measurement& m) {
  const rusage now = children_usage();
  const int64_t blocks = now.ru_inblock - before_.ru_inblock;
  if (cold_) {
    for (const std::filesystem::path& file : files_) {
      read_back_ = std::min(read_back_, cached_pages(file));
    }
    constexpr double kBlock = 512;  // in rusage, whatever the disk has
    // 0: a kernel that does not account for it; something was read.
    if (blocks > 0) {
      m.record("child_read_bytes", static_cast<double>(blocks) * kBlock);
    }
  } else if (!m.first_sample()) {  // which may find libc and the loader cold
    major_faults_ = std::max<int64_t>(major_faults_, now.ru_majflt - before_.ru_majflt);
    blocks_ = std::max(blocks_, blocks);
  }
}

void CacheState::verify(Measurement& m) {
  if (!cold_) {
    verify_warm(m);
    return;
  }
  if (most_cached_ > 0) {
    throw Skip(
        "a sample was not cold: before it began, somebody read files of its program; try it with "
        "nobody else using them",
        Skip::kByChance);
  }
  m.verified({"pages of its files cached, before any sample", "0", std::to_string(most_cached_),
              most_cached_ == 0});
  m.verified({"pages of each file cached by each sample", "at least 1", std::to_string(read_back_),
              read_back_ > 0});
}

void CacheState::verify_warm(Measurement& m) {
  if (told_) look_at_files();
  if (most_missing_ > 0 || major_faults_ > 0 || blocks_ > 0) {
    throw Skip(
        fmt::format("a sample was not warm: somebody puts pages of its program or of its libraries "
                    "out of the page cache ({} pages were not in it before or after the samples; "
                    "in one sample {} major faults and {} blocks read); try it with more memory "
                    "free",
                    most_missing_, major_faults_, blocks_),
        Skip::kByChance);
  }
  if (told_) {
    m.verified({"pages of its files not cached, before and after the samples", "0",
                std::to_string(most_missing_), most_missing_ == 0});
  }
  m.verified(
      {"major faults, in any sample", "0", std::to_string(major_faults_), major_faults_ == 0});
  m.verified({"blocks read, in any sample", "0", std::to_string(blocks_), blocks_ == 0});
}

}  // namespace forkcost
