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

// How much of the time is over, as far as is known: 0 to 1.
double share_done(const Position& position);

// "[=====>        ]  28%  round 2/5  41 s left  fork/…" in fewer than `width` columns. ASCII but
// for the name's end, as a board's serial console is not to be trusted with more.
// `rounds`: none where nobody knows.
std::string progress_bar(const std::string& name, const Position& position,
                         std::optional<int> rounds, size_t width);

// " 30%, round 2 of 5, 41 s left".
std::string progress_text(const Position& position, std::optional<int> rounds);

// Whether stderr is a terminal that can redraw a line; NO_COLOR and TERM=dumb say that it is to be
// left alone.
bool may_redraw();

class Progress {
 public:
  enum class Style { kNone, kLines, kRedraw };

  // The style that fits stderr: one line that is redrawn, or a line each tenth of the run.
  Progress(bool quiet, std::optional<int> rounds);
  ~Progress() { clear(); }
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  void next(const std::string& name, const Position& position);
  void clear();  // the line that is redrawn

 private:
  Style style_ = Style::kNone;
  std::optional<int> rounds_;
  int tenths_ = 0;  // said
  bool drawn_ = false;
  std::optional<std::chrono::steady_clock::time_point> last_;
};

}  // namespace forkcost::runner
