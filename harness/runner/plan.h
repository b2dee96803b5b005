// What a run is going to measure, and in which order.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "harness/runner/json.h"
#include "harness/runner/options.h"
#include "harness/runner/preset.h"

namespace forkcost::runner {

struct Case {
  std::string name;
  std::string binary;  // file name of the bench program
  Json description;    // what --list-cases says of it

  uint64_t heap_bytes() const { return description.value("heap_bytes", uint64_t{0}); }
};

// Cases in the output of `bench_x --list-cases`. Throws UsageError for anything else.
std::vector<Case> parse_case_list(std::string_view text, const std::string& binary);

// Those whose name the regular expression finds. Throws UsageError for a malformed one.
std::vector<Case> filter_cases(const std::vector<Case>& cases, const std::string& filter);

struct Plan {
  std::string preset;
  std::string filter;
  std::string heap;
  std::string max_heap;
  std::optional<int> cpu;
  std::optional<int> exact_rounds;  // by --rounds
  std::optional<std::string> counters;
  std::optional<std::string> profile;
  uint64_t seed = 0;
  Json suite;
  std::string kernel;  // release and version: figures of two kernels are two runs
  std::string started;
  std::vector<Case> cases;

  int min_rounds() const { return exact_rounds.value_or(find_preset(preset).min_rounds); }
  int max_rounds() const { return exact_rounds.value_or(find_preset(preset).max_rounds); }
};

Plan make_plan(const Options& options, uint64_t seed, Json suite, std::string kernel,
               std::string started, std::vector<Case> cases);
Json to_json(const Plan& plan);
Plan parse_plan(const Json& plan);  // throws Json::exception

// Throws UsageError, saying how they differ, unless `now` asks for what the journal's plan did.
// The cases are the journal's: which heaps fit may have changed since.
void require_same(const Plan& journal, const Plan& now, bool seed_given);

// For every round the indices of all cases in an order that depends on the seed alone and is the
// same on every machine (std::shuffle is not).
std::vector<std::vector<size_t>> make_orders(size_t cases, int rounds, uint64_t seed);

}  // namespace forkcost::runner
