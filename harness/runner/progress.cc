#include "harness/runner/progress.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <string_view>

#include "harness/runner/text.h"

namespace forkcost::runner {
namespace {

using std::chrono::steady_clock;

constexpr std::chrono::milliseconds kBetweenRedraws(250);
constexpr size_t kUsualWidth = 80;  // of a terminal that does not say
constexpr size_t kBar = 20;
constexpr size_t kLeastName = 12;  // columns: less of it says nothing

std::string time_left(const Position& position) {
  const double seconds = position.seconds_left;
  if (position.done == 0 || seconds < 1) return "";
  if (seconds < 120) return fmt::format("{:.0f} s left", seconds);
  return fmt::format("{:.0f} min left", seconds / 60);
}

// Rounded, but never to all of it before it is.
double percent_done(const Position& position) {
  const double share = share_done(position);
  return share < 1 ? std::min(std::round(100 * share), 99.0) : 100;
}

std::string bar(double share) {
  const auto full = static_cast<size_t>(share * static_cast<double>(kBar));
  std::string text(std::min(full, kBar), '=');
  if (text.size() < kBar) text += '>';
  return "[" + text + std::string(kBar - text.size(), ' ') + "]";
}

bool is_set(const char* variable) {
  const char* const value = std::getenv(variable);
  return value != nullptr && *value != '\0';
}

}  // namespace

void say(const std::string& text) {
  std::fputs(text.c_str(), stderr);
}

double share_done(const Position& position) {
  const double whole = position.seconds + position.seconds_left;
  return position.done == 0 || whole <= 0 ? 0 : std::min(1.0, position.seconds / whole);
}

std::string progress_bar(const std::string& name, const Position& position,
                         std::optional<int> rounds, size_t width) {
  const size_t room = width > 0 ? width - 1 : 0;  // in the last column some terminals wrap
  const double share = share_done(position);
  const std::string left = time_left(position);
  const std::string figures =
      fmt::format("{:>3.0f}%  round {}{}{}{}", percent_done(position), position.round + 1,
                  rounds ? fmt::format("/{}", *rounds) : "", left.empty() ? "" : "  ", left);
  std::string line = bar(share) + " " + figures;
  if (line.size() + 2 + kLeastName > room) line = figures;
  if (line.size() + 2 < room) line += "  " + cut(name, room - line.size() - 2);
  return cut(line, room);
}

std::string progress_text(const Position& position, std::optional<int> rounds) {
  const std::string left = time_left(position);
  return fmt::format("{:>3.0f}%, round {}{}{}{}", percent_done(position), position.round + 1,
                     rounds ? fmt::format(" of {}", *rounds) : "", left.empty() ? "" : ", ", left);
}

bool may_redraw() {
  const char* const terminal = std::getenv("TERM");
  const bool dumb = terminal == nullptr || std::string_view(terminal) == "dumb";
  return isatty(STDERR_FILENO) == 1 && !dumb && !is_set("NO_COLOR");
}

Progress::Progress(bool quiet, std::optional<int> rounds) : rounds_(rounds) {
  if (!quiet) style_ = may_redraw() ? Style::kRedraw : Style::kLines;
}

void Progress::next(const std::string& name, const Position& position) {
  if (style_ == Style::kNone) return;
  if (style_ == Style::kLines) {
    const int tenths = static_cast<int>(10 * share_done(position));
    if (tenths > tenths_) say(progress_text(position, rounds_) + "\n");
    tenths_ = std::max(tenths_, tenths);
    return;
  }
  const auto now = steady_clock::now();
  if (last_ && now - *last_ < kBetweenRedraws) return;
  // Asked each time: the window may have another width by now.
  const size_t width = terminal_width(STDERR_FILENO).value_or(kUsualWidth);
  say("\r\033[K" + progress_bar(name, position, rounds_, width));
  drawn_ = true;
  last_ = now;
}

void Progress::clear() {
  if (drawn_) say("\r\033[K");
  drawn_ = false;
}

}  // namespace forkcost::runner
