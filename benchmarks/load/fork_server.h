// An image that has loaded its libraries and is forked from then on: a zygote. Our side of what
// images/libc.c serves.
#pragma once

#include "benchmarks/image.h"
#include "harness/timeline.h"

namespace forkcost {

class ForkServer {
 public:
  // Starts it; it inherits our CPUs. Throws Failure.
  ForkServer(Timeline& timeline, const Image& image, char* const* environment);

  // One fork: ask() for it; pid() when it is there, which ends at once unless it was ordered to
  // wait; status() when it has ended. Throw Failure when the server is gone, or cannot fork.
  void ask();
  pid_t pid();
  int status();

  // One more fork, that waits in its main until it is let go.
  pid_t fork_waiting();
  void let_go();

  void end();

 private:
  int receive();

  Timeline& timeline_;
  ImageChannel gate_{WorkerIs::kProgram};  // to its children: the worker's end is in all of them
  int gate_number_;                        // of that end, there
  StartedImage server_;
};

}  // namespace forkcost
