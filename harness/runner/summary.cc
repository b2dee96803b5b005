#include "harness/runner/summary.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <optional>
#include <set>

#include "harness/answer_rows.h"
#include "harness/error.h"
#include "harness/runner/bench.h"
#include "harness/runner/case_table.h"
#include "harness/runner/figures.h"
#include "harness/runner/remarks.h"
#include "harness/runner/text.h"

namespace forkcost::runner {
namespace {

constexpr const char* kNothing = "–";
// An answer of less than this share of the screen has single cases below it, and those are worth a
// heading where there is room for so many lines.
constexpr size_t kSmallAnswer = 4;
constexpr size_t kSmallestTable = 6;
std::vector<AnswerSection> sections_of(const Figures& run) {
  auto sections = parse_answer(nlohmann::json(run.about().value("answer", Json::array())));
  std::stable_sort(sections.begin(), sections.end(),
                   [](const auto& a, const auto& b) { return a.place < b.place; });
  return sections;
}

// "{heap}" -> "1 GiB".
std::string with_axes(std::string text, const Axes& axes) {
  for (const auto& [axis, value] : axes) text = replace_all(text, "{" + axis + "}", spaced(value));
  return text;
}

bool same(const AnswerFigure& a, const AnswerFigure& b) {
  return a.benchmark == b.benchmark && a.axes == b.axes && a.quantity == b.quantity &&
         a.reduce == b.reduce;
}

// A figure of the answer, where it stands in it, and what it is.
struct Shown {
  AnswerFigure figure;
  std::optional<Reduced> reduced;
};

// By rows; in a table each has the same columns, without those of which no row has a figure.
struct ShownSection {
  AnswerSection section;
  std::vector<std::string> titles;
  std::vector<std::vector<Shown>> rows;
};

std::vector<Shown> evaluate(const Figures& run, std::vector<AnswerFigure> figures) {
  std::vector<Shown> shown;
  for (AnswerFigure& figure : figures) {
    // The largest size may be one that is shown already.
    const bool again = std::any_of(shown.begin(), shown.end(),
                                   [&](const Shown& one) { return same(one.figure, figure); });
    shown.push_back({figure, again ? std::nullopt : reduce(run, figure)});
  }
  return shown;
}

void drop_empty_columns(ShownSection& section) {
  for (size_t column = section.section.columns.size(); column-- > 0;) {
    const bool used = std::any_of(section.rows.begin(), section.rows.end(),
                                  [&](const auto& row) { return row[column].reduced.has_value(); });
    if (used) continue;
    for (auto& row : section.rows) row.erase(row.begin() + static_cast<ptrdiff_t>(column));
  }
}

ShownSection evaluate(const Figures& run, const AnswerSection& section) {
  const bool is_table = section.layout == Layout::kTable;
  std::vector<std::vector<AnswerFigure>> figures;
  std::vector<AnswerFigure*> all;
  for (const AnswerRow& row : section.rows) {
    auto& its = figures.emplace_back();
    for (const AnswerFigure& figure : is_table ? section.columns : row.figures) {
      its.push_back(complete(figure, row, section));
    }
  }
  for (auto& row : figures) {
    if (!is_table) all.clear();  // the largest of a table is that of all of its rows
    for (AnswerFigure& figure : row) all.push_back(&figure);
    if (!is_table) set_largest(run, all);
  }
  if (is_table) set_largest(run, all);
  ShownSection shown{section, {}, {}};
  for (size_t i = 0; i < figures.size(); ++i) {
    auto row = evaluate(run, figures[i]);
    if (std::none_of(row.begin(), row.end(), [](const Shown& one) { return !!one.reduced; })) {
      continue;
    }
    shown.titles.push_back(section.rows[i].title);
    shown.rows.push_back(std::move(row));
  }
  if (is_table) drop_empty_columns(shown);
  return shown;
}

// "──── 256 MiB ────" over the columns of a group.
std::string group_line(const std::string& title, const std::vector<std::string>& groups,
                       const Grid& grid) {
  std::string line = title + std::string(grid.widths.front() - width_of(title), ' ');
  for (size_t i = 0; i < groups.size();) {
    size_t end = i;
    size_t width = 0;
    for (; end < groups.size() && groups[end] == groups[i]; ++end) {
      width += grid.widths[end + 1] + (end > i ? grid.gap : 0);
    }
    const std::string label = groups[i].empty() ? "" : " " + groups[i] + " ";
    const size_t rest = width - std::min(width, width_of(label));
    line += std::string(grid.gap, ' ');
    for (size_t k = 0; k < rest / 2; ++k) line += groups[i].empty() ? " " : "─";
    line += label;
    for (size_t k = rest / 2; k < rest; ++k) line += groups[i].empty() ? " " : "─";
    i = end;
  }
  return line.substr(0, line.find_last_not_of(' ') + 1);
}

Lines format_table(const ShownSection& shown, size_t width) {
  if (shown.rows.empty()) return {};
  TextRow head = {shown.section.title};
  std::vector<std::string> groups;
  for (const Shown& one : shown.rows.front()) {
    head.push_back(with_axes(one.figure.title, one.figure.axes));
    groups.push_back(with_axes(one.figure.group, one.figure.axes));
  }
  const bool grouped =
      std::any_of(groups.begin(), groups.end(), [](const auto& group) { return !group.empty(); });
  std::vector<TextRow> cells = {head};
  for (size_t i = 0; i < shown.rows.size(); ++i) {
    TextRow& row = cells.emplace_back();
    row.push_back(shown.titles[i]);
    for (const Shown& one : shown.rows[i])
      row.push_back(one.reduced ? one.reduced->text : kNothing);
  }
  const Grid grid = make_grid(cells, width);
  Lines lines;
  if (grouped) {
    lines.push_back(group_line(head.front(), groups, grid));
    cells.front().front().clear();
  }
  for (const TextRow& row : cells) lines.push_back(grid.line(row));
  for (std::string& line : lines) line = cut(line, width);  // a table that wraps is none
  return lines;
}

// "1.006 (goal ≤ 1.02)".
std::string in_words(const Shown& one) {
  std::string text =
      with_axes(replace_all(one.figure.text, "{}", one.reduced->text), one.figure.axes);
  if (one.figure.goal > 0) {
    text += fmt::format(" (goal ≤ {:g}{})", one.figure.goal,
                        one.reduced->value.value_or(0) > one.figure.goal ? ": missed" : "");
  }
  return text;
}

std::vector<Entry> entries_of(const ShownSection& shown) {
  std::vector<Entry> entries;
  for (size_t i = 0; i < shown.rows.size(); ++i) {
    Entry& entry = entries.emplace_back(Entry{shown.titles[i], {}});
    for (const Shown& one : shown.rows[i]) {
      if (one.reduced) entry.parts.push_back(in_words(one));
    }
  }
  return entries;
}

// What of a run the answer shows.
struct Answer {
  std::vector<ShownSection> sections;  // tables and lines
  std::vector<std::string> trust;
  std::vector<Entry> counts;
  std::set<std::string> counted;  // benchmarks whose cases are no figures
};

// How many cases of a benchmark there are; with figures, and in all.
std::pair<size_t, size_t> count_cases(const Figures& run, const std::string& benchmark) {
  size_t measured = 0;
  std::set<std::string> names;
  for (const MeasuredCase& one : run.cases()) {
    if (one.benchmark != benchmark) continue;
    ++measured;
    names.insert(one.name);
  }
  for (const Json& entry : run.unmeasured()) {
    const std::string name = entry.at("name").get<std::string>();
    if (name.starts_with(benchmark + "/")) names.insert(name);
  }
  return {measured, names.size()};
}

Answer evaluate(const Figures& run, const std::string& file) {
  Answer answer;
  for (const AnswerSection& section : sections_of(run)) {
    if (section.layout == Layout::kCount) {
      answer.counted.insert(section.benchmark);
      const auto [measured, all] = count_cases(run, section.benchmark);
      if (measured == 0) continue;
      std::string text = replace_all(section.text, "{}", std::to_string(measured));
      text = replace_all(replace_all(text, "{total}", std::to_string(all)), "{file}", file);
      answer.counts.push_back({section.title, {text}});
      continue;
    }
    ShownSection shown = evaluate(run, section);
    if (section.layout == Layout::kTrust) {
      for (const Entry& entry : entries_of(shown)) {
        for (const std::string& part : entry.parts) {
          answer.trust.push_back(entry.title.empty() ? part : entry.title + " " + part);
        }
      }
    } else if (!shown.rows.empty()) {
      answer.sections.push_back(std::move(shown));
    }
  }
  return answer;
}

std::string describe_machine(const Json& environment) {
  static const Json::json_pointer kRelease("/kernel/release"), kCpus("/machine/cpus_online"),
      kModel("/machine/cpu_model"), kHypervisor("/machine/hypervisor");
  std::string text;
  const auto add = [&](const std::string& part) {
    if (!part.empty()) text += (text.empty() ? "" : ", ") + part;
  };
  if (const std::string release = environment.value(kRelease, ""); !release.empty()) {
    add("Linux " + release);
  }
  const std::string model = environment.value(kModel, "");
  if (const auto cpus = environment.value(kCpus, 0); cpus > 0) {
    add(fmt::format("{} × {}", cpus, model.empty() ? "CPU" : model));
  } else {
    add(model);
  }
  add(environment.value(kHypervisor, ""));
  return text;
}

// "quick: 3 of 5 rounds in 84 s, seed 7; Linux 6.18, 2 × Xeon, KVM".
std::string describe_run(const std::vector<Figures>& runs) {
  const Json run = runs.front().about().value("run", Json::object());
  double seconds = 0;
  for (const Figures& side : runs) {
    seconds += side.about().value("run", Json::object()).value("seconds", 0.0);
  }
  std::string text = run.value("preset", run.value("program", ""));
  const int done = run.value("rounds_done", 0);
  const int planned = run.value("rounds", 0);
  if (done > 0) {
    // Where fewer were done than were to be, the preset's time was up; some have nothing but that.
    text += fmt::format(": {} rounds", done == planned || planned == 0
                                           ? std::to_string(done)
                                           : fmt::format("{} of {}", done, planned));
    if (runs.size() > 1) text += " of each side";
  }
  text += fmt::format(" in {:.0f} s", seconds);
  if (run.contains("seed")) text += fmt::format(", seed {}", run["seed"].dump());
  const std::string machine =
      describe_machine(runs.front().about().value("environment", Json::object()));
  return machine.empty() ? text : text + "; " + machine;
}

// One figure of each row of the answer, the last one that can be set against the other side's: of a
// table that of the largest size.
Lines format_sides(const std::vector<Figures>& runs, const Answer& answer, size_t width) {
  std::vector<TextRow> cells = {{"", "a", "b", "b/a"}};
  for (const ShownSection& section : answer.sections) {
    for (size_t i = 0; i < section.rows.size(); ++i) {
      const auto& row = section.rows[i];
      const auto last = std::find_if(row.rbegin(), row.rend(), [](const Shown& one) {
        return one.reduced && !one.reduced->unit.empty();
      });
      if (last == row.rend()) continue;
      const auto other = reduce(runs.back(), last->figure);
      if (!other || !other->value) continue;
      const AnswerFigure& figure = last->figure;
      std::string what = figure.text.empty() ? fmt::format("{}, {}", figure.group, figure.title)
                                             : std::string(replace_all(figure.text, "{} ", ""));
      what = with_axes(what, figure.axes);
      const double a = last->reduced->value.value_or(0);
      cells.push_back({section.titles[i] + ": " + what, last->reduced->text, other->text,
                       a > 0 ? fmt::format("{:.3f}", *other->value / a) : kNothing});
    }
  }
  if (cells.size() == 1) return {};
  const Grid grid = make_grid(cells, width);
  Lines lines;
  for (const TextRow& row : cells) lines.push_back(cut(grid.line(row), width));
  return lines;
}

Lines format_sections(const Answer& answer, size_t indent, size_t width) {
  Lines body;
  bool in_lines = false;
  for (const ShownSection& section : answer.sections) {
    const bool is_table = section.section.layout == Layout::kTable;
    if (is_table || !in_lines) body.emplace_back();
    in_lines = !is_table;
    if (is_table) {
      append(body, format_table(section, width));
      continue;
    }
    for (const Entry& entry : entries_of(section)) {
      append(body, wrap(entry, indent, width));
    }
  }
  return body;
}

}  // namespace

std::string summarize(const std::vector<Json>& documents, const std::vector<std::string>& files,
                      const Screen& screen) {
  const std::vector<Figures> runs(documents.begin(), documents.end());
  const size_t width = screen.width;
  const std::string joined = fmt::format("{}", fmt::join(files, " "));
  const Answer answer = evaluate(runs.front(), files.front());

  std::vector<Remarks> remarks = {find_unmeasured(runs, "failed"), find_warnings_of(runs.front()),
                                  find_unmeasured(runs, "skipped")};
  std::vector<Entry> closing = answer.counts;
  if (runs.size() > 1) closing.push_back({"verdict", {"forkcost compare " + joined}});
  closing.push_back({"all cases", {fmt::format("forkcost-run --show {} --table", joined)}});
  const Entry trust = describe_trust(runs, answer.trust);

  std::vector<Entry> titled = closing;
  titled.push_back({"warning", {}});
  for (const ShownSection& section : answer.sections) {
    if (section.section.layout == Layout::kTable) continue;
    const auto entries = entries_of(section);
    titled.insert(titled.end(), entries.begin(), entries.end());
  }
  const size_t indent = std::min(indent_of(titled), width / 3);

  Lines end;
  if (!trust.parts.empty()) {
    append(end, wrap(trust, indent, width));
  }
  Lines last;
  for (const Entry& entry : closing) {
    append(last, wrap(entry, indent, width));
  }
  append(last, files);

  Lines lines = wrap("", 0, {describe_run(runs)}, "", width);
  Lines body =
      runs.size() > 1 ? format_sides(runs, answer, width) : format_sections(answer, indent, width);
  if (runs.size() > 1 && !body.empty()) body.insert(body.begin(), "");
  const bool is_small = kSmallAnswer * body.size() < screen.lines;
  append(lines, std::move(body));
  const size_t taken = lines.size() + 1 + end.size() + last.size();
  const size_t left = screen.lines > taken ? screen.lines - taken : 0;
  append(end, format_remarks(remarks, indent, width, is_small ? left / 2 : left));

  const size_t used = lines.size() + 1 + end.size() + last.size();
  if (is_small && screen.lines >= used + kSmallestTable) {
    const CaseTable table = case_table(runs, width, screen.lines - used - 3, answer.counted);
    if (!table.lines.empty()) {
      lines.emplace_back();
      append(lines, table.lines);
      if (table.shown < table.all)
        lines.push_back(fmt::format("… {} more", table.all - table.shown));
    }
  }
  lines.emplace_back();
  append(lines, std::move(end));
  append(lines, std::move(last));
  return fmt::format("{}\n", fmt::join(lines, "\n"));
}

}  // namespace forkcost::runner
