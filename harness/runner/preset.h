// How much each preset measures. One table, here and nowhere else.
#pragma once

#include <string_view>

namespace forkcost::runner {

struct Preset {
  std::string_view name;
  int min_rounds;
  int max_rounds;
  int budget_ms;            // for all samples of one case in one round
  double target_seconds;    // no further round is begun that would end later; 0: no limit
  double time_limit_s;      // of one process, unless --time-limit-s says otherwise
  bool open_ended = false;  // as many rounds as fit; max_rounds is no number to aim at
};

// Throws UsageError, naming those that exist.
const Preset& find_preset(std::string_view name);

}  // namespace forkcost::runner
