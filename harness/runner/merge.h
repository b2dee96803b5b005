// Many rounds of many cases as one result file (results/FORMAT.md).
#pragma once

#include <map>
#include <string>
#include <vector>

#include "harness/json.h"
#include "harness/runner/journal.h"
#include "harness/runner/plan.h"

namespace forkcost::runner {

// What is not in the plan and the records.
struct RunFacts {
  std::string program;  // path of forkcost-run
  std::vector<std::string> command;
  int rounds_done = 0;
  bool interrupted = false;  // it was, and went on later
  Json environment;          // as forkcost-run saw it
  // Of a case, as many as a round must have to count; without the case, any number.
  std::map<std::string, size_t> samples = {};
  Json until = nullptr;  // `run.until`; null: absent
};

// The document of a side. Takes its entries out of the journal: a standard run has a million
// samples, and a small board no room for a second copy.
Json merge(JournalContents& journal, const RunFacts& facts, size_t side = 0);

}  // namespace forkcost::runner
