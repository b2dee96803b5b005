// Quantities: their samples, kept where a fork does not touch them, and their quantiles.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string_view>
#include <vector>

#include "harness/json_fwd.h"

namespace forkcost {

// An array in shared, populated memory. In private memory every fork would write-protect it, and
// the next store would be a copy-on-write fault in somebody's figure.
template <typename T>
class SharedArray {
 public:
  explicit SharedArray(size_t size);
  ~SharedArray();
  SharedArray(const SharedArray&) = delete;
  SharedArray& operator=(const SharedArray&) = delete;

  T* data() { return data_; }
  size_t size() const { return size_; }
  T& operator[](size_t i) { return data_[i]; }
  std::span<T> span() { return {data_, size_}; }

 private:
  size_t size_;
  T* data_;
};

// Nearest rank: the smallest value with at least q of the values at or below it, so one that was
// really seen. `sorted` is ascending and not empty; 0 < q <= 1.
double quantile(std::span<const double> sorted, double q);

// The result file's form of one quantity, whose samples are stored in whole steps above the
// smallest one, or as they are where `step` is 0. NaN samples are absent. Null where there are
// none.
Json describe_samples(std::span<const double> samples, std::string_view unit, int64_t step);

// Counts of values in bins that are at most 1.6% wide (1 ns below 128 ns), for quantities with
// thousands of values per sample.
class Histogram {
 public:
  void add(double value);
  uint64_t count() const { return count_; }
  double quantile(double q) const;  // middle of the bin that holds the nearest rank
  Json describe(std::string_view unit) const;

  // The bin of `value`, and its bounds: low <= value < high.
  static uint32_t bin_of(uint64_t value);
  static std::pair<uint64_t, uint64_t> bounds_of(uint32_t bin);

 private:
  std::map<uint32_t, uint64_t> bins_;
  uint64_t count_ = 0;
  double sum_ = 0, min_ = 0, max_ = 0;
};

// Allocation behind SharedArray: zeroed, shared, populated. Throws Failure.
void* map_shared(size_t bytes);
void unmap_shared(void* memory, size_t bytes);

template <typename T>
SharedArray<T>::SharedArray(size_t size)
    : size_(size), data_(static_cast<T*>(map_shared(size * sizeof(T)))) {}

template <typename T>
SharedArray<T>::~SharedArray() {
  unmap_shared(data_, size_ * sizeof(T));
}

}  // namespace forkcost
