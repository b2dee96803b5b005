#include "harness/runner/remarks.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cstdint>

#include "harness/result_document.h"
#include "harness/runner/case_table.h"
#include "harness/runner/reasons.h"

namespace forkcost::runner {
namespace {

// Lines that each kind of remark has at least, if there is one.
constexpr size_t kLeast = 2;

// At most `lines` lines: all in full, else a line for each, else the names of the last.
Lines format_remarks(const Remarks& remarks, size_t indent, size_t width, size_t lines) {
  Lines full;
  for (const Entry& entry : remarks.entries) {
    append(full, wrap(entry, indent, width));
  }
  if (full.size() <= lines) return full;
  Lines brief;
  const size_t count = remarks.entries.size();
  const size_t shown = count <= lines ? count : lines - 1;
  const auto add = [&](const std::string& text) {
    const std::string& title = remarks.entries.front().title;
    brief.push_back(cut(wrap(title, indent, {text}, "", SIZE_MAX).front(), width));
  };
  for (size_t i = 0; i < shown; ++i) add(remarks.briefs[i]);
  if (shown < count) {
    const Lines names(remarks.names.begin() + static_cast<ptrdiff_t>(shown), remarks.names.end());
    std::string rest = fmt::format("{}{}", shown == 0 ? "" : "… ", remarks.rest);
    rest = replace_all(rest, "{}", std::to_string(count - shown));
    add(replace_all(rest, "{names}", fmt::format("{}", fmt::join(names, ", "))));
  }
  return brief;
}

std::vector<ReasonKind> kinds_of(const std::vector<Figures>& runs, const std::string& status) {
  std::vector<Reason> reasons;
  for (const Figures& run : runs) {
    for (const Json& entry : run.unmeasured()) {
      if (status_of(entry) != status) continue;
      reasons.push_back({side_prefix(run) + entry.at("name").get<std::string>(),
                         entry.at("outcome").value("reason", "for no stated reason")});
    }
  }
  return group_reasons(reasons);
}

}  // namespace

Entry describe_trust(const std::vector<Figures>& runs, const std::vector<std::string>& declared) {
  static const Json::json_pointer kAttempts("/outcome/attempts");
  size_t verified = 0;
  size_t cases = 0;
  size_t rounds = 0;
  size_t disturbed = 0;
  size_t repeated = 0;
  for (const Figures& run : runs) {
    for (const MeasuredCase& one : run.cases()) {
      const Json& checks = run.of_case(one, "verification");
      ++cases;
      verified += checks.is_array() && !checks.empty();
      rounds += one.rounds.size();
      for (const Json* round : one.rounds) {
        const auto conditions = round->find("conditions");
        // By its reasons: schema 1 had a flag beside them, schema 2 has not.
        disturbed += conditions != round->end() && !conditions->value("reasons", Json()).empty();
        repeated += round->value(kAttempts, 1) > 1;
      }
    }
  }
  Entry trust{"trust", {}};
  if (cases == 0) return trust;
  const bool all = verified == cases;
  trust.parts.push_back(fmt::format("{} {} verified", all ? "all" : fmt::format("{} of", verified),
                                    plural(cases, "case")));
  trust.parts.push_back(
      fmt::format("{} of {} disturbed ({:.0f}%)", disturbed, plural(rounds, "round"),
                  100.0 * static_cast<double>(disturbed) / static_cast<double>(rounds)));
  if (repeated > 0) {
    trust.parts.push_back(fmt::format("{} needed several attempts", plural(repeated, "round")));
  }
  trust.parts.insert(trust.parts.end(), declared.begin(), declared.end());
  return trust;
}

Remarks find_unmeasured(const std::vector<Figures>& runs, const std::string& status) {
  Remarks remarks{{}, {}, {}, "{} more kinds; --table has all reasons"};
  if (status == "failed") remarks.rest += ": {names}";
  for (const ReasonKind& kind : kinds_of(runs, status)) {
    const size_t count = kind.cases.size();
    // A failure is a fault of one case, which must be found; what is skipped is many alike.
    std::string which = plural(count, "case");
    if (status == "failed") {
      which = kind.cases.front() + (count > 1 ? fmt::format(" and {} more", count - 1) : "");
    }
    remarks.entries.push_back({status, {which + ": " + kind.text}});
    remarks.briefs.push_back(which + ": " + kind.text);
    remarks.names.push_back(which);
  }
  return remarks;
}

Lines list_unmeasured(const std::vector<Figures>& runs, size_t width) {
  constexpr size_t kIndent = sizeof "skipped " - 1;
  Lines lines;
  for (const char* status : {"failed", "skipped"}) {
    for (const ReasonKind& kind : kinds_of(runs, status)) {
      lines.emplace_back();
      append(lines, wrap(status, kIndent, {plural(kind.cases.size(), "case") + ": " + kind.text},
                         "", width));
      for (const std::string& name : kind.cases) lines.push_back(cut("  " + name, width));
    }
  }
  return lines;
}

Remarks find_warnings_of(const Figures& run) {
  Remarks remarks{{}, {}, {}, "{} more, see forkcost-run --doctor: {names}"};
  for (const Json& warning : run.about().value("warnings", Json::array())) {
    remarks.entries.push_back({"warning",
                               {fmt::format("{}. Remedy: {}", warning.value("message", ""),
                                            warning.value("remedy", ""))}});
    const std::string id = warning.value("id", "");
    remarks.briefs.push_back(id + ": " + warning.value("remedy", ""));
    remarks.names.push_back(id);
  }
  return remarks;
}

Lines format_remarks(const std::vector<Remarks>& kinds, size_t indent, size_t width, size_t lines) {
  Lines text;
  for (size_t i = 0; i < kinds.size(); ++i) {
    size_t reserved = 0;
    for (size_t k = i + 1; k < kinds.size(); ++k) {
      reserved += format_remarks(kinds[k], indent, width, kLeast).size();
    }
    const size_t used = text.size() + reserved;
    append(text, format_remarks(kinds[i], indent, width,
                                std::max<size_t>(1, lines > used ? lines - used : 0)));
  }
  return text;
}

}  // namespace forkcost::runner
