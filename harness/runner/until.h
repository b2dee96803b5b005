// Two sides in turns until each quantity is known to be the same, slower or faster: a test that may
// look at the figures several times.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "harness/json.h"
#include "harness/runner/estimates.h"
#include "harness/runner/looks.h"

namespace forkcost::runner {

enum class Verdict : uint8_t { kUnclear, kSame, kSlower, kFaster };

const char* verdict_name(Verdict verdict);

struct Judgement {
  std::string name;
  std::string quantity;
  Verdict verdict = Verdict::kUnclear;
  double change = 0, low = 0, high = 0;  // b against a: 0.02 is 2% more; of the last look at it
  size_t pairs = 0;

  // What has hardly a pair at the first look fails on a side, and would for as long as there is
  // time.
  bool is_open() const { return verdict == Verdict::kUnclear && pairs > 0; }
};

// `slower` and `faster`: the interval excludes 0 and the change is at least the size. `same`: the
// interval is within the size. Of a test that is settled the verdict stands.
//
// Each of the m tests has the share 1 / m of the error, and spends of it at each look in proportion
// to the pairs that came since the one before (the spending function t of Lan and DeMets 1983),
// so that the error of all looks is at most the sum. That holds whatever number of looks there are,
// and whatever the noise of a look has in common with that of the one before.
class SequentialTest {
 public:
  explicit SequentialTest(double size) : size_(size) {}

  // The next look. The first one settles how many tests there are.
  void look(const std::vector<Series>& series);

  int looks() const { return looks_; }
  bool is_over() const;  // no look is left, or all is settled
  // All of what it is judged by, as far as that can be.
  bool is_settled(const std::string& name) const;
  double size() const { return size_; }
  double level() const { return level_; }  // two-sided, of a test, at the last look
  const std::vector<Judgement>& judgements() const { return judgements_; }

 private:
  double size_;
  int looks_ = 0;
  double level_ = 0;
  std::vector<Judgement> judgements_;
};

// `run.until` of a result file.
Json describe_until(const SequentialTest& test, double max_seconds);

// The verdicts in a few lines.
std::string describe_verdicts(const SequentialTest& test, double seconds);

}  // namespace forkcost::runner
