#include "harness/runner/until.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <set>

#include "harness/result_document.h"
#include "harness/runner/resolution.h"
#include "harness/runner/student.h"

namespace forkcost::runner {
namespace {

constexpr double kTrim = 0.2;  // one bad round in five decides nothing
constexpr size_t kFewest = 5;  // pairs that have a trimmed mean
constexpr size_t kMostLines = 10;

Verdict judge(const TrimmedMean& mean, double half_width, double size) {
  if (mean.centre - half_width > -size && mean.centre + half_width < size) return Verdict::kSame;
  if (std::abs(mean.centre) <= half_width || std::abs(mean.centre) < size) {
    return Verdict::kUnclear;
  }
  return mean.centre > 0 ? Verdict::kSlower : Verdict::kFaster;
}

std::string percent(double change) {
  return fmt::format("{:+.1f}%", 100 * change);
}

}  // namespace

const char* verdict_name(Verdict verdict) {
  constexpr std::array<const char*, 4> kNames = {"unclear", "same", "slower", "faster"};
  return kNames.at(static_cast<size_t>(verdict));
}

void SequentialTest::look(const std::vector<Series>& series) {
  if (looks_ == 0) {
    for (const Series& one : series) judgements_.push_back({one.name, one.quantity});
  }
  const double before = looks_ == 0 ? 0 : pairs_at(looks_ - 1);
  const double spent = (pairs_at(looks_) - before) / pairs_at(kLooks - 1);
  level_ = kFamilyLevel / static_cast<double>(judgements_.size()) * spent;
  ++looks_;
  const double size = std::log1p(size_);
  for (Judgement& judgement : judgements_) {
    const auto found = std::find_if(series.begin(), series.end(), [&](const Series& one) {
      return one.name == judgement.name && one.quantity == judgement.quantity;
    });
    if (judgement.verdict != Verdict::kUnclear || found == series.end() ||
        found->values.size() < kFewest) {
      continue;
    }
    const TrimmedMean mean = trimmed_mean(found->values, kTrim);
    const double half_width = mean.error * student_quantile(1 - level_ / 2, mean.degrees);
    judgement.change = std::expm1(mean.centre);
    judgement.low = std::expm1(mean.centre - half_width);
    judgement.high = std::expm1(mean.centre + half_width);
    judgement.pairs = found->values.size();
    judgement.verdict = judge(mean, half_width, size);
  }
}

bool SequentialTest::is_over() const {
  return looks_ == kLooks ||
         (looks_ > 0 && std::none_of(judgements_.begin(), judgements_.end(),
                                     [](const Judgement& one) { return one.is_open(); }));
}

bool SequentialTest::is_settled(const std::string& name) const {
  return looks_ > 0 &&
         std::none_of(judgements_.begin(), judgements_.end(),
                      [&](const Judgement& one) { return one.name == name && one.is_open(); });
}

Json describe_until(const SequentialTest& test, double max_seconds) {
  Json verdicts = Json::array();
  const auto rounded = [](double change) { return std::round(change * 1e6) / 1e6; };
  for (const Judgement& one : test.judgements()) {
    verdicts.push_back({{"case", one.name},
                        {"quantity", one.quantity},
                        {"verdict", verdict_name(one.verdict)},
                        {"pairs", one.pairs}});
    if (one.pairs == 0) continue;
    verdicts.back()["change"] = rounded(one.change);
    verdicts.back()["interval"] = {rounded(one.low), rounded(one.high)};
  }
  return {{"size", test.size()},
          {"max_seconds", max_seconds},
          {"looks", test.looks()},
          {"level", test.level()},
          {"verdicts", std::move(verdicts)}};
}

std::string describe_verdicts(const SequentialTest& test, double seconds) {
  std::map<Verdict, std::vector<const Judgement*>> by_verdict;
  std::set<std::string> cases;
  for (const Judgement& one : test.judgements()) {
    by_verdict[one.verdict].push_back(&one);
    cases.insert(one.name);
  }
  std::string text =
      fmt::format("until {:g}%: {} quantities of {} cases, {} looks, {:.0f} s:", 100 * test.size(),
                  test.judgements().size(), cases.size(), test.looks(), seconds);
  const char* separator = " ";
  std::vector<const Judgement*> told;
  for (const Verdict verdict :
       {Verdict::kSlower, Verdict::kFaster, Verdict::kUnclear, Verdict::kSame}) {
    const auto found = by_verdict.find(verdict);
    if (found == by_verdict.end()) continue;
    text += fmt::format("{}{} {}", separator, found->second.size(), verdict_name(verdict));
    separator = ", ";
    if (verdict == Verdict::kSame) continue;
    told.insert(told.end(), found->second.begin(), found->second.end());
  }
  text += '\n';
  for (size_t i = 0; i < std::min(told.size(), kMostLines); ++i) {
    const Judgement& one = *told[i];
    text += fmt::format("  {:<7}  ", verdict_name(one.verdict));
    text += one.pairs == 0 ? std::string("no pairs")
                           : fmt::format("{:>7} ({} to {}), {} pairs", percent(one.change),
                                         percent(one.low), percent(one.high), one.pairs);
    text += fmt::format("  {} of {}\n", one.quantity, one.name);
  }
  if (told.size() > kMostLines) {
    text += fmt::format("  {} more: run.until of the files\n", told.size() - kMostLines);
  }
  return text;
}

}  // namespace forkcost::runner
