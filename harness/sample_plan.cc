#include "harness/sample_plan.h"

#include <algorithm>
#include <utility>

namespace forkcost {
namespace {

constexpr size_t kWarmup = 2;
constexpr size_t kMinSamples = 3;
constexpr size_t kMaxSamples = 60;
constexpr size_t kUnlimited = 100'000'000;
constexpr size_t kAttemptsPerSample = 5;  // where the placement is up to the kernel

constexpr double kVisibleShare = 0.005;  // of the whole creation

}  // namespace

SamplePlan::SamplePlan(const MeasureOptions& options, size_t min_samples)
    : budget_ms_(options.budget_ms),
      samples_(options.samples),
      fill_budget_(options.fill_budget),
      min_samples_(min_samples) {}

bool SamplePlan::has_enough(double kept_ms) const {
  if (warming_up()) return false;
  if (!fill_budget_) return kept_ >= planned_;
  return kept_ >= kMinSamples && kept_ms > budget_ms_;
}

SamplePlan::Next SamplePlan::next(double kept_ms) const {
  if (has_enough(kept_ms)) return Next::kEnough;
  if (attempts_ < kAttemptsPerSample * (kWarmup + std::max(planned_, kMinSamples))) {
    return Next::kSample;
  }
  return kept_ >= kMinSamples ? Next::kEnough : Next::kGiveUp;
}

void SamplePlan::warm_up(double took_ms, std::optional<double> cpu_clock_share) {
  ++warmup_;
  sample_ms_ = took_ms;
  if (std::exchange(again_, false)) return;
  if (warmup_ < kWarmup && took_ms < budget_ms_) return;
  const auto affordable = static_cast<size_t>(budget_ms_ / took_ms);
  planned_ = std::max(std::clamp(affordable, kMinSamples, kMaxSamples), min_samples_);
  if (samples_ > 0) planned_ = samples_;
  if (fill_budget_) planned_ = kUnlimited;
  alternates_ = cpu_clock_share && *cpu_clock_share > kVisibleShare;
  if (alternates_ && samples_ == 0) planned_ *= 2;
}

}  // namespace forkcost
