#include "harness/samples.h"

#include <fmt/format.h>
#include <sys/mman.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <nlohmann/json.hpp>
#include <numeric>

#include "harness/error.h"

namespace forkcost {
namespace {

constexpr uint32_t kSubBins = 64;  // per power of two

nlohmann::json head(const QuantityInfo& info, uint64_t n) {
  return {{"unit", info.unit}, {"better", info.better}, {"n", n}};
}

// Whole nanoseconds are finer than any clock here; ratios are not.
nlohmann::json number(double value, const QuantityInfo& info) {
  if (info.unit == "ratio" || info.fractions) return std::round(value * 1e6) / 1e6;
  return static_cast<int64_t>(std::llround(value));
}

}  // namespace

double quantile(std::span<const double> sorted, double q) {
  const double rank = std::ceil(q * static_cast<double>(sorted.size()));
  const auto index = static_cast<size_t>(std::max(rank, 1.0)) - 1;
  return sorted[std::min(index, sorted.size() - 1)];
}

nlohmann::json describe_samples(std::span<const double> samples, const QuantityInfo& info) {
  std::vector<double> sorted;
  nlohmann::json raw = nlohmann::json::array();
  for (const double sample : samples) {
    if (std::isnan(sample)) {
      raw.push_back(nullptr);
    } else {
      raw.push_back(number(sample, info));
      sorted.push_back(sample);
    }
  }
  std::ranges::sort(sorted);
  nlohmann::json out = head(info, sorted.size());
  if (!sorted.empty()) {
    out["min"] = number(sorted.front(), info);
    out["p50"] = number(quantile(sorted, 0.5), info);
    out["p90"] = number(quantile(sorted, 0.9), info);
    out["p99"] = number(quantile(sorted, 0.99), info);
    out["max"] = number(sorted.back(), info);
    const double sum = std::accumulate(sorted.begin(), sorted.end(), 0.0);
    out["mean"] = number(sum / static_cast<double>(sorted.size()), info);
  }
  out["samples"] = std::move(raw);
  return out;
}

uint32_t Histogram::bin_of(uint64_t value) {
  if (value < 2 * kSubBins) return static_cast<uint32_t>(value);
  const auto shift = static_cast<uint32_t>(std::bit_width(value)) - 7;  // leaves 64..127
  return shift * kSubBins + static_cast<uint32_t>(value >> shift);
}

std::pair<uint64_t, uint64_t> Histogram::bounds_of(uint32_t bin) {
  if (bin < 2 * kSubBins) return {bin, uint64_t{bin} + 1};
  const uint32_t shift = bin / kSubBins - 1;
  const uint64_t low = uint64_t{bin - shift * kSubBins} << shift;
  return {low, low + (uint64_t{1} << shift)};
}

void Histogram::add(double value) {
  value = std::max(value, 0.0);
  ++bins_[bin_of(static_cast<uint64_t>(value))];
  min_ = count_ == 0 ? value : std::min(min_, value);
  max_ = count_ == 0 ? value : std::max(max_, value);
  sum_ += value;
  ++count_;
}

double Histogram::quantile(double q) const {
  const auto rank =
      static_cast<uint64_t>(std::max(std::ceil(q * static_cast<double>(count_)), 1.0));
  uint64_t seen = 0;
  for (const auto& [bin, count] : bins_) {
    seen += count;
    if (seen >= rank) {
      const auto [low, high] = bounds_of(bin);
      return std::clamp(static_cast<double>(low + high - 1) / 2, min_, max_);
    }
  }
  return max_;
}

nlohmann::json Histogram::describe(const QuantityInfo& info) const {
  nlohmann::json out = head(info, count_);
  if (count_ > 0) {
    out["min"] = number(min_, info);
    out["p50"] = number(quantile(0.5), info);
    out["p90"] = number(quantile(0.9), info);
    out["p99"] = number(quantile(0.99), info);
    out["max"] = number(max_, info);
    out["mean"] = number(sum_ / static_cast<double>(count_), info);
  }
  nlohmann::json bins = nlohmann::json::array();
  for (const auto& [bin, count] : bins_) {
    const auto [low, high] = bounds_of(bin);
    bins.push_back({low, high, count});
  }
  out["histogram"] = std::move(bins);
  return out;
}

void* map_shared(size_t bytes) {
  void* memory = mmap(nullptr, std::max<size_t>(bytes, 1), PROT_READ | PROT_WRITE,
                      MAP_SHARED | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
  if (memory == MAP_FAILED) {
    throw_errno(fmt::format("mmap of {} bytes for samples", bytes), errno,
                "free memory or choose a smaller --max-heap");
  }
  return memory;
}

void unmap_shared(void* memory, size_t bytes) {
  munmap(memory, std::max<size_t>(bytes, 1));
}

}  // namespace forkcost
