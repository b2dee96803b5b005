// What the end of a run says: figures that each benchmark's .cc declares as data. The runner reads,
// reduces and lays them out, and knows none of them by name (harness/README.md, "The answer").
#pragma once

#include <cstdint>
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

namespace forkcost {

using Axes = std::map<std::string, std::string>;

// As the value of an axis: the largest that the run has.
inline constexpr const char* kLargest = "largest";

// How the cases that a figure selects become one.
enum class Reduce : uint8_t {
  kValue,     // of one case: the median over rounds of their medians
  kSpeedup,   // how many times as long another case takes, which differs by the axes `to`
  kSlope,     // what `per` units of the axis `over` add
  kCrossing,  // the value of the axis `over` at which the quantity passes `at`
};

// What a figure leaves empty is that of its row, and then that of its section: its benchmark, its
// quantity, and, unless it names a benchmark of its own, each axis that it does not name.
struct AnswerFigure {
  std::string title = {};  // of a table's column
  std::string group = {};  // a heading over neighbouring columns of a table
  std::string text = {};   // in a line, around the figure: "{} per GiB"; {heap} is its axis' value
  std::string benchmark = {};
  Axes axes = {};
  std::string quantity = {};
  Reduce reduce = Reduce::kValue;
  Axes to = {};
  std::string over = {};
  double per = 1;
  double at = 0;
  double goal = 0;  // 0: none; a figure above it is bad news
};

struct AnswerRow {
  std::string title = {};
  std::string benchmark = {};
  Axes axes = {};
  std::string quantity = {};
  std::vector<AnswerFigure> figures = {};  // of a line; those of a table are its columns
};

enum class Layout : uint8_t {
  kTable,  // rows by columns
  kLines,  // each row a title and its figures in a sentence
  kTrust,  // figures for the line that says how far to trust the run
  kCount,  // cases that are no figures here: how many were measured, in `text`: "{} of {total}"
};

struct AnswerSection {
  std::string title = {};
  int place = 0;  // the smallest comes first
  Layout layout = Layout::kLines;
  std::string benchmark = {};
  Axes axes = {};
  std::string quantity = {};
  std::string text = {};
  std::vector<AnswerFigure> columns = {};
  std::vector<AnswerRow> rows = {};
};

// Those of this bench program. Defined by the benchmark's .cc.
std::vector<AnswerSection> answer_sections();

nlohmann::json to_json(const std::vector<AnswerSection>& sections);

// Throws UsageError for what to_json() does not write.
std::vector<AnswerSection> parse_answer(const nlohmann::json& sections);

}  // namespace forkcost
