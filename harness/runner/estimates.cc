#include "harness/runner/estimates.h"

#include <algorithm>
#include <boost/math/special_functions/beta.hpp>
#include <cmath>
#include <numeric>

#include "harness/result_document.h"
#include "harness/runner/student.h"
#include "harness/samples.h"
#include "harness/strings.h"

namespace forkcost::runner {
namespace {

// A spike in one of the five rounds of a pilot is not that case's noise.
constexpr double kTrimOfFew = 0.2;
constexpr double kTrimOfMany = 0.1;  // as analysis/forkcost/compare/statistics.py has it

double share_of(std::string_view estimator) {
  if (estimator == "p10") return 0.1;
  if (estimator == "p25") return 0.25;
  return estimator == "min" ? 0 : 0.5;
}

constexpr size_t kFewestRounds = 3;  // that say something of noise
// A line that rises less has no slope to speak of, as analysis/forkcost/compare/families.py has it.
constexpr double kLeastRise = 0.1;

std::string without_heap(const std::string& name) {
  std::string rest;
  for (const std::string_view part : split(name, '/')) {
    if (!part.starts_with("heap:")) rest.append(part).append("/");
  }
  return rest;
}

double mean(const std::vector<double>& values) {
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

// `logs` is ascending; `rank` counts from 1.
double variance_of_rank(std::span<const double> logs, size_t rank) {
  const auto n = static_cast<double>(logs.size());
  const auto r = static_cast<double>(rank);
  double before = 0, first = 0, second = 0;
  for (size_t i = 0; i < logs.size(); ++i) {
    // The chance that of n draws at least `rank` are among the first i + 1 values.
    const double here = boost::math::ibeta(r, n - r + 1, static_cast<double>(i + 1) / n);
    const double distance = logs[i] - logs[rank - 1];  // near 0: no digits are lost
    first += (here - before) * distance;
    second += (here - before) * distance * distance;
    before = here;
  }
  return std::max(second - first * first, 0.0);
}

}  // namespace

std::vector<double> samples_of(const Json& quantity) {
  const double least = quantity.at("min").get<double>();
  if (quantity.contains("n")) return std::vector<double>(quantity["n"].get<size_t>(), least);
  std::vector<double> samples;
  const auto stored = quantity.find("samples");
  if (stored == quantity.end()) return samples;
  const auto step = quantity.find("step");
  for (const Json& one : *stored) {
    const double value = one.get<double>();
    samples.push_back(step == quantity.end() ? value : least + step->get<double>() * value);
  }
  return samples;
}

std::optional<Estimate> estimate(const Json& quantity, std::string_view estimator) {
  std::vector<double> samples = samples_of(quantity);
  if (samples.empty()) {  // a histogram says its median alone
    const double median = quantity.value("p50", 0.0);
    if (estimator != "p50" || median <= 0) return std::nullopt;
    return Estimate{std::log(median), 0};
  }
  std::sort(samples.begin(), samples.end());
  if (samples.front() <= 0) return std::nullopt;
  for (double& sample : samples) sample = std::log(sample);
  const double wanted = std::ceil(share_of(estimator) * static_cast<double>(samples.size()));
  const auto rank = static_cast<size_t>(std::max(wanted, 1.0));
  return Estimate{samples[rank - 1], variance_of_rank(samples, rank)};
}

double Series::variance() const {
  const double error = trimmed_mean(values, kTrimOfFew).error;
  return error * error * static_cast<double>(values.size());
}

double Series::sampling_variance() const {
  return trimmed_mean(sampling_variances, kTrimOfFew).centre;
}

double Series::smallest_change(double level, size_t sides) const {
  const TrimmedMean mean = trimmed_mean(values, kTrimOfMany);
  const double unpaired = sides == 1 ? 2 : 1;
  return runner::smallest_change(std::sqrt(unpaired) * mean.error, unpaired * mean.degrees, level);
}

// In a run of selected cases these are what it is about, and their primary quantities; but for the
// preset gate, which is about its core whatever is left of that.
std::vector<std::string> Estimates::quantities_of(const Json& entry) const {
  const bool selected = !plan_.preset().open_ended && !plan_.settings.get<"--filter">().empty();
  if (!selected) return entry.value("core", std::vector<std::string>());
  std::vector<std::string> names;
  for (const char* key : {"primary", "primary_cpu"}) {
    const std::string name = entry.value(key, "");
    if (!name.empty() && entry.at("quantities").contains(name)) names.push_back(name);
  }
  return names;
}

void Estimates::add(const Record& record) {
  if (status_of(record.entry) != "ok") return;
  const Json& entry = record.entry;
  const std::string name = entry.at("name").get<std::string>();
  const auto known = quantities_.emplace(name, quantities_of(entry)).first;
  if (known->second.empty()) return;
  Process process;
  process.samples = entry.value("iterations", size_t{0});
  const Json conditions = entry.value("conditions", Json::object());
  const double sampling_s = conditions.value("elapsed_ns", 0.0) / 1e9;
  const auto taken = static_cast<double>(process.samples + entry.value("warmup", size_t{0}));
  if (taken > 0) process.sample_s = sampling_s / taken;
  process.start_s =
      std::max(record.seconds - process.sample_s * static_cast<double>(process.samples), 0.0);
  const Json& rows = plan_.tables.at(record.side).quantities;
  for (const std::string& quantity : known->second) {
    const auto found = entry.at("quantities").find(quantity);
    if (found == entry.at("quantities").end()) continue;
    process.alternates |=
        found->contains("samples") && found->at("samples").size() < process.samples;
    const std::string estimator =
        rows.contains(quantity) ? rows[quantity].value("estimator", "p50") : "p50";
    if (const auto one = estimate(*found, estimator)) process.values[quantity] = *one;
  }
  rounds_[name][record.round].at(record.side) = std::move(process);
}

bool Estimates::is_whole(const Sides& sides, size_t samples) const {
  return std::all_of(sides.begin(), sides.begin() + static_cast<ptrdiff_t>(plan_.side_count()),
                     [&](const auto& process) {
                       return process && (samples == 0 || process->samples == samples);
                     });
}

std::optional<CaseNoise> Estimates::costs(const std::string& name, int round) const {
  const auto found = rounds_.find(name);
  if (found == rounds_.end() || found->second.count(round) == 0) return std::nullopt;
  const Sides& sides = found->second.at(round);
  if (!is_whole(sides, 0)) return std::nullopt;
  CaseNoise noise{name, {}, 0, 0, false, sides[0]->samples};
  for (size_t side = 0; side < plan_.side_count(); ++side) {
    noise.start_s += sides.at(side)->start_s;
    noise.sample_s += sides.at(side)->sample_s;
    noise.alternates |= sides.at(side)->alternates;
  }
  return noise;
}

Series Estimates::series_of(const std::string& name, const std::string& quantity, size_t samples,
                            int first, int end) const {
  Series series{name, quantity, {}, {}};
  const auto& rounds = rounds_.at(name);
  for (auto round = rounds.lower_bound(first); round != rounds.end() && round->first < end;
       ++round) {
    const Sides& sides = round->second;
    if (!is_whole(sides, samples)) continue;
    double value = 0, variance = 0;
    bool whole = true;
    for (size_t side = 0; side < plan_.side_count(); ++side) {
      const auto& values = sides.at(side)->values;
      const auto found = values.find(quantity);
      whole = whole && found != values.end();
      if (!whole) break;
      value = found->second.log - value;
      variance += found->second.variance;
    }
    if (!whole) continue;
    series.values.push_back(value);
    series.sampling_variances.push_back(variance);
  }
  return series;
}

size_t Estimates::rounds_of(const std::string& name, size_t samples, int end) const {
  const auto& rounds = rounds_.at(name);
  return static_cast<size_t>(
      std::count_if(rounds.begin(), rounds.lower_bound(end),
                    [&](const auto& round) { return is_whole(round.second, samples); }));
}

std::vector<CaseNoise> Estimates::noise(int first, int end) const {
  std::vector<CaseNoise> cases;
  double sum = 0;
  size_t count = 0;
  for (const auto& [name, rounds] : rounds_) {
    CaseNoise noise;
    std::vector<double> starts, samples;
    for (auto round = rounds.lower_bound(first); round != rounds.lower_bound(end); ++round) {
      const auto one = costs(name, round->first);
      if (!one) continue;
      noise = *one;
      starts.push_back(one->start_s);
      samples.push_back(one->sample_s);
    }
    if (starts.size() < kFewestRounds) continue;
    noise.start_s = mean(starts);
    noise.sample_s = mean(samples);
    for (const std::string& quantity : quantities_.at(name)) {
      const Series series = series_of(name, quantity, noise.samples, first, end);
      if (series.values.size() < kFewestRounds) continue;
      const double sampling = series.sampling_variance();
      const double between = std::max(series.variance() - sampling, 0.0);
      noise.quantities.push_back(
          {quantity, between, sampling * static_cast<double>(noise.samples)});
      sum += between;
      ++count;
    }
    if (!noise.quantities.empty()) cases.push_back(std::move(noise));
  }
  for (CaseNoise& noise : cases) {
    for (QuantityNoise& one : noise.quantities) {
      one.between = (one.between + sum / static_cast<double>(count)) / 2;
    }
  }
  weigh_slopes(cases);
  return cases;
}

// What processes of the first side say on the average.
std::optional<double> Estimates::level_of(const std::string& name,
                                          const std::string& quantity) const {
  std::vector<double> logs;
  for (const auto& [round, sides] : rounds_.at(name)) {
    if (!sides[0]) continue;
    const auto found = sides[0]->values.find(quantity);
    if (found != sides[0]->values.end()) logs.push_back(found->second.log);
  }
  if (logs.empty()) return std::nullopt;
  return std::exp(mean(logs));
}

// The slope of a line from a to b has b / (b - a) times the relative error of b, and a / (b - a)
// times that of a.
void Estimates::weigh_slopes(std::vector<CaseNoise>& cases) const {
  struct Point {
    uint64_t bytes;
    double level;
    QuantityNoise* noise;
  };
  std::map<std::pair<std::string, std::string>, std::vector<Point>> families;
  for (CaseNoise& one : cases) {
    const auto planned = std::find_if(plan_.cases.begin(), plan_.cases.end(),
                                      [&](const PlannedCase& c) { return c.name == one.name; });
    if (planned->heap_bytes() == 0) continue;
    for (QuantityNoise& noise : one.quantities) {
      if (const auto level = level_of(one.name, noise.quantity)) {
        families[{without_heap(one.name), noise.quantity}].push_back(
            {planned->heap_bytes(), *level, &noise});
      }
    }
  }
  for (const auto& [key, points] : families) {
    const auto [least, most] =
        std::minmax_element(points.begin(), points.end(),
                            [](const Point& a, const Point& b) { return a.bytes < b.bytes; });
    const double rise = most->level - least->level;
    if (rise <= kLeastRise * least->level) continue;
    most->noise->weight += most->level / rise;
    least->noise->weight += least->level / rise;
  }
}

std::vector<Series> Estimates::series(const std::map<std::string, size_t>& samples,
                                      int rounds) const {
  std::vector<Series> all;
  for (const auto& [name, quantities] : quantities_) {
    if (rounds_.count(name) == 0) continue;
    const auto wanted = samples.find(name);
    for (const std::string& quantity : quantities) {
      all.push_back(
          series_of(name, quantity, wanted == samples.end() ? 0 : wanted->second, 0, rounds));
    }
  }
  return all;
}

}  // namespace forkcost::runner
