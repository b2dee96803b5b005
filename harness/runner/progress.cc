#include "harness/runner/progress.h"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cstdio>

namespace forkcost::runner {
namespace {

using std::chrono::steady_clock;

constexpr std::chrono::milliseconds kBetweenRedraws(250);
constexpr std::chrono::seconds kBetweenLines(5);

std::string time_left(double seconds) {
  if (seconds < 1) return "";
  if (seconds < 120) return fmt::format("  about {:.0f} s left", seconds);
  return fmt::format("  about {:.0f} min left", seconds / 60);
}

}  // namespace

void say(const std::string& text) {
  std::fputs(text.c_str(), stderr);
}

std::string progress_line(const std::string& name, const Position& position, int rounds,
                          size_t width) {
  const size_t percent = position.total == 0 ? 0 : 100 * position.done / position.total;
  std::string line =
      fmt::format("[{:>3}/{}] {:>3}%  round {} of {}{}  {}", position.done, position.total, percent,
                  position.round + 1, rounds, time_left(position.seconds_left), name);
  if (width > 0 && line.size() >= width) line.resize(width - 1);  // a wrapped line is not redrawn
  return line;
}

Progress::Progress(bool quiet, int rounds) : rounds_(rounds) {
  if (quiet) return;
  style_ = isatty(STDERR_FILENO) ? Style::kRedraw : Style::kLines;
  winsize size{};
  if (style_ == Style::kRedraw && ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0) {
    width_ = size.ws_col;
  }
}

void Progress::next(const std::string& name, const Position& position) {
  const auto now = steady_clock::now();
  if (style_ == Style::kNone) return;
  if (style_ == Style::kRedraw) {
    if (last_ && now - *last_ < kBetweenRedraws) return;
    say("\r\033[K" + progress_line(name, position, rounds_, width_));
    drawn_ = true;
  } else {
    if (last_ && now - *last_ < kBetweenLines) return;
    say(progress_line(name, position, rounds_, 0) + "\n");
  }
  last_ = now;
}

void Progress::round_done(const Position& position) {
  if (style_ == Style::kNone) return;
  clear();
  say(fmt::format("round {} of {} done after {:.1f} s\n", position.round + 1, rounds_,
                  position.seconds));
  last_ = steady_clock::now();
}

void Progress::clear() {
  if (drawn_) say("\r\033[K");
  drawn_ = false;
}

}  // namespace forkcost::runner
