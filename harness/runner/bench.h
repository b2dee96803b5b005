// One bench program, asked for its cases or for one round of one case.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "harness/json.h"
#include "harness/memory_file.h"
#include "harness/result_document.h"
#include "harness/runner/options.h"
#include "harness/runner/plan.h"
#include "harness/runner/process.h"

namespace forkcost::runner {

// What came of one case in one process.
struct Measured {
  Json entry;  // one of `benchmarks` or `unmeasured`, as self_contained() makes it
  // Of the file that the program wrote, without tables; null if it wrote none, or was told the
  // clock.
  Json context;
  double seconds = 0;
};

// Whatever can measure a case: the rounds do not care that it is a process.
class Bench {
 public:
  virtual ~Bench() = default;
  // `samples`: as many as an earlier round took, so that every round weighs the same; 0: the
  // program chooses.
  virtual Measured measure(const PlannedCase& which, size_t samples) = 0;
  // A case of two sides, where they may take turns with their samples; else one after the other.
  virtual std::array<Measured, 2> measure_both(const PlannedCase& first, const PlannedCase& second,
                                               size_t samples) {
    Measured one = measure(first, samples);
    return {std::move(one), measure(second, samples)};
  }
};

// What a program said and left behind, as text.
struct Evidence {
  Ended ended;
  double time_limit_s = 0;
  std::optional<std::string> file;  // its result file
  std::string errors;               // its stderr
};

// The entry that `evidence` is of `which`: that of the file if the program ended as the file says,
// otherwise `failed` with the reason.
Measured interpret(const PlannedCase& which, const Evidence& evidence);

// Paths of the bench_* programs in `directory`, sorted. Throws UsageError when there are none.
std::vector<std::string> find_programs(const std::string& directory);

// The sides that --interleave names; one, without it. `directory`: where this program lies.
std::vector<InterleavedSide> find_sides(const Options& options, const std::string& directory);

class BenchPrograms : public Bench {
 public:
  BenchPrograms(Signals& signals, std::vector<InterleavedSide> sides, const Options& options);

  // All cases of all programs of all sides for `preset`, and the answer of the first side's.
  CaseList list_cases(const std::string& preset);
  // Those of the programs that were listed, by side.
  const std::vector<Tables>& tables() const { return tables_; }
  Measured measure(const PlannedCase& which, size_t samples) override;
  std::array<Measured, 2> measure_both(const PlannedCase& first, const PlannedCase& second,
                                       size_t samples) override;

 private:
  // What a program says and what it measured.
  struct Outputs {
    MemoryFile output{"forkcost-output"};
    MemoryFile errors{"forkcost-errors"};
    void clear();
  };
  Command command_for(const PlannedCase& which, size_t samples, const Outputs& outputs) const;
  double time_limit_s() const;
  Measured read(const PlannedCase& which, const Command& command, const Ended& ended,
                Outputs& outputs);
  CaseList list_cases(const std::string& program, const std::string& preset,
                      const std::string& setting);

  Signals& signals_;
  const std::vector<InterleavedSide> sides_;
  const Options& options_;
  const Preset& preset_;
  std::vector<Tables> tables_;
  std::array<Outputs, 2> outputs_;
  std::array<std::string, 2> clocks_;  // of each side, once a process has calibrated it
};

}  // namespace forkcost::runner
