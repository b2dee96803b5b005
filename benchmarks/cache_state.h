// The axis page-cache: sets the stage for each sample, and sees that the sample was what it says.
#pragma once

#include <cstdint>
#include <filesystem>
#include <limits>
#include <vector>

#include "harness/bench_case.h"

namespace forkcost {

class CacheState {
 public:
  // `files`: what is warm, or put out before every sample. They are read at once.
  CacheState(std::vector<std::filesystem::path> files, bool cold);

  // Throws Skip where files cannot be put out.
  void before_sample() const;
  // Records child_read_bytes of a cold sample, where the kernel accounts for it.
  void after_sample(Measurement& m);
  // Throws Skip, by chance, when a warm sample was not.
  void verify(Measurement& m) const;

 private:
  std::vector<std::filesystem::path> files_;
  bool cold_;
  size_t read_back_ = std::numeric_limits<size_t>::max();
  int64_t major_faults_ = 0;
};

}  // namespace forkcost
