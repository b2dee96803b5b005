// What a benchmark needs to declare its cases and to take their samples.
//
// A benchmark's .cc defines register_cases(), which adds its cases; each has a body that reads
//
//   while (m.next_sample()) {
//     m.call();
//     const pid_t pid = fork();
//     if (pid == 0) end_child(m.timeline());
//     m.resumed(pid);
//     m.reap();
//   }
//
// The harness decides how many samples there are, checks each one's timeline, and turns the events
// into quantities (results/FORMAT.md).
//
// The same body runs once for each pass: first times are taken, with nothing else switched on;
// then, where they are asked for, counters (counters.h) and a profile (profile.h) watch the
// operation. That is call -> reaped; a body that is not about a creation names its own by
// begin_operation() and end_operation().
#pragma once

#include "harness/case.h"
#include "harness/measurement.h"
