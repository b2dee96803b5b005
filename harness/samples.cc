#include "harness/samples.h"

#include <fmt/format.h>
#include <sys/mman.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <iterator>
#include <optional>

#include "harness/error.h"
#include "harness/json.h"

namespace forkcost {
namespace {

constexpr uint32_t kSubBins = 64;       // per power of two
constexpr uint32_t kMostEmptyBins = 3;  // within a run: more are longer than the start of a new one

// Ratios and parts of a count.
Json number(double value) {
  return short_number(value, 6);
}

int64_t whole(double value) {
  return static_cast<int64_t>(std::llround(value));
}

}  // namespace

double quantile(std::span<const double> sorted, double q) {
  const double rank = std::ceil(q * static_cast<double>(sorted.size()));
  const auto index = static_cast<size_t>(std::max(rank, 1.0)) - 1;
  return sorted[std::min(index, sorted.size() - 1)];
}

Json describe_samples(std::span<const double> samples, std::string_view unit, int64_t step) {
  std::vector<double> kept;
  std::ranges::copy_if(samples, std::back_inserter(kept),
                       [](double sample) { return !std::isnan(sample); });
  if (kept.empty()) return nullptr;
  std::vector<double> sorted = kept;
  std::ranges::sort(sorted);
  const int64_t min = step == 0 ? 0 : whole(sorted.front());
  const auto stored = [&](double value) {
    if (step == 0) return number(value);
    // The smallest may lie half a unit below its own rounding.
    return Json(std::max<int64_t>(
        whole((value - static_cast<double>(min)) / static_cast<double>(step)), 0));
  };
  const auto shown = [&](double value) {
    return step == 0 ? number(value) : Json(min + step * stored(value).get<int64_t>());
  };
  Json out = {{"unit", unit},
              {"min", shown(sorted.front())},
              {"p50", shown(quantile(sorted, 0.5))},
              {"p90", shown(quantile(sorted, 0.9))}};
  if (stored(sorted.front()) == stored(sorted.back())) {
    out["n"] = kept.size();
  } else {
    Json& list = out["samples"] = Json::array();
    for (const double sample : kept) list.push_back(stored(sample));
  }
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

Json Histogram::describe(std::string_view unit) const {
  if (count_ == 0) return nullptr;
  Json runs = Json::array();
  std::optional<uint32_t> last;
  for (const auto& [bin, count] : bins_) {
    if (last && bin - *last <= kMostEmptyBins + 1) {
      for (uint32_t empty = *last + 1; empty < bin; ++empty) runs.back().push_back(0);
      runs.back().push_back(count);
    } else {
      runs.push_back({bounds_of(bin).first, count});
    }
    last = bin;
  }
  return {{"unit", unit},
          {"min", whole(min_)},
          {"p50", whole(quantile(0.5))},
          {"p90", whole(quantile(0.9))},
          {"max", whole(max_)},
          {"mean", whole(sum_ / static_cast<double>(count_))},
          {"histogram", std::move(runs)}};
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
