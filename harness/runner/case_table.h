// Every case of a run, one line each.
#pragma once

#include <cstddef>
#include <set>
#include <string>
#include <vector>

#include "harness/runner/figures.h"
#include "harness/runner/text.h"

namespace forkcost::runner {

// "b: " in the file of a side, else nothing.
std::string side_prefix(const Figures& run);

// For a program: tab-separated, a line for each case, also for those without figures. The header
// names quantities, whose medians over rounds stand below as plain numbers of their unit.
std::string case_tsv(const std::vector<Figures>& runs);

// For a terminal: as many columns as `width` has room for, at most `most` cases, and none of the
// benchmarks `without`. The sides of a case follow each other.
struct CaseTable {
  std::vector<std::string> lines;  // with a header; none without cases
  size_t shown = 0;
  size_t all = 0;
};
CaseTable case_table(const std::vector<Figures>& runs, size_t width, size_t most,
                     const std::set<std::string>& without = {});

}  // namespace forkcost::runner
