#include "harness/answer_rows.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <string_view>
#include <utility>

#include "harness/error.h"

namespace forkcost {
namespace {

using nlohmann::json;

constexpr std::array<const char*, 4> kReductions = {"value", "speedup", "slope", "crossing"};
constexpr std::array<const char*, 4> kLayouts = {"table", "lines", "trust", "count"};

template <typename Enum, size_t N>
void read_word(const json& object, const char* key, const std::array<const char*, N>& words,
               Enum& value) {
  const auto found = object.find(key);
  if (found == object.end()) return;
  for (size_t i = 0; i < N; ++i) {
    if (*found == words[i]) {
      value = static_cast<Enum>(i);
      return;
    }
  }
  throw UsageError(fmt::format("'{}': {} is not known", key, found->dump()));
}

// A key stands only where it says something.
template <typename T>
void put(json& object, const char* key, const T& value) {
  if (value != T{}) object[key] = value;
}

template <typename T>
void get(const json& object, const char* key, T& value) {
  if (const auto found = object.find(key); found != object.end()) found->get_to(value);
}

// A newer program's rows would be shown wrong, not less, by one that skips what it does not know.
void require_known(const json& object, std::initializer_list<std::string_view> known) {
  for (const auto& item : object.items()) {
    if (std::find(known.begin(), known.end(), item.key()) == known.end()) {
      throw UsageError(fmt::format("the key '{}' is not known", item.key()));
    }
  }
}

json write(const AnswerFigure& figure) {
  json object = json::object();
  put(object, "title", figure.title);
  put(object, "group", figure.group);
  put(object, "text", figure.text);
  put(object, "benchmark", figure.benchmark);
  put(object, "axes", figure.axes);
  put(object, "quantity", figure.quantity);
  if (figure.reduce != Reduce::kValue) {
    object["reduce"] = kReductions.at(static_cast<size_t>(figure.reduce));
  }
  put(object, "to", figure.to);
  put(object, "over", figure.over);
  if (figure.per != 1) object["per"] = figure.per;
  put(object, "at", figure.at);
  put(object, "goal", figure.goal);
  return object;
}

AnswerFigure read_figure(const json& object) {
  require_known(object, {"title", "group", "text", "benchmark", "axes", "quantity", "reduce", "to",
                         "over", "per", "at", "goal"});
  AnswerFigure figure;
  get(object, "title", figure.title);
  get(object, "group", figure.group);
  get(object, "text", figure.text);
  get(object, "benchmark", figure.benchmark);
  get(object, "axes", figure.axes);
  get(object, "quantity", figure.quantity);
  read_word(object, "reduce", kReductions, figure.reduce);
  get(object, "to", figure.to);
  get(object, "over", figure.over);
  get(object, "per", figure.per);
  get(object, "at", figure.at);
  get(object, "goal", figure.goal);
  return figure;
}

json write(const AnswerRow& row) {
  json object = {{"title", row.title}};
  put(object, "benchmark", row.benchmark);
  put(object, "axes", row.axes);
  put(object, "quantity", row.quantity);
  for (const AnswerFigure& figure : row.figures) object["figures"].push_back(write(figure));
  return object;
}

AnswerRow read_row(const json& object) {
  require_known(object, {"title", "benchmark", "axes", "quantity", "figures"});
  AnswerRow row;
  get(object, "title", row.title);
  get(object, "benchmark", row.benchmark);
  get(object, "axes", row.axes);
  get(object, "quantity", row.quantity);
  for (const json& figure : object.value("figures", json::array())) {
    row.figures.push_back(read_figure(figure));
  }
  return row;
}

json write(const AnswerSection& section) {
  json object = {{"title", section.title},
                 {"place", section.place},
                 {"layout", kLayouts.at(static_cast<size_t>(section.layout))}};
  put(object, "benchmark", section.benchmark);
  put(object, "axes", section.axes);
  put(object, "quantity", section.quantity);
  put(object, "text", section.text);
  for (const AnswerFigure& column : section.columns) object["columns"].push_back(write(column));
  for (const AnswerRow& row : section.rows) object["rows"].push_back(write(row));
  return object;
}

AnswerSection read_section(const json& object) {
  require_known(object, {"title", "place", "layout", "benchmark", "axes", "quantity", "text",
                         "columns", "rows"});
  AnswerSection section;
  get(object, "title", section.title);
  get(object, "place", section.place);
  read_word(object, "layout", kLayouts, section.layout);
  get(object, "benchmark", section.benchmark);
  get(object, "axes", section.axes);
  get(object, "quantity", section.quantity);
  get(object, "text", section.text);
  for (const json& column : object.value("columns", json::array())) {
    section.columns.push_back(read_figure(column));
  }
  for (const json& row : object.value("rows", json::array())) section.rows.push_back(read_row(row));
  return section;
}

}  // namespace

json to_json(const std::vector<AnswerSection>& sections) {
  json list = json::array();
  for (const AnswerSection& section : sections) list.push_back(write(section));
  return list;
}

std::vector<AnswerSection> parse_answer(const json& sections) {
  std::vector<AnswerSection> parsed;
  try {
    for (const json& section : sections) parsed.push_back(read_section(section));
  } catch (const json::exception& error) {
    throw UsageError(error.what());
  }
  return parsed;
}

}  // namespace forkcost
