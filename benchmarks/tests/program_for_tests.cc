// What a benchmark's .cc defines, for tests of what several benchmarks share.
#include "harness/axes.h"

namespace forkcost {

std::vector<Axis> program_axes() {
  return {};
}

}  // namespace forkcost
