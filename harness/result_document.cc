#include "harness/result_document.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <optional>
#include <set>
#include <string_view>
#include <utility>

#include "harness/error.h"
#include "harness/files.h"
#include "harness/gzip.h"
#include "harness/result_file.h"

namespace forkcost {
namespace {

// The keys of an entry that come first, in this order: what a reader of lines looks for.
constexpr auto kFirstKeys = std::to_array<const char*>(
    {"name", "run_type", "repetitions", "repetition_index", "iterations", "real_time", "cpu_time",
     "time_unit", "axes", "quantities", "yardsticks", "conditions", "parent", "warmup", "pid"});

// The keys of an entry that are the same in all rounds, and so stand in `cases`.
constexpr auto kCaseKeys =
    std::to_array<const char*>({"benchmark", "heap_bytes", "primary", "primary_cpu", "core"});

constexpr std::array<const char*, 4> kTables = {"axes", "quantities", "yardsticks", "cases"};

Json in_order(Json entry) {
  Json ordered = Json::object();
  for (const char* key : kFirstKeys) {
    if (entry.contains(key)) ordered[key] = std::move(entry[key]);
  }
  for (auto& [key, value] : entry.items()) {
    if (!ordered.contains(key)) ordered[key] = std::move(value);
  }
  return ordered;
}

// The checks of `checks` whose names' checks are others in `first`: they stand in place of these.
Json differing_checks(const Json& checks, const Json& first) {
  const auto named = [](const Json& list, const Json& name) {
    Json found = Json::array();
    for (const Json& check : list) {
      if (check.at("check") == name) found.push_back(check);
    }
    return found;
  };
  Json differing = Json::array();
  for (const Json& check : checks) {
    const Json& name = check.at("check");
    if (named(checks, name) != named(first, name)) differing.push_back(check);
  }
  return differing;
}

// All checks of a round: those of `own` stand in place of those with the same name in `first`.
Json merged_checks(const Json& first, const Json& own) {
  Json all = Json::array();
  std::set<std::string> placed;
  const auto place = [&](const std::string& name) {
    if (!placed.insert(name).second) return;
    for (const Json& check : own) {
      if (check.at("check") == name) all.push_back(check);
    }
  };
  const auto is_own = [&](const std::string& name) {
    return std::ranges::any_of(own, [&](const Json& check) { return check.at("check") == name; });
  };
  for (const Json& check : first) {
    const std::string name = check.at("check").get<std::string>();
    if (is_own(name)) {
      place(name);
    } else {
      all.push_back(check);
    }
  }
  for (const Json& check : own) place(check.at("check").get<std::string>());
  return all;
}

// Only the rows whose names were seen.
Json rows_of(const Json& table, const std::set<std::string>& seen) {
  Json rows = Json::object();
  for (const auto& [name, row] : table.items()) {
    if (seen.contains(name)) rows[name] = row;
  }
  return rows;
}

void append_rows(std::string& text, const Json& table) {
  const char* separator = "{\n";
  for (const auto& [name, row] : table.items()) {
    text += separator + to_text(Json(name)) + ":" + to_text(row);
    separator = ",\n";
  }
  text += table.empty() ? "{}" : "\n}";
}

void append_forkcost(std::string& text, const Json& forkcost) {
  const char* separator = "{\n";
  for (const auto& [key, value] : forkcost.items()) {
    text += separator + to_text(Json(key)) + ":";
    if (std::ranges::find(kTables, key) == kTables.end()) {
      text += to_text(value);
    } else {
      append_rows(text, value);
    }
    separator = ",\n";
  }
  text += "\n}";
}

}  // namespace

std::string status_of(const Json& entry) {
  const auto outcome = entry.find("outcome");
  return outcome == entry.end() ? "ok" : outcome->value("status", "");
}

Json self_contained(const Json& document, Json entry) {
  const Json& tables = document.at("context").at("forkcost");
  const Json row = tables.at("cases").value(entry.at("name").get<std::string>(), Json::object());
  for (const auto& [key, value] : row.items()) {
    if (key != "verification") entry[key] = value;
  }
  if (row.contains("verification") && status_of(entry) == "ok") {
    entry["verification"] =
        merged_checks(row["verification"], entry.value("verification", Json::array()));
  }
  const auto quantities = entry.find("quantities");
  if (quantities == entry.end()) return entry;
  for (auto& [name, quantity] : quantities->items()) {
    const Json& described = tables.at("quantities").at(name);
    if (described.contains("step") && !quantity.contains("step")) {
      quantity["step"] = described["step"];
    }
  }
  return entry;
}

DocumentBuilder::DocumentBuilder(const Json& axes, const Json& quantities, const Json& yardsticks)
    : axes_(axes), quantities_(quantities), yardsticks_(yardsticks) {}

void DocumentBuilder::note(Json& entry) {
  if (const auto axes = entry.find("axes"); axes != entry.end()) {
    for (const auto& [axis, value] : axes->items()) seen_axes_.insert(axis);
  }
  if (const auto yardsticks = entry.find("yardsticks"); yardsticks != entry.end()) {
    for (const auto& [name, values] : yardsticks->items()) seen_yardsticks_.insert(name);
  }
  const auto quantities = entry.find("quantities");
  if (quantities == entry.end()) return;
  for (auto& [name, quantity] : quantities->items()) {
    seen_quantities_.insert(name);
    // Of a process to whom the clock seemed finer or coarser than to the one that made the table.
    const auto step = quantity.find("step");
    const auto row = quantities_.find(name);
    if (step != quantity.end() && row != quantities_.end() && *step == row->value("step", 0)) {
      quantity.erase(step);
    }
  }
}

void DocumentBuilder::move_to_table(Json& entry) {
  Json& row = cases_[entry.at("name").get<std::string>()];
  const bool ok = status_of(entry) == "ok";
  for (const char* key : kCaseKeys) {
    const auto found = entry.find(key);
    if (found == entry.end()) continue;
    if (!row.contains(key)) row[key] = std::move(*found);
    entry.erase(found);
  }
  const auto checks = entry.find("verification");
  if (!ok || checks == entry.end()) return;  // what failed has all of its checks
  if (!row.contains("verification")) {
    row["verification"] = std::move(*checks);
    entry.erase(checks);
    return;
  }
  Json differing = differing_checks(*checks, row["verification"]);
  if (differing.empty()) {
    entry.erase(checks);
  } else {
    *checks = std::move(differing);
  }
}

void DocumentBuilder::add(Json entry) {
  note(entry);
  move_to_table(entry);
  if (status_of(entry) != "ok") {
    unmeasured_.push_back(in_order(std::move(entry)));
    return;
  }
  if (entry.contains("outcome") && entry["outcome"].size() == 1) entry.erase("outcome");
  benchmarks_.push_back(in_order(std::move(entry)));
}

Json DocumentBuilder::finish(Json context) {
  Json& ours = context["forkcost"];
  ours["axes"] = rows_of(axes_, seen_axes_);
  ours["quantities"] = rows_of(quantities_, seen_quantities_);
  if (Json rows = rows_of(yardsticks_, seen_yardsticks_); !rows.empty()) {
    ours["yardsticks"] = std::move(rows);
  }
  ours["cases"] = std::move(cases_);
  Json document = {{"context", std::move(context)}};
  document["benchmarks"] = std::move(benchmarks_);
  document["unmeasured"] = std::move(unmeasured_);
  return document;
}

std::string format_document(const Json& document) {
  std::string text = "{\n\"context\":";
  const char* separator = "{\n";
  for (const auto& [key, value] : document.at("context").items()) {
    text += separator + to_text(Json(key)) + ":";
    if (key == "forkcost") {
      append_forkcost(text, value);
    } else {
      text += to_text(value);
    }
    separator = ",\n";
  }
  text += "\n}";
  for (const char* list : {"benchmarks", "unmeasured"}) {
    text += fmt::format(",\n\"{}\":[", list);
    separator = "\n";
    for (const Json& entry : document.at(list)) {
      text += separator + to_text(entry);
      separator = ",\n";
    }
    text += "\n]";
  }
  text += "\n}\n";
  return text;
}

void write_document(const std::string& path, const Json& document) {
  const std::string text = format_document(document);
  write_atomically(path, path.ends_with(".gz") ? compress(text) : text);
}

namespace {

// What the end of a run and its table rely on.
void require_entries(const Json& document) {
  for (const char* list : {"benchmarks", "unmeasured"}) {
    for (const Json& entry : document.at(list)) {
      const std::string name = entry.at("name").get<std::string>();
      if (list == std::string_view("unmeasured")) {
        entry.at("outcome").at("status").get<std::string>();
      } else if (!entry.at("axes").is_object() || !entry.at("quantities").is_object()) {
        throw UsageError(fmt::format("axes or quantities of {} are no object", name));
      }
    }
  }
}

}  // namespace

Json read_document(const std::string& path) {
  std::optional<std::string> text = read_text_file(path);
  if (!text) throw UsageError(describe_errno("reading " + path, errno, "name a result file"));
  try {
    if (is_gzip(*text)) text = decompress(*text);
    Json document = Json::parse(*text);
    const int schema = document.at("context").at("forkcost").at("schema").get<int>();
    if (schema > kSchema) {
      throw UsageError(fmt::format(
          "schema {}, and this program reads up to schema {}; use a newer version of forkcost",
          schema, kSchema));
    }
    require_entries(document);
    return document;
  } catch (const Failure& failure) {
    throw UsageError(fmt::format("{}: {}", path, failure.what()));
  } catch (const UsageError& error) {
    throw UsageError(fmt::format("{}: {}", path, error.what()));
  } catch (const Json::exception& error) {
    throw UsageError(fmt::format("{}: not a result file of forkcost ({})", path, error.what()));
  }
}

}  // namespace forkcost
