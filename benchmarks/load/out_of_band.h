// What the groups share: figures that are not taken in the samples themselves.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "benchmarks/library_set.h"
#include "harness/measurement.h"
#include "harness/procfs.h"

namespace forkcost {

// Figures from processes of their own. They are taken before the samples, and handed over one in
// each of the first.
class OutOfBand {
 public:
  void add(const std::string& quantity, double value);
  void add(const MemoryUse& use);
  // To be called once in each sample.
  void record(Measurement& m);

 private:
  std::map<std::string, std::vector<double>> series_;
};

// What a process has mapped of the generated libraries of a point.
struct LibraryUse {
  size_t libraries = 0;
  uint64_t private_dirty = 0;
};
LibraryUse read_library_use(pid_t pid, const LoadPoint& point);

}  // namespace forkcost
