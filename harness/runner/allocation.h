// How a minute is best spent on the core cases: how many samples a process takes, and how often
// each case takes part.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace forkcost::runner {

// Of the logarithm of a quantity's estimate: that of a process with n samples has the variance
// between + within / n. Of two sides in turns: of the difference of the two.
struct QuantityNoise {
  std::string quantity;
  double between = 0;
  double within = 0;
  // How much its error counts: one that a family's slope is made of, too, more.
  double weight = 1;

  double variance(size_t samples) const { return between + within / static_cast<double>(samples); }
};

struct CaseNoise {
  std::string name;
  std::vector<QuantityNoise> quantities;
  double start_s = 0;   // of a process (or two), without its samples
  double sample_s = 0;  // of one sample
  // Samples take turns to read the CPU clock: each quantity has half of them.
  bool alternates = false;
  size_t samples = 0;  // as many as a process took

  double process_seconds() const { return start_s + sample_s * static_cast<double>(samples); }
};

// The number of samples near `wanted` of which the quartile and the median are exactly these of
// what they are drawn from, however many there are: nearest rank takes the (n + 1) / 4-th of n = 4k
// + 3. With any number, a run of 20 samples would be 0.4% above one of 60 where samples differ by
// 5%. At least 7.
size_t even_samples(double wanted, bool alternates);

// As even_samples(), before anything but the costs is known.
size_t first_samples(const CaseNoise& costs);

// How many samples a process should take: where one more would earn as much as it costs (Cochran,
// Sampling Techniques, 3rd ed., 10.6). The count of the pilot is kept where it is within a factor
// of 2 of the best, so that the pilot's rounds count: that costs at most 6% of resolution. No more
// than a process (or two) has time for in `most_seconds`: where processes hardly differ, one would
// do for all, and the least number of rounds would not fit.
size_t choose_samples(const CaseNoise& noise, double most_seconds);

// In how many rounds each case, with its `samples`, should take part of `seconds`: so that the mean
// of all quantities' standard errors, weighted, is least, and with it that of the changes that can
// be seen. (The mean of their squares, the same, 5.5, would give nearly all of the time to the
// noisiest: seen, the median of the changes was three times larger.) Each case has at least
// `least`, and first some that only tell what its variance is.
std::vector<double> allocate(const std::vector<CaseNoise>& cases, double seconds, double least);

}  // namespace forkcost::runner
