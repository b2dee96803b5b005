// A case: one point of one benchmark, as the benchmark declares it.
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "harness/arena.h"
#include "harness/axes.h"
#include "harness/json_fwd.h"
#include "harness/perf_event.h"
#include "harness/placement.h"
#include "harness/timeline_page.h"

namespace forkcost {

// In this order: each contains the cases of those before it, so what belongs to two presets has
// std::max of them.
enum class Preset : uint8_t { kSmoke, kQuick, kStandard, kFull };

// Beside these: the core cases alone, whatever preset they are in.
inline constexpr std::string_view kGate = "gate";

const char* preset_name(Preset preset);
Preset parse_preset(std::string_view name);  // throws UsageError

class Measurement;
class Turns;

struct Case {
  std::string benchmark;          // "fork"
  AxisValues axes;                // all that the benchmark has, in the order of the name
  Preset preset = Preset::kFull;  // the smallest that contains the case
  std::optional<ArenaSpec> arena = std::nullopt;  // none: the benchmark has no heap axis
  bool populate = true;   // false: the body makes its memory itself, and arena() is empty
  MemoryNeed needs = {};  // beside the arena; checked before this is populated
  Placement placement = Placement::kSameCpu;
  // A sample without these is a failure. Empty: the case is not about the timeline of a creation,
  // and reports only what its body records.
  std::vector<forkcost_event> required = {};
  // Involuntary context switches that its own children may cause: a child that starts on our CPU,
  // and one that ends there. More than that disturbs a round.
  double switches_per_sample = 2;
  // The call that makes the process, for the message when it fails; null: the benchmark's name. A
  // literal: what a case holds is part of the parent, and copied by every fork.
  const char* call = nullptr;
  // What lies between begin_operation() and end_operation(), or of a creation: the quantity that is
  // the time of it, and how many of these there are. Empty: total_ns of a creation, else the
  // primary.
  std::string operation = "";
  size_t operations = 1;
  std::string primary = "blocked_ns";  // FORMAT.md: real_time and cpu_time
  std::string primary_cpu = "blocked_cpu_ns";
  // Of a core case the quantities by which the preset gate judges it. Empty: it is none. Few, each
  // for a question of its own: every further one makes all the others harder to tell.
  std::vector<std::string_view> core = {};
  std::function<void(Measurement&)> body;

  std::string name() const { return name_of_case(benchmark, axes); }
  std::string full_name() const { return full_name_of_case(benchmark, axes); }
  const std::string& operation_quantity() const;
};

// Axis -> value, all of them.
Json describe_axes_of(const Case& the_case);

// What the command line says of how to measure.
struct MeasureOptions {
  int cpu = -1;  // of the parent; -1: the last one that we may use (the first serves interrupts)
  double budget_ms = 40;
  size_t samples = 0;  // exactly so many; 0: what the budget allows
  // As many as the budget allows while they are taken, however many that are; else their number is
  // chosen before, by the warm-up.
  bool fill_budget = false;
  double time_limit_s = 60;
  Turns* turns = nullptr;  // with another process; null: there is none
  // Further passes after the times.
  bool count = false;
  std::vector<Event> counters = {};  // none: default_events()
  bool profile = false;
  std::optional<Event> profile_event = {};  // none: default_profile_event()
};

struct HeapSize {
  uint64_t bytes;
  Preset preset;  // the smallest that has it
};

// The two below are defined by the benchmarks: no file here knows what is measured.

// The heap sizes of a run without --heap, where so much memory is available.
std::vector<HeapSize> default_heaps(uint64_t available_bytes);

// The cases of this bench binary for these heap sizes. Defined by the benchmark's .cc.
std::vector<Case> register_cases(const std::vector<HeapSize>& heaps);

}  // namespace forkcost
