// The rounds of a run: which case is next, and when it is enough.
#pragma once

#include <functional>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "harness/runner/bench.h"
#include "harness/runner/journal.h"
#include "harness/runner/plan.h"

namespace forkcost::runner {

struct Position {
  int round = 0;
  size_t done = 0;          // processes, of this run
  size_t total = 0;         // as far as is known
  double seconds = 0;       // measured so far
  double seconds_left = 0;  // estimate
};

// Is told what happens between two processes.
class Observer {
 public:
  virtual ~Observer() = default;
  virtual void next(const PlannedCase& which, const Position& position) = 0;
  virtual void finished(const Record& record, const Json& context) = 0;
};

class Rounds {
 public:
  // `done`: what an interrupted run had measured already.
  Rounds(const Plan& plan, const std::vector<Record>& done);

  // Runs what is missing, until the preset's rounds are done or its time is up.
  void run(Bench& bench, Observer& observer);

  int rounds_done() const { return rounds_done_; }
  double seconds() const { return seconds_; }

 private:
  std::vector<size_t> missing(int round, const std::vector<size_t>& order) const;
  bool is_due(int round, size_t index) const;
  double expected_seconds(const std::vector<size_t>& indices) const;
  Position position(int round, size_t missing_now) const;
  void note(const Record& record);

  const Plan& plan_;
  using Unit = std::pair<size_t, std::string>;  // side and case
  std::map<Unit, double> seconds_of_;           // in its last round
  std::map<std::string, size_t> samples_of_;    // of a case, in its first round with figures
  std::set<Unit> skipped_;                      // for good
  std::set<std::pair<int, Unit>> measured_;     // by round
  double seconds_ = 0;
  size_t done_ = 0;
  int rounds_done_ = 0;
};

}  // namespace forkcost::runner
