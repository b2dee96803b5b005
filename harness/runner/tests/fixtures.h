// Cases, plans and entries of the kind that bench programs make.
#pragma once

#include <fmt/format.h>

#include <string>
#include <vector>

#include "harness/json.h"
#include "harness/runner/journal.h"
#include "harness/runner/plan.h"

namespace forkcost::runner {

inline PlannedCase make_case(const std::string& name) {
  return {name, "bench_a", {{"name", name}, {"benchmark", "a"}, {"axes", Json::object()}}};
}

inline Tables make_tables() {
  const auto quantity = [](const char* unit, const char* estimator, int step) {
    Json row = {{"unit", unit}, {"better", "lower"}, {"estimator", estimator}};
    if (step > 0) row["step"] = step;
    row["meaning"] = "what it is";
    return row;
  };
  return {{{"n", {{"default", nullptr}, {"meaning", "a number"}}},
           {"unused", {{"default", "0"}, {"meaning", "of other programs"}}}},
          {{"blocked_ns", quantity("ns", "p50", 10)},
           {"blocked_cpu_ns", quantity("ns", "p25", 10)},
           {"overhead_ratio", quantity("ratio", "p50", 0)},
           {"unused_ns", quantity("ns", "p50", 1)}},
          {{"walk_ns", {{"unit", "ns"}, {"title", "a walk"}, {"meaning", "what it is"}}}}};
}

inline Plan make_test_plan(const std::string& preset, size_t cases) {
  Plan plan;
  plan.settings.get<"--preset">() = preset;
  plan.settings.get<"--seed">() = 42;
  plan.suite = {{"version", "1"}};
  plan.kernel = "6.1";
  plan.started = "2026-01-01T00:00:00Z";
  plan.tables = {make_tables()};
  for (size_t i = 0; i < cases; ++i) plan.cases.push_back(make_case(fmt::format("a/n:{}", i)));
  return plan;
}

// Of two sides that have the same cases.
inline Plan make_two_sides_plan(const std::string& preset, size_t cases) {
  Plan plan = make_test_plan(preset, 0);
  plan.sides = {{"/old/bin", "", 1}, {"/new/bin", "A=1", 2}};
  plan.session = "0123456789abcdef";
  plan.tables = {make_tables(), make_tables()};
  for (size_t i = 0; i < cases; ++i) {
    for (size_t side = 0; side < 2; ++side) {
      plan.cases.push_back(make_case(fmt::format("a/n:{}", i)));
      plan.cases.back().side = side;
    }
  }
  return plan;
}

// As self_contained() makes it.
inline Json make_entry(const std::string& name, const std::string& status) {
  Json entry = {{"name", name},
                {"benchmark", "a"},
                {"axes", {{"n", name.substr(name.find(':') + 1)}}},
                {"outcome", {{"status", status}}}};
  if (status != "ok") {
    entry["outcome"]["reason"] = "because";
    return entry;
  }
  entry["iterations"] = 3;
  entry["real_time"] = 1500.0;
  entry["primary"] = "blocked_ns";
  entry["quantities"] = {{"blocked_ns",
                          {{"unit", "ns"},
                           {"min", 1000},
                           {"p50", 1500},
                           {"p90", 9000},
                           {"samples", {0, 50, 800}},
                           {"step", 10}}}};
  return entry;
}

}  // namespace forkcost::runner
