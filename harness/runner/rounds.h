// The rounds of a run: which case is next, and when it is enough.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "harness/runner/allocation.h"
#include "harness/runner/bench.h"
#include "harness/runner/estimates.h"
#include "harness/runner/journal.h"
#include "harness/runner/plan.h"
#include "harness/runner/until.h"

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
  // How the time is spent on the cases, in the same order.
  virtual void allocated(const std::vector<CaseNoise>& cases,
                         const std::vector<double>& rounds) = 0;
};

class Rounds {
 public:
  // `done`: what an interrupted run had measured already.
  Rounds(const Plan& plan, const std::vector<Record>& done);

  // Runs what is missing, until the preset's rounds are done or its time is up.
  void run(Bench& bench, Observer& observer);

  int rounds_done() const { return rounds_done_; }
  double seconds() const { return seconds_; }
  const Estimates& estimates() const { return estimates_; }
  // Of a run --until, after run().
  const std::optional<SequentialTest>& test() const { return test_; }
  // Of a case, as many as each of its rounds has; where the pilot was of another number, its rounds
  // do not count.
  const std::map<std::string, size_t>& samples() const { return samples_of_; }

 private:
  std::vector<size_t> taking_part(int round, const std::vector<size_t>& order) const;
  bool takes_part(int round, size_t index) const;
  void spend_time(int round, Observer& observer);
  void look();
  bool takes_turns(const std::vector<size_t>& due, size_t i) const;
  size_t measure(Bench& bench, Observer& observer, int round, const std::vector<size_t>& due,
                 size_t i);
  double expected_seconds(const std::vector<size_t>& indices) const;
  Position position(int round, size_t missing_now) const;
  void note(const Record& record);

  const Plan& plan_;
  using Unit = std::pair<size_t, std::string>;  // side and case
  std::map<Unit, double> seconds_of_;           // in its last round
  std::map<std::string, size_t> samples_of_;    // of a case, in its first round with figures
  std::set<Unit> skipped_;                      // for good
  std::set<std::pair<int, Unit>> measured_;     // by round
  std::map<int, double> seconds_in_;            // by round
  Estimates estimates_;
  std::optional<SequentialTest> test_;
  std::map<std::string, double> shares_;  // of the rounds, once time is allocated; absent: all
  double seconds_ = 0;
  size_t done_ = 0;
  int rounds_done_ = 0;
  int rounds_looked_ = 0;
};

}  // namespace forkcost::runner
