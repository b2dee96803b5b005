// The axis page-cache: sets the stage for each sample, and sees that the sample was what it says.
#pragma once

#include <sys/resource.h>

#include <cstdint>
#include <filesystem>
#include <limits>
#include <string>
#include <vector>

#include "harness/measurement.h"

namespace forkcost {

// That of `pages` of a file which were just touched all are resident. Throws Skip, by chance, when
// some are not: those of a file may be reclaimed at any time, also from who has them mapped.
void require_resident(Measurement& m, const std::string& name, uint64_t pages, uint64_t resident);

class CacheState {
 public:
  // `files`: what is warm, or put out before every sample. They are read at once.
  CacheState(std::vector<std::filesystem::path> files, bool cold);

  // Just before a sample. Throws Skip where files cannot be put out.
  void before_sample();
  // When its child was waited for. Records child_read_bytes of a cold sample, where the kernel
  // accounts for it.
  void after_sample(Measurement& m);
  // Throws Skip, by chance, when a sample was not what it says.
  void verify(Measurement& m);

 private:
  void look_at_files();
  void verify_warm(Measurement& m);

  std::vector<std::filesystem::path> files_;
  std::vector<size_t> pages_;  // of each
  bool cold_;
  bool told_ = true;         // what is in the page cache
  size_t most_missing_ = 0;  // pages, whenever we looked
  size_t most_cached_ = 0;
  size_t read_back_ = std::numeric_limits<size_t>::max();
  rusage before_{};  // of all children so far
  int64_t major_faults_ = 0;
  int64_t blocks_ = 0;
};

}  // namespace forkcost
