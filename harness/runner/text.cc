#include "harness/runner/text.h"

#include <fmt/format.h>
#include <sys/ioctl.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cmath>
#include <iterator>
#include <numeric>

namespace forkcost::runner {
namespace {

// "{:.3g}" writes 1,234 as 1.23e+03.
std::string three_digits(double value) {
  const double size = std::fabs(value);
  if (size == 0 || size >= 99.95) return fmt::format("{:.0f}", value);
  return fmt::format("{:.{}f}", value, size >= 9.995 ? 1 : 2);
}

// Without the zeros behind the point that a whole number of KiB does not need.
std::string without_zeros(std::string number) {
  if (number.find('.') == std::string::npos) return number;
  number.erase(number.find_last_not_of('0') + 1);
  if (number.ends_with('.')) number.pop_back();
  return number;
}

struct Scale {
  double size;
  const char* unit;
};

template <size_t N>
const Scale& scale_of(double value, const std::array<Scale, N>& scales) {
  // What three digits would show as 1,000 of a unit is one of the next.
  const auto found = std::find_if(scales.begin(), scales.end(), [&](const Scale& scale) {
    return std::fabs(value) >= 0.9995 * scale.size;
  });
  return found == scales.end() ? scales.back() : *found;
}

constexpr std::array<Scale, 4> kTimes = {{{1e9, "s"}, {1e6, "ms"}, {1e3, "µs"}, {1, "ns"}}};
constexpr std::array<Scale, 5> kSizes = {
    {{0x1p40, "TiB"}, {0x1p30, "GiB"}, {0x1p20, "MiB"}, {0x1p10, "KiB"}, {1, "B"}}};

// At spaces, for a line's rest of `width` columns.
std::vector<std::string> break_at_spaces(std::string_view text, size_t width) {
  std::vector<std::string> pieces(1);
  while (!text.empty()) {
    const size_t end = std::min(text.find(' '), text.size());
    const std::string_view word = text.substr(0, end);
    if (!pieces.back().empty() && width_of(pieces.back()) + 1 + width_of(word) > width) {
      pieces.emplace_back();
    }
    if (!pieces.back().empty()) pieces.back() += ' ';
    pieces.back() += word;
    text.remove_prefix(std::min(text.size(), end + 1));
  }
  return pieces;
}

}  // namespace

size_t width_of(std::string_view text) {
  return static_cast<size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xc0) != 0x80; }));
}

std::string cut(std::string_view text, size_t width) {
  if (width_of(text) <= width) return std::string(text);
  if (width == 0) return "";
  size_t columns = 0;
  size_t end = 0;
  for (; end < text.size(); ++end) {
    const bool begins = (text[end] & 0xc0) != 0x80;
    if (begins && columns++ == width - 1) break;
  }
  return std::string(text.substr(0, end)) + "…";
}

std::string human(double value, const std::string& unit) {
  if (unit == "bytes") {
    const Scale& scale = scale_of(value, kSizes);
    return fmt::format("{} {}", without_zeros(three_digits(value / scale.size)), scale.unit);
  }
  if (unit == "ratio") return fmt::format("{:.3f}", value);
  if (unit != "ns") return without_zeros(three_digits(value));
  const Scale& scale = scale_of(value, kTimes);
  // A nanosecond is about as fine as clocks are.
  const bool whole = scale.size == 1 && std::fabs(value) >= 10;
  return fmt::format(
      "{} {}", whole ? fmt::format("{:.0f}", value) : three_digits(value / scale.size), scale.unit);
}

std::string human_factor(double factor) {
  const int digits = factor >= 9.95 ? 0 : factor >= 0.995 ? 1 : factor >= 0.0995 ? 2 : 3;
  return fmt::format("{:.{}f}×", factor, digits);
}

std::string spaced(const std::string& value) {
  const size_t unit = value.find_first_not_of("0123456789");
  const bool is_size = unit != 0 && unit != std::string::npos && value.ends_with("iB");
  return is_size ? value.substr(0, unit) + " " + value.substr(unit) : value;
}

std::string replace_all(std::string text, std::string_view placeholder, std::string_view by) {
  for (size_t at = text.find(placeholder); at != std::string::npos;
       at = text.find(placeholder, at + by.size())) {
    text.replace(at, placeholder.size(), by);
  }
  return text;
}

std::string printable(std::string text) {
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  for (size_t i = 0; i < text.size(); ++i) {
    if ((byte(i) < 0x20 && text[i] != '\n' && text[i] != '\t') || byte(i) == 0x7f) text[i] = '?';
    // U+0080 to U+009F, as UTF-8; 0x9b begins a sequence as ESC [ does.
    const bool c1 =
        byte(i) == 0xc2 && i + 1 < text.size() && byte(i + 1) >= 0x80 && byte(i + 1) < 0xa0;
    if (c1) text.replace(i, 2, "?");
  }
  return text;
}

std::vector<std::string> wrap(const std::string& title, size_t indent,
                              const std::vector<std::string>& parts, std::string_view separator,
                              size_t width) {
  const size_t rest = width > indent ? width - indent : 1;
  const auto padded = [&](const std::string& text) {
    return text + std::string(indent - std::min(indent, width_of(text)), ' ');
  };
  std::vector<std::string> lines = {padded(title)};
  std::string line;
  const auto end_line = [&] {
    lines.back() += line;
    line.clear();
    lines.push_back(padded(""));
  };
  const std::string_view mark = separator.substr(0, separator.find_last_not_of(' ') + 1);
  for (const std::string& part : parts) {
    // What follows a part on its line when another comes: ",".
    const size_t after = &part == &parts.back() ? 0 : mark.size();
    if (!line.empty()) {
      const bool fits = width_of(line) + separator.size() + width_of(part) + after <= rest;
      line += fits ? separator : mark;
      if (!fits) end_line();
    }
    const std::vector<std::string> pieces = break_at_spaces(part, rest - std::min(rest, after));
    for (size_t i = 0; i < pieces.size(); ++i) {
      if (i > 0) end_line();
      line += pieces[i];
    }
  }
  lines.back() += line;
  return lines;
}

void append(Lines& lines, Lines more) {
  lines.insert(lines.end(), std::make_move_iterator(more.begin()),
               std::make_move_iterator(more.end()));
}

size_t indent_of(const std::vector<Entry>& entries) {
  size_t indent = 0;
  for (const Entry& entry : entries) indent = std::max(indent, width_of(entry.title) + 2);
  return indent;
}

Lines wrap(const Entry& entry, size_t indent, size_t width) {
  return wrap(entry.title, indent, entry.parts, entry.separator, width);
}

std::string plural(size_t count, const char* thing) {
  return fmt::format("{} {}{}", count, thing, count == 1 ? "" : "s");
}

size_t Grid::width() const {
  return std::accumulate(widths.begin(), widths.end(), size_t{0}) + gap * (widths.size() - 1);
}

std::string Grid::line(const TextRow& row) const {
  std::string text;
  for (size_t i = 0; i < row.size(); ++i) {
    const std::string padding(widths[i] - std::min(widths[i], width_of(row[i])), ' ');
    text += i == 0 ? row[i] + padding : std::string(gap, ' ') + padding + row[i];
  }
  text.erase(text.find_last_not_of(' ') + 1);
  return text;
}

Grid make_grid(const std::vector<TextRow>& rows, size_t width) {
  Grid grid;
  for (const TextRow& row : rows) {
    grid.widths.resize(std::max(grid.widths.size(), row.size()));
    for (size_t i = 0; i < row.size(); ++i) {
      grid.widths[i] = std::max(grid.widths[i], width_of(row[i]));
    }
  }
  if (grid.width() > width) grid.gap = 1;
  return grid;
}

std::optional<size_t> terminal_width(int descriptor) {
  winsize size{};
  if (ioctl(descriptor, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return std::nullopt;
  return size.ws_col;
}

}  // namespace forkcost::runner
