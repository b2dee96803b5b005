// Text for a terminal: figures with units, and lines that fit its width.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace forkcost::runner {

// Columns that `text` takes: characters, not bytes (µ and – are two and three bytes).
size_t width_of(std::string_view text);

// At most `width` columns; a longer one ends in "…".
std::string cut(std::string_view text, size_t width);

// 1234567 ns -> "1.23 ms", 1536 bytes -> "1.5 KiB", ratio 1.0061 -> "1.006": three digits. Other
// units are counts, and get none.
std::string human(double value, const std::string& unit);

// How many times: "12×", "0.12×".
std::string human_factor(double factor);

// "256MiB" -> "256 MiB"; what is no size stays as it is.
std::string spaced(const std::string& value);

// `text` with every `placeholder` replaced.
std::string replace_all(std::string text, std::string_view placeholder, std::string_view by);

// `text` with a question mark for every control character but newline and tab: names out of a file
// of somebody else must not steer the terminal.
std::string printable(std::string text);

// Parts after a title, separated by `separator`, in lines of at most `width` columns; a new line
// begins below the first part. A part that alone is too long is broken at spaces.
std::vector<std::string> wrap(const std::string& title, size_t indent,
                              const std::vector<std::string>& parts, std::string_view separator,
                              size_t width);

using Lines = std::vector<std::string>;

void append(Lines& lines, Lines more);

// A titled line, before the width of all titles is known.
struct Entry {
  std::string title;
  std::vector<std::string> parts;
  std::string separator = ", ";
};

// Where what follows the titles begins.
size_t indent_of(const std::vector<Entry>& entries);

Lines wrap(const Entry& entry, size_t indent, size_t width);

// "1 case", "3 cases".
std::string plural(size_t count, const char* thing);

using TextRow = std::vector<std::string>;

// Columns as wide as their widest cell; two spaces apart, or one where two do not fit.
struct Grid {
  std::vector<size_t> widths;
  size_t gap = 2;

  size_t width() const;
  // The first cell to the left, the others to the right.
  std::string line(const TextRow& row) const;
};
Grid make_grid(const std::vector<TextRow>& rows, size_t width);

// Of the terminal behind `descriptor`; none where it is none, or does not say.
std::optional<size_t> terminal_width(int descriptor);

}  // namespace forkcost::runner
