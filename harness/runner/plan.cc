#include "harness/runner/plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>
#include <random>
#include <regex>
#include <set>
#include <utility>

#include "harness/error.h"

namespace forkcost::runner {

std::vector<Case> parse_case_list(std::string_view text, const std::string& binary) {
  std::vector<Case> cases;
  try {
    const Json list = Json::parse(text);
    for (const Json& description : list.at("cases")) {
      cases.push_back({description.at("name").get<std::string>(), binary, description});
    }
  } catch (const Json::exception& error) {
    throw UsageError(fmt::format(
        "{} --list-cases does not print a list of cases ({}); is it a program of this suite?",
        binary, error.what()));
  }
  return cases;
}

std::vector<Case> filter_cases(const std::vector<Case>& cases, const std::string& filter) {
  std::vector<Case> found;
  try {
    const std::regex pattern(filter);
    std::copy_if(cases.begin(), cases.end(), std::back_inserter(found),
                 [&](const Case& c) { return std::regex_search(c.name, pattern); });
  } catch (const std::regex_error& error) {
    throw UsageError(
        fmt::format("--filter '{}' is not a regular expression: {}", filter, error.what()));
  }
  return found;
}

Plan make_plan(const Options& options, uint64_t seed, Json suite, std::string kernel,
               std::string started, std::vector<Case> cases) {
  std::set<std::string_view> names;
  for (const Case& c : cases) {
    if (!names.insert(c.name).second) {
      throw UsageError(
          fmt::format("there are two cases '{}'; is there an old program in the "
                      "directory of the bench_* programs?",
                      c.name));
    }
  }
  return {.preset = options.preset,
          .filter = options.filter,
          .heap = options.heap,
          .max_heap = options.max_heap,
          .cpu = options.cpu,
          .exact_rounds = options.rounds,
          .counters = options.counters,
          .profile = options.profile,
          .seed = seed,
          .suite = std::move(suite),
          .kernel = std::move(kernel),
          .started = std::move(started),
          .cases = std::move(cases)};
}

Json to_json(const Plan& plan) {
  Json json = {{"preset", plan.preset},
               {"filter", plan.filter},
               {"heap", plan.heap},
               {"max_heap", plan.max_heap}};
  if (plan.cpu) json["cpu"] = *plan.cpu;
  if (plan.exact_rounds) json["exact_rounds"] = *plan.exact_rounds;
  if (plan.counters) json["counters"] = *plan.counters;
  if (plan.profile) json["profile"] = *plan.profile;
  json["seed"] = plan.seed;
  json["suite"] = plan.suite;
  json["kernel"] = plan.kernel;
  json["started"] = plan.started;
  json["cases"] = Json::array();
  for (const Case& c : plan.cases) {
    json["cases"].push_back({{"binary", c.binary}, {"case", c.description}});
  }
  return json;
}

Plan parse_plan(const Json& json) {
  Plan plan;
  json.at("preset").get_to(plan.preset);
  json.at("filter").get_to(plan.filter);
  json.at("heap").get_to(plan.heap);
  json.at("max_heap").get_to(plan.max_heap);
  if (json.contains("cpu")) plan.cpu = json["cpu"].get<int>();
  if (json.contains("exact_rounds")) plan.exact_rounds = json["exact_rounds"].get<int>();
  if (json.contains("counters")) plan.counters = json["counters"].get<std::string>();
  if (json.contains("profile")) plan.profile = json["profile"].get<std::string>();
  json.at("seed").get_to(plan.seed);
  plan.suite = json.at("suite");
  json.at("kernel").get_to(plan.kernel);
  json.at("started").get_to(plan.started);
  for (const Json& item : json.at("cases")) {
    const Json& description = item.at("case");
    plan.cases.push_back({description.at("name").get<std::string>(),
                          item.at("binary").get<std::string>(), description});
  }
  return plan;
}

void require_same(const Plan& journal, const Plan& now, bool seed_given) {
  Json before = to_json(journal);
  Json after = to_json(now);
  for (Json* plan : {&before, &after}) {
    plan->erase("cases");
    plan->erase("started");
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
                   "\nGive the flags of that run, or begin anew with --force instead of --resume");
}

std::vector<std::vector<size_t>> make_orders(size_t cases, int rounds, uint64_t seed) {
  std::mt19937_64 generator(seed);
  std::vector<std::vector<size_t>> orders;
  for (int round = 0; round < rounds; ++round) {
    std::vector<size_t>& order = orders.emplace_back(cases);
    std::iota(order.begin(), order.end(), size_t{0});
    // Fisher-Yates; the modulus' bias is below 1e-15 for any number of cases that we may have.
    for (size_t i = cases; i > 1; --i) std::swap(order[i - 1], order[generator() % i]);
  }
  return orders;
}

}  // namespace forkcost::runner
