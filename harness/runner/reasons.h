// Reasons by their shape: the same sentence with other numbers in it is one kind.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace forkcost::runner {

struct ReasonKind {
  std::string text;                // with "32 MiB to 1 GiB" where the numbers differ
  std::vector<std::string> cases;  // names, each once, in the order in which they came
};

struct Reason {
  std::string name;  // of the case
  std::string text;
};

// Those of most cases first.
std::vector<ReasonKind> group_reasons(const std::vector<Reason>& reasons);

}  // namespace forkcost::runner
