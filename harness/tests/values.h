// The values of a stored quantity, as a reader of the file gets them.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "harness/json.h"
#include "harness/samples.h"

namespace forkcost {

// A value and how often it was seen; of a histogram, the middle of a bin.
using Weighted = std::pair<double, uint64_t>;

// Of `quantity`, one of an entry's; `row` is that of the table `quantities`.
inline std::vector<Weighted> values_of(const Json& quantity, const Json& row) {
  std::vector<Weighted> values;
  if (quantity.contains("n")) {
    values.emplace_back(quantity.at("min").get<double>(), quantity["n"].get<uint64_t>());
  }
  const double step = quantity.value("step", row.value("step", 0.0));
  const double min = step == 0 ? 0 : quantity.at("min").get<double>();
  for (const Json& sample : quantity.value("samples", Json::array())) {
    values.emplace_back(min + (step == 0 ? 1 : step) * sample.get<double>(), 1);
  }
  for (const Json& run : quantity.value("histogram", Json::array())) {
    uint32_t bin = Histogram::bin_of(run.at(0).get<uint64_t>());
    for (size_t i = 1; i < run.size(); ++i, ++bin) {
      const auto [low, high] = Histogram::bounds_of(bin);
      const auto count = run[i].get<uint64_t>();
      if (count > 0) values.emplace_back((static_cast<double>(low + high) - 1) / 2, count);
    }
  }
  return values;
}

}  // namespace forkcost
