// What a run is going to measure, and in which order.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "harness/flags.h"
#include "harness/json.h"
#include "harness/runner/preset.h"
#include "harness/size.h"

namespace forkcost::runner {

struct PlannedCase {
  std::string name;
  std::string binary;  // file name of the bench program
  Json description;    // what --list-cases says of it
  size_t side = 0;     // index of Plan::sides

  uint64_t heap_bytes() const { return description.value("heap_bytes", uint64_t{0}); }
};

// Rows for the tables of the result file, for all that may occur.
struct Tables {
  Json axes = Json::object();
  Json quantities = Json::object();
  Json yardsticks = Json::object();
};

// Adds the rows of a further program. Throws UsageError where the two say different things of one
// name; `step` may differ, as each has measured the clock's.
void add_tables(Tables& tables, const Tables& more, const std::string& program);

struct CaseList {
  std::vector<PlannedCase> cases;
  Tables tables;
  Json answer = Json::array();  // sections, harness/answer_rows.h
};

// The output of `bench_x --list-cases`. Throws UsageError for anything else, and for a program that
// writes files of another schema.
CaseList parse_case_list(std::string_view text, const std::string& binary);

// Those whose name, with or without the axes that have their default, the regular expression finds.
// Throws UsageError for a malformed one.
std::vector<PlannedCase> filter_cases(const std::vector<PlannedCase>& cases,
                                      const std::string& filter);

// Refuses, by UsageError, one name for two cases of a side.
void require_unique(const std::vector<PlannedCase>& cases);

// Of the cases of two sides those that both have, in the order of the first, each pair side by
// side; the others go to `alone`.
std::vector<PlannedCase> pair_cases(const std::vector<PlannedCase>& cases,
                                    std::vector<PlannedCase>& alone);

// One of the two that --interleave measures in turns.
struct InterleavedSide {
  std::string directory;  // of its bench programs
  std::string setting;    // NAME=VALUE in their environment; empty: none
  int64_t built = 0;      // when the newest of them was written: another build is another run
};

// What files call it: a or b.
inline std::string side_name(size_t side) {
  return side == 0 ? "a" : "b";
}

// The member `side` of an entry of the journal; without one there are no sides.
inline size_t parse_side(const Json& json) {
  return json.value("side", "a") == side_name(0) ? 0 : 1;
}

// The first of a pilot says what a process and a sample cost, the others how much they vary.
inline constexpr int kPilotRounds = 6;

struct Plan {
  Settings settings;  // what was asked for; --seed is that of the run
  Json suite;
  std::string kernel;  // release and version: figures of two kernels are two runs
  std::string started;
  std::vector<InterleavedSide> sides;  // two, or none
  std::string session;                 // of two sides: their files belong together
  std::vector<Tables> tables;          // by side
  std::vector<PlannedCase> cases;      // of two sides as pair_cases() has them
  Json answer = Json::array();         // what the programs declare; of two sides those of the first

  size_t side_count() const { return std::max<size_t>(1, sides.size()); }
  const Preset& preset() const { return find_preset(settings.get<"--preset">()); }
  uint64_t seed() const { return settings.get<"--seed">().value(); }
  // The size of --until; none without.
  std::optional<double> until() const {
    const std::string& size = settings.get<"--until">();
    return size.empty() ? std::nullopt : std::optional(parse_percent(size));
  }
  int min_rounds() const;
  int max_rounds() const;
  // None where the time alone decides.
  std::optional<int> planned_rounds() const {
    return allocates() || until() ? std::nullopt : std::optional(max_rounds());
  }
  // The time goes to the cases by what they cost and how much they vary, measured in a pilot.
  bool allocates() const { return preset().open_ended && !settings.get<"--rounds">(); }
  // Rounds at the beginning that may not count.
  int pilot_rounds() const { return allocates() ? kPilotRounds : 0; }
  // Of all sides together; 0: no limit.
  double target_seconds() const;
};

Json to_json(const Plan& plan);
Plan parse_plan(const Json& plan);  // throws Json::exception

// Throws UsageError, saying how they differ, unless `now` asks for what the journal's plan did.
// The cases are the journal's: which heaps fit may have changed since.
void require_same(const Plan& journal, const Plan& now, bool seed_given);

// For every round the indices of the plan's cases in an order that depends on the seed alone and is
// the same on every machine (std::shuffle is not). With two sides the case `i` has the indices 2i
// and 2i + 1, which stay together: which is first is chance in one round, and the other way round
// in the next.
std::vector<std::vector<size_t>> make_orders(size_t cases, size_t sides, int rounds, uint64_t seed);

}  // namespace forkcost::runner
