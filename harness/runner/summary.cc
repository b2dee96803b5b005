#include "harness/runner/summary.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <map>

#include "harness/runner/bench.h"

namespace forkcost::runner {
namespace {

constexpr const char* kOverheadCase = "harness/figure:vfork-exit";
constexpr const char* kOverheadQuantity = "overhead_ratio";
constexpr double kOverheadGoal = 1.02;
constexpr const char* kCpuQuantity = "blocked_cpu_ns";

// All rounds of one case of a side.
struct Rows {
  const Json* tables;  // context.forkcost
  std::string name;
  std::string label;  // the name, after the side where there are two
  std::vector<const Json*> entries;

  std::vector<Weighted> values(const std::string& quantity) const {
    std::vector<Weighted> all;
    for (const Json* entry : entries) {
      const Json& quantities = entry->at("quantities");
      if (!quantities.contains(quantity)) continue;
      const auto some = values_of(quantities[quantity], tables->at("quantities").at(quantity));
      all.insert(all.end(), some.begin(), some.end());
    }
    return all;
  }
  std::string unit(const std::string& quantity) const {
    for (const Json* entry : entries) {
      const Json& quantities = entry->at("quantities");
      if (quantities.contains(quantity)) return quantities[quantity].value("unit", "ns");
    }
    return "ns";
  }
};

// "a: fork/…" in the file of a side.
std::string label_of(const Json& document, const std::string& name) {
  static const Json::json_pointer kSide("/context/forkcost/run/interleaved/side");
  const std::string side = document.value(kSide, "");
  return side.empty() ? name : side + ": " + name;
}

// The two sides of a case follow each other.
std::vector<Rows> group_by_case(const std::vector<Json>& documents) {
  std::vector<Rows> cases;
  for (const Json& document : documents) {
    for (const Json& entry : document.at("benchmarks")) {
      const std::string name = entry.at("name").get<std::string>();
      const std::string label = label_of(document, name);
      if (cases.empty() || cases.back().label != label) {
        cases.push_back({&document.at("context").at("forkcost"), name, label, {}});
      }
      cases.back().entries.push_back(&entry);
    }
  }
  std::map<std::string, size_t> places;
  for (const Rows& one : cases) places.emplace(one.name, places.size());
  std::stable_sort(cases.begin(), cases.end(), [&](const Rows& x, const Rows& y) {
    return places.at(x.name) < places.at(y.name);
  });
  return cases;
}

std::string shown(const std::optional<double>& value, const std::string& unit) {
  return value ? human(*value, unit) : "–";
}

// Columns as wide as their widest cell; the first to the left, the others to the right.
std::string format_table(const std::vector<std::vector<std::string>>& rows) {
  // Characters, not bytes: µ and – are two and three bytes.
  const auto width_of = [](const std::string& cell) {
    return static_cast<size_t>(
        std::count_if(cell.begin(), cell.end(), [](char c) { return (c & 0xc0) != 0x80; }));
  };
  std::vector<size_t> widths(rows.front().size());
  for (const auto& row : rows) {
    for (size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], width_of(row[i]));
  }
  std::string text;
  for (const auto& row : rows) {
    for (size_t i = 0; i < row.size(); ++i) {
      const std::string padding(widths[i] - width_of(row[i]), ' ');
      text += i == 0 ? row[i] + padding : "  " + padding + row[i];
    }
    text += '\n';
  }
  return text;
}

// "min" -> 0, "p25" -> 0.25.
double share_of(const std::string& estimator) {
  return estimator == "min" ? 0 : std::stod(estimator.substr(1)) / 100;
}

std::string measured_table(const std::vector<Rows>& cases, const std::string& cpu_estimator) {
  if (cases.empty()) return "";
  std::vector<std::vector<std::string>> rows = {
      {"case", "quantity", "median", "p99", fmt::format("{} ({})", kCpuQuantity, cpu_estimator)}};
  for (const Rows& one : cases) {
    const std::string primary = one.tables->at("cases").at(one.name).at("primary");
    auto values = one.values(primary);
    auto cpu = one.values(kCpuQuantity);
    const std::string unit = one.unit(primary);
    rows.push_back({one.label, primary, shown(quantile(values, 0.5), unit),
                    shown(quantile(values, 0.99), unit),
                    shown(quantile(cpu, share_of(cpu_estimator)), "ns")});
  }
  return format_table(rows);
}

// "skipped: no huge pages are free (2 cases)" and their names.
std::string unmeasured_list(const std::vector<Json>& documents, const std::string& status) {
  std::map<std::string, std::vector<std::string>> names_of;
  for (const Json& document : documents) {
    for (const Json& entry : document.at("unmeasured")) {
      if (status_of(entry) != status) continue;
      auto& names = names_of[entry["outcome"].value("reason", "for no stated reason")];
      const std::string name = label_of(document, entry.at("name").get<std::string>());
      if (names.empty() || names.back() != name) names.push_back(name);
    }
  }
  std::string text;
  for (const auto& [reason, names] : names_of) {
    text += fmt::format("\n{}: {}\n", status, reason);
    for (const std::string& name : names) text += fmt::format("  {}\n", name);
  }
  return text;
}

std::string overhead_lines(const std::vector<Rows>& cases) {
  std::string text;
  for (const Rows& one : cases) {
    if (one.name != kOverheadCase) continue;
    auto values = one.values(kOverheadQuantity);
    if (const auto ratio = quantile(values, 0.5)) {
      const std::string_view side(one.label.data(), one.label.size() - one.name.size());
      text += fmt::format("{}harness overhead {:.3f} (goal ≤ {}){}\n", side, *ratio, kOverheadGoal,
                          *ratio > kOverheadGoal ? ": above it" : "");
    }
  }
  return text;
}

std::string disturbed_line(const std::vector<Rows>& cases) {
  static const Json::json_pointer kAttempts("/outcome/attempts");
  size_t rounds = 0;
  size_t disturbed = 0;
  size_t repeated = 0;
  for (const Rows& one : cases) {
    rounds += one.entries.size();
    for (const Json* entry : one.entries) {
      const auto conditions = entry->find("conditions");
      disturbed += conditions != entry->end() && conditions->contains("reasons");
      repeated += entry->value(kAttempts, 1) > 1;
    }
  }
  if (rounds == 0) return "";
  std::string text =
      fmt::format("{} of {} rounds were disturbed ({:.0f}%)\n", disturbed, rounds,
                  100.0 * static_cast<double>(disturbed) / static_cast<double>(rounds));
  if (repeated > 0) {
    text += fmt::format("{} of {} rounds took several attempts: chance had spoilt the first\n",
                        repeated, rounds);
  }
  return text;
}

}  // namespace

std::optional<double> quantile(std::vector<Weighted>& values, double share) {
  std::sort(values.begin(), values.end());
  uint64_t total = 0;
  for (const auto& [value, count] : values) total += count;
  if (total == 0) return std::nullopt;
  const auto rank =
      std::max<uint64_t>(1, static_cast<uint64_t>(std::ceil(share * static_cast<double>(total))));
  uint64_t seen = 0;
  for (const auto& [value, count] : values) {
    seen += count;
    if (seen >= rank) return value;
  }
  return values.back().first;
}

std::string human(double value, const std::string& unit) {
  if (unit == "bytes") {
    static constexpr std::array<const char*, 5> kUnits = {"B", "KiB", "MiB", "GiB", "TiB"};
    size_t i = 0;
    for (; value >= 1024 && i + 1 < kUnits.size(); ++i) value /= 1024;
    return fmt::format("{:.4g} {}", value, kUnits[i]);
  }
  if (unit != "ns") return fmt::format("{:.4g}", value);
  const double size = std::fabs(value);
  if (size >= 1e9) return fmt::format("{:.3f} s", value / 1e9);
  if (size >= 1e6) return fmt::format("{:.3f} ms", value / 1e6);
  if (size >= 1e3) return fmt::format("{:.3f} µs", value / 1e3);
  return fmt::format("{:.0f} ns", value);
}

std::string summarize(const std::vector<Json>& documents, const std::string& note) {
  const Json& quantities = documents.front().at("context").at("forkcost").at("quantities");
  const std::string estimator =
      quantities.value(kCpuQuantity, Json::object()).value("estimator", "min");
  const std::vector<Rows> cases = group_by_case(documents);
  std::string text = measured_table(cases, estimator);
  text += unmeasured_list(documents, "skipped");
  text += unmeasured_list(documents, "failed");
  text += '\n';
  if (!note.empty()) text += note + '\n';
  text += overhead_lines(cases);
  text += disturbed_line(cases);
  return text;
}

}  // namespace forkcost::runner
