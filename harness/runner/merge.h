// Many rounds of many cases as one result file (results/FORMAT.md).
#pragma once

#include <string>
#include <vector>

#include "harness/runner/journal.h"
#include "harness/runner/json.h"
#include "harness/runner/plan.h"

namespace forkcost::runner {

// What is not in the plan and the records.
struct RunFacts {
  std::string program;  // path of forkcost-run
  std::vector<std::string> command;
  int rounds_done = 0;
  bool interrupted = false;  // it was, and went on later
  Json environment;          // as forkcost-run saw it
};

// The document of a side. Takes the entries out of its own copy of the records: a standard run's
// are more than 100 MiB.
Json merge(JournalContents journal, const RunFacts& facts, size_t side = 0);

// As text: one line per entry, so that a file can be searched and compared by lines.
std::string format_document(const Json& document);

}  // namespace forkcost::runner
