// A kernel setting that a case changes, and that never stays changed.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "harness/caretaker.h"

namespace forkcost {

// Throws Skip unless the user allows it to change settings of the machine, by
// FORKCOST_CHANGE_SETTINGS=1, and is root. `what` begins the reason: "vm.overcommit_memory is 0
// here".
void require_change_allowed(const std::string& what);

// Puts `value` into a file of /proc/sys, and back what was in it when this goes away, also when we
// are killed.
class TemporarySetting {
 public:
  TemporarySetting(std::filesystem::path file, const std::string& value);
  ~TemporarySetting();
  TemporarySetting(const TemporarySetting&) = delete;
  TemporarySetting& operator=(const TemporarySetting&) = delete;

 private:
  std::filesystem::path file_;
  std::string before_;
  std::optional<Caretaker> restorer_;
};

}  // namespace forkcost
