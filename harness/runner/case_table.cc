#include "harness/runner/case_table.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <utility>

#include "harness/runner/bench.h"

namespace forkcost::runner {
namespace {

// The smallest share of a line that a name keeps: what is left of it still tells cases apart.
constexpr size_t kNameShare = 2;
constexpr const char* kNothing = "–";

struct Row {
  const Figures* run;
  const MeasuredCase* one;
};

// In the order of the first run's cases, the sides of each case together.
std::vector<Row> rows_of(const std::vector<Figures>& runs, const std::set<std::string>& without) {
  std::map<std::string, size_t> place;
  std::vector<Row> rows;
  for (const Figures& run : runs) {
    for (const MeasuredCase& one : run.cases()) {
      if (without.count(one.benchmark) > 0) continue;
      place.emplace(one.name, place.size());
      rows.push_back({&run, &one});
    }
  }
  std::stable_sort(rows.begin(), rows.end(), [&](const Row& a, const Row& b) {
    return place.at(a.one->name) < place.at(b.one->name);
  });
  return rows;
}

// Those of most cases first.
std::vector<std::string> quantities_of(const std::vector<Row>& rows) {
  std::map<std::string, size_t> cases_of;
  std::vector<std::string> quantities;
  for (const Row& row : rows) {
    std::set<std::string> seen;
    for (const Json* round : row.one->rounds) {
      for (const auto& quantity : round->at("quantities").items()) seen.insert(quantity.key());
    }
    for (const std::string& quantity : seen) {
      if (cases_of[quantity]++ == 0) quantities.push_back(quantity);
    }
  }
  std::stable_sort(quantities.begin(), quantities.end(),
                   [&](const auto& a, const auto& b) { return cases_of[a] > cases_of[b]; });
  return quantities;
}

std::string shown(const MeasuredCase& one, const std::string& quantity,
                  const char* statistic = "p50") {
  const auto value = one.over_rounds(quantity, statistic);
  return value ? human(*value, one.unit(quantity)) : kNothing;
}

// A name that ends in its unit says it; for another the unit follows.
std::string header_of(const std::string& quantity, const std::vector<Row>& rows) {
  for (const Row& row : rows) {
    if (!row.one->has(quantity)) continue;
    const std::string unit = row.one->unit(quantity);
    return unit == "1" || quantity.ends_with("_" + unit) ? quantity : quantity + "_" + unit;
  }
  return quantity;
}

// A reason may hold what a failing program said.
std::string one_field(std::string text) {
  std::replace_if(
      text.begin(), text.end(), [](char c) { return c == '\t' || c == '\n' || c == '\r'; }, ' ');
  return text;
}

std::string format_number(const std::optional<double>& value) {
  return value ? fmt::format("{:.10g}", *value) : "";
}

}  // namespace

std::string side_prefix(const Figures& run) {
  static const Json::json_pointer kSide("/run/interleaved/side");
  const std::string side = run.about().value(kSide, "");
  return side.empty() ? "" : side + ": ";
}

std::string case_tsv(const std::vector<Figures>& runs) {
  const std::vector<Row> rows = rows_of(runs, {});
  const std::vector<std::string> quantities = quantities_of(rows);
  std::string text = "case\toutcome\trounds\tprimary";
  for (const std::string& quantity : quantities) text += '\t' + header_of(quantity, rows);
  text += "\treason\n";
  std::map<std::string, std::string> failed;  // by label: in rounds of a case that has others
  std::map<std::string, std::pair<std::string, std::string>> without;  // outcome and reason
  for (const Figures& run : runs) {
    for (const Json& entry : run.unmeasured()) {
      const std::string label = side_prefix(run) + entry.at("name").get<std::string>();
      const std::string reason = one_field(entry.at("outcome").value("reason", ""));
      if (status_of(entry) == "failed") failed.emplace(label, reason);
      without.emplace(label, std::pair{status_of(entry), reason});
    }
  }
  for (const auto& [run, one] : rows) {
    const std::string label = side_prefix(*run) + one->name;
    const auto failure = failed.find(label);
    const bool fine = failure == failed.end();
    text += fmt::format("{}\t{}\t{}\t{}", label, fine ? "ok" : "failed", one->rounds.size(),
                        run->primary(*one));
    for (const std::string& quantity : quantities) {
      text += '\t' + format_number(one->median(quantity));
    }
    text += '\t' + (fine ? "" : failure->second) + '\n';
    without.erase(label);
  }
  for (const auto& [label, outcome] : without) {
    text += fmt::format("{}\t{}\t0\t{}\t{}\n", label, outcome.first,
                        std::string(quantities.size(), '\t'), outcome.second);
  }
  return text;
}

CaseTable case_table(const std::vector<Figures>& runs, size_t width, size_t most,
                     const std::set<std::string>& without) {
  std::vector<Row> rows = rows_of(runs, without);
  CaseTable table;
  table.all = rows.size();
  rows.resize(std::min(rows.size(), most));
  table.shown = rows.size();
  if (rows.empty()) return table;
  std::vector<TextRow> cells = {{"case", "quantity", "median", "p90", "rounds"}};
  for (const auto& [run, one] : rows) {
    const std::string primary = run->primary(*one);
    cells.push_back({side_prefix(*run) + one->name, primary, shown(*one, primary),
                     shown(*one, primary, "p90"), std::to_string(one->rounds.size())});
  }
  for (const std::string& quantity : quantities_of(rows)) {
    const bool stands_there = std::all_of(rows.begin(), rows.end(), [&](const Row& row) {
      return !row.one->has(quantity) || row.run->primary(*row.one) == quantity;
    });
    if (stands_there) continue;
    cells.front().push_back(quantity);
    for (size_t i = 0; i < rows.size(); ++i) {
      cells[i + 1].push_back(shown(*rows[i].one, quantity));
    }
  }
  // A name may take what the quantity and its median leave, but not less than its share.
  Grid grid = make_grid(cells, SIZE_MAX);
  const size_t beside = grid.widths[1] + grid.widths[2] + 2 * grid.gap;
  const size_t name = std::max(width / kNameShare, width > beside ? width - beside : 0);
  for (TextRow& row : cells) row.front() = cut(row.front(), name);
  grid = make_grid(cells, SIZE_MAX);
  while (grid.widths.size() > 3 && grid.width() > width) {
    grid.widths.pop_back();
    for (TextRow& row : cells) row.pop_back();
  }
  for (const TextRow& row : cells) table.lines.push_back(cut(grid.line(row), width));
  return table;
}

}  // namespace forkcost::runner
