#include "harness/runner/merge.h"

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <numeric>

#include "harness/result_document.h"
#include "harness/runner/bench.h"
#include "harness/warnings.h"

namespace forkcost::runner {
namespace {

uint64_t largest_heap(const Plan& plan) {
  uint64_t largest = 0;
  for (const PlannedCase& c : plan.cases) largest = std::max(largest, c.heap_bytes());
  return largest;
}

double seconds_of(const std::vector<Record*>& records) {
  return std::accumulate(records.begin(), records.end(), 0.0,
                         [](double sum, const Record* record) { return sum + record->seconds; });
}

Json describe_run(const Plan& plan, size_t side, const RunFacts& facts, const Json& bench_run) {
  Json run = {{"program", "forkcost-run"}, {"command", facts.command}};
  run.update(describe_settings(plan.settings, KeptIn::kRunnersFile));
  if (const auto rounds = plan.planned_rounds()) run["rounds"] = *rounds;
  run["rounds_done"] = facts.rounds_done;
  if (!run.contains("cpu") && bench_run.contains("cpu")) run["cpu"] = bench_run["cpu"];
  if (!plan.sides.empty()) {
    run["interleaved"] = {{"session", plan.session}, {"side", side_name(side)}};
    if (!plan.sides[side].setting.empty()) run["setting"] = plan.sides[side].setting;
  }
  for (const std::string& label : plan.settings.get<"--label">()) {
    const size_t end = label.find('=');
    run["label"][label.substr(0, end)] = label.substr(end + 1);
  }
  if (!facts.until.is_null()) run["until"] = facts.until;
  run["started"] = plan.started;
  run["interrupted"] = facts.interrupted;
  return run;
}

Json merge_context(const Plan& plan, size_t side, const Json& bench_context,
                   const RunFacts& facts) {
  Json context = bench_context.is_null() ? Json{{"date", plan.started}} : bench_context;
  context["executable"] = facts.program;
  Json theirs = context.value("forkcost", Json::object());
  // Rights and limits as the bench program has them; the load only we watched.
  Json environment = facts.environment;
  environment.merge_patch(theirs.value("environment", Json::object()));
  if (facts.environment.contains("load")) environment["load"] = facts.environment["load"];
  theirs["schema"] = kSchema;
  if (!theirs.contains("suite")) theirs["suite"] = plan.suite;  // a side may be of another build
  theirs["run"] = describe_run(plan, side, facts, theirs.value("run", Json::object()));
  theirs["environment"] = environment;
  if (!plan.answer.empty()) theirs["answer"] = plan.answer;
  theirs["warnings"] =
      Json(to_json(find_warnings(nlohmann::json(environment), largest_heap(plan))));
  context["forkcost"] = std::move(theirs);
  return context;
}

}  // namespace

Json merge(JournalContents& journal, const RunFacts& facts, size_t side) {
  std::map<std::string, size_t> index_of;
  for (const PlannedCase& c : journal.plan.cases) {
    if (c.side == side) index_of.emplace(c.name, index_of.size());
  }
  std::vector<Record*> sorted;
  for (Record& record : journal.records) {
    if (record.side == side) sorted.push_back(&record);
  }
  const auto place = [&](const Record* record) {
    return std::pair{index_of.at(record->entry.at("name").get<std::string>()), record->round};
  };
  std::sort(sorted.begin(), sorted.end(),
            [&](const Record* a, const Record* b) { return place(a) < place(b); });

  const Tables& tables = journal.plan.tables.at(side);
  DocumentBuilder builder(tables.axes, tables.quantities, tables.yardsticks);
  const double seconds = seconds_of(sorted);
  for (Record* record : sorted) {
    Json entry = std::move(record->entry);
    const auto samples = facts.samples.find(entry.at("name").get<std::string>());
    if (samples != facts.samples.end() && status_of(entry) == "ok" &&
        entry.value("iterations", size_t{0}) != samples->second) {
      continue;
    }
    entry["repetition_index"] = record->round;
    if (status_of(entry) == "ok") entry["repetitions"] = facts.rounds_done;
    builder.add(std::move(entry));
  }
  Json context = merge_context(journal.plan, side, journal.contexts[side], facts);
  context["forkcost"]["run"]["seconds"] = short_number(seconds, 3);
  return builder.finish(std::move(context));
}

}  // namespace forkcost::runner
