// libpfm4: what events a CPU has, and how they are encoded.
#pragma once

#include <string>
#include <variant>
#include <vector>

#include "harness/perf_event.h"

namespace forkcost {

// Throws Failure where libpfm4 does not start.
void start_libpfm();

// The event, or why there is none of that name, with the nearest names.
std::variant<Event, std::string> encode_event(const std::string& name);

struct KnownEvent {
  std::string name;  // as encode_event() takes it, with its unit mask
  std::string description;
};

// All events of the PMUs that libpfm4 sees here, one for each unit mask, without those that count
// for no process (uncore).
std::vector<KnownEvent> known_events();

}  // namespace forkcost
