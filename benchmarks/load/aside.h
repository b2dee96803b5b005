// What the groups share: figures that are not taken in the samples themselves.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "benchmarks/library_set.h"
#include "harness/bench_case.h"
#include "harness/procfs.h"

namespace forkcost {

// Figures from processes of their own. They are taken before the samples, and handed over one in
// each of the first.
class Aside {
 public:
  void add(const std::string& quantity, double value, const QuantityInfo& info = {});
  void add(const MemoryUse& use);
  // To be called once in each sample.
  void record(Measurement& m);

 private:
  struct Series {
    QuantityInfo info;
    std::vector<double> values;
  };
  std::map<std::string, Series> series_;
};

// What a process has mapped of the generated libraries of a point.
struct LibraryUse {
  size_t libraries = 0;
  uint64_t private_dirty = 0;
};
LibraryUse read_library_use(pid_t pid, const LoadPoint& point);

inline const QuantityInfo kBytes{.unit = "bytes", .better = "lower"};
inline const QuantityInfo kCount{.unit = "1", .better = "none"};

}  // namespace forkcost
