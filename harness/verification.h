// What a case checked of itself: that it is what its name says.
#pragma once

#include <concepts>
#include <string>
#include <utility>
#include <vector>

#include "harness/placement.h"
#include "harness/timeline_page.h"

namespace forkcost {

// One thing that was checked: FORMAT.md, `verification`.
struct Check {
  std::string name;
  std::string expected;
  std::string observed;
  bool ok;
};

Check check_equal(std::string name, std::string expected, std::string observed);
Check check_equal(std::string name, std::integral auto expected, std::integral auto observed) {
  return check_equal(std::move(name), std::to_string(expected), std::to_string(observed));
}

class Verification {
 public:
  // Throws Failure at once unless `check.ok`.
  void add(Check check);

  const std::vector<Check>& checks() const { return checks_; }

 private:
  std::vector<Check> checks_;
};

// Throws Failure unless the timeline of a sample has all of `required`, and each event after those
// that caused it.
void require_timeline(const forkcost_timeline_page& page,
                      const std::vector<forkcost_event>& required);

// Whether the child began on its parent's CPU where `placement` wants another.
bool is_misplaced(Placement placement, const forkcost_timeline_page& page, int parent_cpu);

}  // namespace forkcost
