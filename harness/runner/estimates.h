// What rounds say of the quantities that a run is judged by: their estimates, how much these differ
// and what they cost.
#pragma once

#include <array>
#include <cstddef>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "harness/json.h"
#include "harness/runner/allocation.h"
#include "harness/runner/journal.h"
#include "harness/runner/plan.h"

namespace forkcost::runner {

// The logarithm of what one process says of a quantity.
struct Estimate {
  double log = 0;
  double variance = 0;  // of it, were other samples taken in this process
};

// The samples of a quantity of an entry, with its `step` in it; none where there is a histogram.
std::vector<double> samples_of(const Json& quantity);

// By `estimator` of the table of quantities ("min", "p25"), nearest rank. None where there is
// nothing above 0. The variance is that of Maritz and Jarrett (1978), a bootstrap without drawing
// (seen: of the quartile of 19 samples it is a fifth too large).
std::optional<Estimate> estimate(const Json& quantity, std::string_view estimator);

// Rounds of one case that have as many samples: of one side the logarithm of each round's
// estimate, of two the difference of the two (b less a).
struct Series {
  std::string name;
  std::string quantity;
  std::vector<double> values;
  std::vector<double> sampling_variances;  // of each, the part that comes of few samples

  // Of the values, such that a share of their number is that of their trimmed mean.
  double variance() const;
  double sampling_variance() const;
  // That a test of trimmed means at `level` would find, as `forkcost compare` makes it: between two
  // such series, or, of two sides, in this one.
  double smallest_change(double level, size_t sides) const;
};

class Estimates {
 public:
  // The plan must outlive it.
  explicit Estimates(const Plan& plan) : plan_(plan) {}

  void add(const Record& record);

  // Of one process with figures: how many samples it took, and what they and the rest cost. None
  // where there is none. Of two sides both together.
  std::optional<CaseNoise> costs(const std::string& name, int round) const;
  // By cases: their noise in the rounds from `first` to before `end`, without those that have less
  // than three rounds. The variances between processes are moderated: as many rounds again say what
  // is the mean over all quantities. The sizes at the ends of a family have the weight of its
  // slope, by which a comparison judges, too.
  std::vector<CaseNoise> noise(int first, int end) const;
  // With figures of all sides and `samples` each, before the round `end`.
  size_t rounds_of(const std::string& name, size_t samples, int end) const;
  // Of every case and quantity, the rounds below `rounds` with `samples` of the case (0: all).
  std::vector<Series> series(const std::map<std::string, size_t>& samples, int rounds) const;

 private:
  struct Process {
    size_t samples = 0;
    double start_s = 0, sample_s = 0;
    bool alternates = false;
    std::map<std::string, Estimate> values;
  };
  using Sides = std::array<std::optional<Process>, 2>;

  // All sides are there, with as many samples each (any, where `samples` is 0).
  bool is_whole(const Sides& sides, size_t samples) const;
  Series series_of(const std::string& name, const std::string& quantity, size_t samples, int first,
                   int end) const;
  std::vector<std::string> quantities_of(const Json& entry) const;
  std::optional<double> level_of(const std::string& name, const std::string& quantity) const;
  void weigh_slopes(std::vector<CaseNoise>& cases) const;

  const Plan& plan_;
  std::map<std::string, std::vector<std::string>> quantities_;  // by case
  std::map<std::string, std::map<int, Sides>> rounds_;
};

}  // namespace forkcost::runner
