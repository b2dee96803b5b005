// The sizes of the parent's heap that are looked at without --heap, and the preset that each is in.
#include "harness/case.h"
#include "harness/size.h"

namespace forkcost {

std::vector<HeapSize> default_heaps(uint64_t available_bytes) {
  std::vector<HeapSize> heaps = {{0, Preset::kSmoke},           {kMiB, Preset::kFull},
                                 {4 * kMiB, Preset::kStandard}, {16 * kMiB, Preset::kSmoke},
                                 {64 * kMiB, Preset::kQuick},   {256 * kMiB, Preset::kQuick},
                                 {kGiB, Preset::kQuick},        {4 * kGiB, Preset::kStandard}};
  // Up to 3/4 of the memory; the largest one is as large as fits.
  const uint64_t most = available_bytes / 4 * 3 / kGiB * kGiB;
  for (uint64_t size = 8 * kGiB; size <= most; size *= 2) heaps.push_back({size, Preset::kFull});
  if (most > heaps.back().bytes) heaps.push_back({most, Preset::kFull});
  return heaps;
}

}  // namespace forkcost
