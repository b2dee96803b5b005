// How far a run can be trusted, and what is to be said of it: what failed, warnings, what was
// skipped.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "harness/runner/figures.h"
#include "harness/runner/text.h"

namespace forkcost::runner {

// How many cases were verified and rounds disturbed, then what the benchmarks `declared`.
Entry describe_trust(const std::vector<Figures>& runs, const std::vector<std::string>& declared);

// Remarks of one kind, of which some may have to be left out.
struct Remarks {
  std::vector<Entry> entries;
  std::vector<std::string> briefs;  // what each is where there is a line for it, and no more
  std::vector<std::string> names;   // what stands for each that has not even that
  std::string rest;                 // "{} more: {names}"
};

// `status`: "failed" or "skipped".
Remarks find_unmeasured(const std::vector<Figures>& runs, const std::string& status);
Remarks find_warnings_of(const Figures& run);

// Every case without figures, by kind of reason; each kind behind an empty line.
Lines list_unmeasured(const std::vector<Figures>& runs, size_t width);

// At most `lines` lines: all in full, else a line for each, else the names of the last. Every kind
// has two lines, if it needs them, before one has more.
Lines format_remarks(const std::vector<Remarks>& kinds, size_t indent, size_t width, size_t lines);

}  // namespace forkcost::runner
