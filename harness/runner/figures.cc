#include "harness/runner/figures.h"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>

#include "harness/error.h"
#include "harness/runner/fit.h"
#include "harness/runner/text.h"
#include "harness/size.h"

namespace forkcost::runner {
namespace {

const Json kNull;

// By view: GCC 14 takes the reference for one into a string made for the call.
const Json& member(const Json& object, std::string_view key) {
  const auto found = object.find(key);
  return found == object.end() ? kNull : *found;
}

Axes axes_of(const Json& entry) {
  Axes axes;
  for (const auto& axis : member(entry, "axes").items()) {
    axes[axis.key()] = axis.value().get<std::string>();
  }
  return axes;
}

// Of an even number the middle between two.
std::optional<double> median_of(std::vector<double> values) {
  if (values.empty()) return std::nullopt;
  std::sort(values.begin(), values.end());
  const size_t middle = values.size() / 2;
  return values.size() % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
}

bool is_size(const std::string& value) {
  return value.ends_with("iB");
}

std::vector<Point> points_over(const std::vector<const MeasuredCase*>& cases,
                               const AnswerFigure& figure) {
  std::vector<Point> points;
  for (const MeasuredCase* one : cases) {
    const auto axis = one->axes.find(figure.over);
    const auto x = axis == one->axes.end() ? std::nullopt : number_of(axis->second);
    const auto y = one->median(figure.quantity);
    if (x && y) points.emplace_back(*x, *y);
  }
  return points;
}

std::optional<Reduced> reduce_crossing(const std::vector<const MeasuredCase*>& cases,
                                       const AnswerFigure& figure) {
  const auto crossed = crossing(points_over(cases, figure), figure.at);
  if (!crossed) return std::nullopt;
  const bool sizes = std::any_of(cases.begin(), cases.end(), [&](const MeasuredCase* one) {
    return is_size(one->axes.at(figure.over));
  });
  const std::string text = human(crossed->x, sizes ? "bytes" : "1");
  switch (crossed->where) {
    case Crossing::Where::kBelow:
      return Reduced{"already at " + text, std::nullopt, ""};
    case Crossing::Where::kAbove:
      return Reduced{"beyond " + text, std::nullopt, ""};
    case Crossing::Where::kAt:
      break;
  }
  return Reduced{"at " + text, crossed->x, ""};
}

// The only one. Of several none: which one is meant nobody said.
const MeasuredCase* only(const std::vector<const MeasuredCase*>& cases) {
  return cases.size() == 1 ? cases.front() : nullptr;
}

std::optional<Reduced> reduce_speedup(const Figures& run, const AnswerFigure& figure, double its) {
  AnswerFigure other = figure;
  for (const auto& [axis, value] : figure.to) other.axes[axis] = value;
  const MeasuredCase* const base = only(run.select(other));
  const auto theirs = base == nullptr ? std::nullopt : base->median(figure.quantity);
  if (!theirs || its <= 0) return std::nullopt;
  return Reduced{human_factor(*theirs / its), *theirs / its, ""};
}

}  // namespace

std::optional<double> number_of(const std::string& axis_value) {
  try {
    return static_cast<double>(parse_size(axis_value));
  } catch (const UsageError&) {
    return std::nullopt;
  }
}

bool MeasuredCase::has(const std::string& quantity) const {
  return std::any_of(rounds.begin(), rounds.end(), [&](const Json* round) {
    return member(*round, "quantities").contains(quantity);
  });
}

std::string MeasuredCase::unit(const std::string& quantity) const {
  for (const Json* round : rounds) {
    const Json& found = member(member(*round, "quantities"), quantity);
    if (!found.is_null()) return found.value("unit", "ns");
  }
  return "ns";
}

std::optional<double> MeasuredCase::over_rounds(const std::string& quantity,
                                                const char* statistic) const {
  std::vector<double> values;
  for (const Json* round : rounds) {
    const Json& found = member(member(*round, "quantities"), quantity);
    const Json& value = found.is_null() ? kNull : member(found, statistic);
    if (value.is_number()) values.push_back(value.get<double>());
  }
  return median_of(std::move(values));
}

Figures::Figures(const Json& document)
    : document_(document), about_(document.at("context").at("forkcost")) {
  std::map<std::string, size_t> places;
  for (const Json& entry : document.at("benchmarks")) {
    const std::string name = entry.at("name").get<std::string>();
    const auto [place, is_new] = places.emplace(name, cases_.size());
    if (is_new) cases_.push_back({name, entry.value("benchmark", ""), axes_of(entry), {}});
    cases_[place->second].rounds.push_back(&entry);
  }
  const Json& axes = member(about_, "axes");
  for (const auto& axis : axes.items()) {
    const Json& value = member(axis.value(), "default");
    if (value.is_string()) defaults_[axis.key()] = value.get<std::string>();
  }
  // In schema 2 what is the same in all rounds, `benchmark` among it, stands once.
  for (MeasuredCase& one : cases_) {
    if (!one.benchmark.empty()) continue;
    const Json& benchmark = of_case(one, "benchmark");
    one.benchmark = benchmark.is_string() ? benchmark.get<std::string>()
                                          : one.name.substr(0, one.name.find('/'));
  }
}

const Json& Figures::of_case(const MeasuredCase& which, const char* key) const {
  const Json& own = member(*which.rounds.front(), key);
  if (!own.is_null()) return own;
  const Json& table = member(about_, "cases");
  const Json& shared = table.is_null() ? kNull : member(table, which.name);
  return shared.is_null() ? kNull : member(shared, key);
}

std::string Figures::primary(const MeasuredCase& which, const char* key) const {
  const Json& found = of_case(which, key);
  return found.is_string() ? found.get<std::string>() : "";
}

bool Figures::matches(const MeasuredCase& which, const AnswerFigure& figure,
                      const std::string& free) const {
  if (which.benchmark != figure.benchmark) return false;
  // A file may be damaged, or of another suite.
  if (!free.empty() && which.axes.count(free) == 0) return false;
  for (const auto& [axis, value] : figure.axes) {
    const auto found = which.axes.find(axis);
    if (axis != free && (found == which.axes.end() || found->second != value)) return false;
  }
  return std::all_of(which.axes.begin(), which.axes.end(), [&](const auto& axis) {
    const auto usual = defaults_.find(axis.first);
    return axis.first == free || figure.axes.count(axis.first) > 0 || usual == defaults_.end() ||
           axis.second == usual->second;
  });
}

std::vector<const MeasuredCase*> Figures::select(const AnswerFigure& figure,
                                                 const std::string& free) const {
  std::vector<const MeasuredCase*> found;
  for (const MeasuredCase& one : cases_) {
    if (matches(one, figure, free) && one.has(figure.quantity)) found.push_back(&one);
  }
  return found;
}

AnswerFigure complete(const AnswerFigure& figure, const AnswerRow& row,
                      const AnswerSection& section) {
  const auto first = [](const std::string& a, const std::string& b, const std::string& c) {
    return !a.empty() ? a : !b.empty() ? b : c;
  };
  AnswerFigure whole = figure;
  whole.benchmark = first(figure.benchmark, row.benchmark, section.benchmark);
  whole.quantity = first(figure.quantity, row.quantity, section.quantity);
  // Another benchmark has other axes. insert() keeps what is there already.
  if (!figure.benchmark.empty()) return whole;
  whole.axes.insert(row.axes.begin(), row.axes.end());
  if (row.benchmark.empty()) whole.axes.insert(section.axes.begin(), section.axes.end());
  return whole;
}

void set_largest(const Figures& run, const std::vector<AnswerFigure*>& figures) {
  std::map<std::string, std::string> largest;
  for (const AnswerFigure* figure : figures) {
    for (const auto& [axis, value] : figure->axes) {
      if (value != kLargest) continue;
      for (const MeasuredCase* one : run.select(*figure, axis)) {
        const std::string& its = one->axes.at(axis);
        std::string& most = largest.try_emplace(axis, its).first->second;
        if (number_of(its).value_or(0) > number_of(most).value_or(0)) most = its;
      }
    }
  }
  for (AnswerFigure* figure : figures) {
    for (auto& [axis, value] : figure->axes) {
      const auto found = largest.find(axis);
      if (value == kLargest && found != largest.end()) value = found->second;
    }
  }
}

std::optional<Reduced> reduce(const Figures& run, const AnswerFigure& figure) {
  const auto cases = run.select(figure, figure.over);
  if (cases.empty()) return std::nullopt;
  const std::string unit = cases.front()->unit(figure.quantity);
  if (figure.reduce == Reduce::kSlope) {
    const auto found = slope(points_over(cases, figure));
    if (!found) return std::nullopt;
    return Reduced{human(*found * figure.per, unit), *found * figure.per, unit};
  }
  if (figure.reduce == Reduce::kCrossing) return reduce_crossing(cases, figure);
  const MeasuredCase* const one = only(cases);
  const auto value = one == nullptr ? std::nullopt : one->median(figure.quantity);
  if (!value) return std::nullopt;
  if (figure.reduce == Reduce::kSpeedup) return reduce_speedup(run, figure, *value);
  return Reduced{human(*value, unit), *value, unit};
}

}  // namespace forkcost::runner
