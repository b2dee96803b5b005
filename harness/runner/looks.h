// When --until looks at the figures.
#pragma once

#include <array>
#include <cstddef>

namespace forkcost::runner {

inline constexpr int kLooks = 8;

// Pairs of rounds that there are at the look `look`, from 0: 10, and at each 1.6 times as many.
constexpr int pairs_at(int look) {
  constexpr std::array<int, kLooks> kPairs = {10, 16, 26, 41, 66, 105, 168, 268};
  return kPairs.at(static_cast<size_t>(look));
}

}  // namespace forkcost::runner
