// The end of a run, for a person without Python: an answer that fits a screen.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "harness/json.h"
#include "harness/result_document.h"

namespace forkcost::runner {

struct Screen {
  size_t width = 100;
  size_t lines = 30;
};

// Of a run, or of both of its sides, whose files have these names: what its benchmarks declare as
// their answer (harness/answer_rows.h), how far to trust it, what was not measured and why, and the
// files, one a line. Throws UsageError for a declaration that it does not understand.
std::string summarize(const std::vector<Json>& documents, const std::vector<std::string>& files,
                      const Screen& screen = {});

}  // namespace forkcost::runner
