// What a user sees on stderr while a run works. Only between two processes: a terminal that redraws
// would disturb the one that is being measured.
#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "harness/runner/plan.h"
#include "harness/runner/rounds.h"

namespace forkcost::runner {

// To stderr, ignoring that nobody may listen: a closed pipe must not end a run.
void say(const std::string& text);

// "[ 34/120]  28%  round 2 of 5  about 41 s left  fork/…", cut to `width` columns (0: not at all).
std::string progress_line(const std::string& name, const Position& position, int rounds,
                          size_t width);

class Progress {
 public:
  enum class Style { kNone, kLines, kRedraw };

  // The style that fits stderr.
  Progress(bool quiet, int rounds);
  ~Progress() { clear(); }
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  void next(const std::string& name, const Position& position);
  void round_done(const Position& position);

 private:
  void clear();

  Style style_ = Style::kNone;
  int rounds_;
  size_t width_ = 0;
  bool drawn_ = false;
  std::optional<std::chrono::steady_clock::time_point> last_;
};

}  // namespace forkcost::runner
