// The result file as a document: what is the same in all rounds stands in its tables
// (results/FORMAT.md).
#pragma once

#include <set>
#include <string>

#include "harness/json.h"

namespace forkcost {

inline constexpr int kSchema = 2;

// "ok", "skipped" or "failed"; an entry that says nothing is ok.
std::string status_of(const Json& entry);

// The inverse of what DocumentBuilder does to an entry of `document`: with its row of `cases`, all
// of its checks, and the step of each quantity in it.
Json self_contained(const Json& document, Json entry);

// Gathers entries that have everything in them (those of CaseResult, and of the runner's journal)
// into a document.
class DocumentBuilder {
 public:
  // Rows for all that may occur.
  DocumentBuilder(const Json& axes, const Json& quantities, const Json& yardsticks);

  // One round of a case; in the order of the file.
  void add(Json entry);
  // Takes what was added. `context` is Google Benchmark's, with our object `forkcost` in it.
  Json finish(Json context);

 private:
  void note(Json& entry);  // in which tables it has rows
  void move_to_table(Json& entry);

  const Json& axes_;
  const Json& quantities_;
  const Json& yardsticks_;
  std::set<std::string> seen_axes_, seen_quantities_, seen_yardsticks_;
  Json cases_ = Json::object();
  Json benchmarks_ = Json::array();
  Json unmeasured_ = Json::array();
};

// As text: one line per entry and per row of a table, so that it can be searched by lines.
std::string format_document(const Json& document);

// Writes it whole or not at all; compressed where the name ends in .gz. Throws Failure.
void write_document(const std::string& path, const Json& document);

// Reads one of any name, compressed or not, of this schema or an older one. Throws UsageError for
// what is none.
Json read_document(const std::string& path);

}  // namespace forkcost
