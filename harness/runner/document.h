// A part of a result file (results/FORMAT.md).
#pragma once

#include <string>

#include "harness/json.h"

namespace forkcost::runner {

// Leaves the cases whose name the regular expression finds. Throws UsageError for a malformed one,
// and where nothing is left.
void filter_document(Json& document, const std::string& filter);

}  // namespace forkcost::runner
