// Names of events, as people write them, turned into what perf_event_open takes.
//
// libpfm4 does that in a program of its own, forkcost-events, which lies beside ours: its tables
// would make every bench process, and with it every fork that is measured, larger by a megabyte.
#pragma once

#include <string>
#include <vector>

#include "harness/perf_event.h"

namespace forkcost {

// "cycles:u,instructions:k,page-faults": names that libpfm4 knows on this CPU, with its modifiers
// and unit masks. An event that this CPU has not got is UsageError with the nearest names; one that
// cannot be opened here is none. Throws UsageError, and Failure without forkcost-events.
std::vector<Event> encode_events(const std::string& list);

// The same for names of which some may be unknown to this CPU: those are left out.
std::vector<Event> encode_known_events(const std::vector<std::string>& names);

// Runs `forkcost-events list [pattern]` in place of this program. Throws Failure.
[[noreturn]] void list_events(const std::string& pattern);

}  // namespace forkcost
