// Kernel settings that a case changes, and that never stay changed.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "harness/caretaker.h"

namespace forkcost {

// Throws Skip unless the user allows it to change settings of the machine, by
// FORKCOST_CHANGE_SETTINGS=1, and is root. `what` begins the reason: "vm.overcommit_memory is 0
// here".
void require_change_allowed(const std::string& what);

// A file of /proc/sys, and what is to be in it.
struct Setting {
  std::filesystem::path file;
  std::string value;
};

// Changes settings that belong together, one after the other, and puts back what they were when
// this goes away, also when we are killed: the last one first. All by one process, as two would
// race.
class TemporarySetting {
 public:
  explicit TemporarySetting(const std::vector<Setting>& wanted);
  TemporarySetting(std::filesystem::path file, std::string value);
  ~TemporarySetting();
  TemporarySetting(const TemporarySetting&) = delete;
  TemporarySetting& operator=(const TemporarySetting&) = delete;

 private:
  void put_back() const;

  std::vector<Setting> before_;  // in the order in which they are put back
  std::optional<Caretaker> restorer_;
};

}  // namespace forkcost
