#include "harness/runner/plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <numeric>
#include <random>
#include <regex>
#include <set>
#include <utility>

#include "harness/answer_rows.h"
#include "harness/error.h"
#include "harness/result_document.h"
#include "harness/runner/looks.h"

namespace forkcost::runner {
namespace {

// Programs of before there were any, and their journals, have no such table.
Json yardsticks_in(const Json& tables) {
  return tables.value("yardsticks", Json::object());
}

}  // namespace

void add_tables(Tables& tables, const Tables& more, const std::string& program) {
  const auto add = [&](Json& rows, const Json& others, const char* what) {
    for (const auto& [name, row] : others.items()) {
      if (!rows.contains(name)) {
        rows[name] = row;
        continue;
      }
      Json known = rows[name], other = row;
      for (Json* one : {&known, &other}) {
        if (one->contains("step")) (*one)["step"] = true;
      }
      if (known == other) continue;
      throw UsageError(fmt::format(
          "{} and the programs before it do not agree on what the {} '{}' is: {} and {}; build "
          "all of them anew",
          program, what, name, to_text(row), to_text(rows[name])));
    }
  };
  add(tables.axes, more.axes, "axis");
  add(tables.quantities, more.quantities, "quantity");
  add(tables.yardsticks, more.yardsticks, "yardstick");
}

CaseList parse_case_list(std::string_view text, const std::string& binary) {
  CaseList list;
  try {
    const Json printed = Json::parse(text);
    if (const int schema = printed.value("schema", 1); schema != kSchema) {
      throw UsageError(
          fmt::format("{} is of another version of forkcost: it writes result files of schema {}, "
                      "and this is for schema {}; build both from one version",
                      binary, schema, kSchema));
    }
    list.tables = {printed.at("axes"), printed.at("quantities"), yardsticks_in(printed)};
    for (const Json& description : printed.at("cases")) {
      list.cases.push_back({description.at("name").get<std::string>(), binary, description});
    }
    list.answer = printed.value("answer", Json::array());
  } catch (const Json::exception& error) {
    throw UsageError(fmt::format(
        "{} --list-cases does not print a list of cases ({}); is it a program of this suite?",
        binary, error.what()));
  }
  try {
    parse_answer(nlohmann::json(list.answer));  // an end that cannot be shown is told before
  } catch (const UsageError& error) {
    throw UsageError(
        fmt::format("{} --list-cases: the answer that it declares: {}; is it of the "
                    "same build as forkcost-run?",
                    binary, error.what()));
  }
  return list;
}

std::vector<PlannedCase> filter_cases(const std::vector<PlannedCase>& cases,
                                      const std::string& filter) {
  std::vector<PlannedCase> found;
  try {
    const std::regex pattern(filter);
    std::copy_if(cases.begin(), cases.end(), std::back_inserter(found), [&](const PlannedCase& c) {
      return std::regex_search(c.name, pattern) ||
             std::regex_search(c.description.value("full_name", c.name), pattern);
    });
  } catch (const std::regex_error& error) {
    throw UsageError(
        fmt::format("--filter '{}' is not a regular expression: {}", filter, error.what()));
  }
  return found;
}

void require_unique(const std::vector<PlannedCase>& cases) {
  std::set<std::pair<size_t, std::string_view>> names;
  for (const PlannedCase& c : cases) {
    if (!names.emplace(c.side, c.name).second) {
      throw UsageError(
          fmt::format("there are two cases '{}'; is there an old program in the "
                      "directory of the bench_* programs?",
                      c.name));
    }
  }
}

std::vector<PlannedCase> pair_cases(const std::vector<PlannedCase>& cases,
                                    std::vector<PlannedCase>& alone) {
  std::array<std::map<std::string, size_t>, 2> places;
  for (size_t i = 0; i < cases.size(); ++i) places[cases[i].side].emplace(cases[i].name, i);
  std::vector<PlannedCase> paired;
  for (const PlannedCase& c : cases) {
    (places[1 - c.side].count(c.name) > 0 ? paired : alone).push_back(c);
  }
  const auto place = [&](const PlannedCase& c) { return std::pair{places[0].at(c.name), c.side}; };
  std::stable_sort(paired.begin(), paired.end(),
                   [&](const PlannedCase& x, const PlannedCase& y) { return place(x) < place(y); });
  return paired;
}

int Plan::min_rounds() const {
  if (until()) return pilot_rounds() + pairs_at(0);
  return settings.get<"--rounds">().value_or(preset().min_rounds);
}

int Plan::max_rounds() const {
  if (until()) return pilot_rounds() + pairs_at(kLooks - 1);
  return settings.get<"--rounds">().value_or(preset().max_rounds);
}

double Plan::target_seconds() const {
  constexpr double kUntilSeconds = 600;
  if (until()) {
    const std::string& most = settings.get<"--max-time">();
    return most.empty() ? kUntilSeconds : parse_duration(most);
  }
  // As long for each side as for a run of its own.
  return settings.get<"--rounds">() ? 0
                                    : preset().target_seconds * static_cast<double>(side_count());
}

Json to_json(const Plan& plan) {
  Json json = {{"schema", kSchema}};
  json.update(describe_settings(plan.settings, KeptIn::kJournal));
  json["suite"] = plan.suite;
  json["kernel"] = plan.kernel;
  json["started"] = plan.started;
  if (!plan.sides.empty()) json["session"] = plan.session;
  for (const InterleavedSide& side : plan.sides) {
    json["sides"].push_back(
        {{"directory", side.directory}, {"setting", side.setting}, {"built", side.built}});
  }
  json["tables"] = Json::array();
  for (const Tables& tables : plan.tables) {
    json["tables"].push_back({{"axes", tables.axes},
                              {"quantities", tables.quantities},
                              {"yardsticks", tables.yardsticks}});
  }
  json["answer"] = plan.answer;
  json["cases"] = Json::array();
  for (const PlannedCase& c : plan.cases) {
    Json item = {{"binary", c.binary}, {"case", c.description}};
    if (!plan.sides.empty()) item["side"] = side_name(c.side);
    json["cases"].push_back(std::move(item));
  }
  return json;
}

Plan parse_plan(const Json& json) {
  if (const int schema = json.value("schema", 1); schema != kSchema) {
    throw UsageError(fmt::format(
        "the journal is of schema {}, and this program writes schema {}: go on with the "
        "version of forkcost-run that began it, or start over with --force instead of --resume",
        schema, kSchema));
  }
  Plan plan;
  plan.settings = parse_settings(json);
  plan.suite = json.at("suite");
  json.at("kernel").get_to(plan.kernel);
  json.at("started").get_to(plan.started);
  plan.session = json.value("session", "");
  for (const Json& side : json.value("sides", Json::array())) {
    plan.sides.push_back({side.at("directory").get<std::string>(),
                          side.at("setting").get<std::string>(), side.at("built").get<int64_t>()});
  }
  for (const Json& tables : json.at("tables")) {
    plan.tables.push_back({tables.at("axes"), tables.at("quantities"), yardsticks_in(tables)});
  }
  plan.answer = json.value("answer", Json::array());
  for (const Json& item : json.at("cases")) {
    const Json& description = item.at("case");
    plan.cases.push_back({description.at("name").get<std::string>(),
                          item.at("binary").get<std::string>(), description, parse_side(item)});
  }
  return plan;
}

void require_same(const Plan& journal, const Plan& now, bool seed_given) {
  Json before = to_json(journal);
  Json after = to_json(now);
  for (Json* plan : {&before, &after}) {
    plan->erase("cases");
    plan->erase("tables");
    plan->erase("answer");
    plan->erase("started");
    plan->erase("session");
    if (!seed_given) plan->erase("seed");
  }
  std::set<std::string> keys;
  for (const Json* plan : {&before, &after}) {
    for (const auto& item : plan->items()) keys.insert(item.key());
  }
  std::string differences;
  for (const std::string& key : keys) {
    const Json was = before.value(key, Json("not given"));
    const Json is = after.value(key, Json("not given"));
    if (was != is) {
      differences +=
          fmt::format("\n  {}: {} in the journal, {} now", key, to_text(was), to_text(is));
    }
  }
  if (differences.empty()) return;
  throw UsageError("the journal is that of another run:" + differences +
                   "\nGive the flags of that run, or start over with --force instead of --resume");
}

std::vector<std::vector<size_t>> make_orders(size_t cases, size_t sides, int rounds,
                                             uint64_t seed) {
  std::mt19937_64 generator(seed);
  std::vector<std::vector<size_t>> orders;
  std::vector<size_t> first(cases, 0);  // side of each case
  for (int round = 0; round < rounds; ++round) {
    std::vector<size_t> shuffled(cases);
    std::iota(shuffled.begin(), shuffled.end(), size_t{0});
    // Fisher-Yates; the modulus' bias is below 1e-15 for any number of cases that we may have.
    for (size_t i = cases; i > 1; --i) std::swap(shuffled[i - 1], shuffled[generator() % i]);
    if (sides > 1) {
      for (size_t& side : first) side = round % 2 == 0 ? generator() % sides : (side + 1) % sides;
    }
    std::vector<size_t>& order = orders.emplace_back();
    for (const size_t i : shuffled) {
      for (size_t k = 0; k < sides; ++k) order.push_back(sides * i + (first[i] + k) % sides);
    }
  }
  return orders;
}

}  // namespace forkcost::runner
