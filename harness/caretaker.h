// What must be put in order after us, also when we are killed.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "harness/file_descriptor.h"

namespace forkcost {

// An argument of every caretaker's command line, and before its exec the name of the process (its
// first 15 letters): whoever ends what a program left behind lets these finish.
inline constexpr const char* kCaretakerName = "forkcost-caretaker";

// A process that runs a shell script as soon as this goes away or we are dead. A session of its
// own: Ctrl-C, and whoever kills our group, mean us and not it. A program of its own, not a fork of
// us that stays: that would share our memory, and be in every figure about it.
class Caretaker {
 public:
  // `script` finds `arguments` as $1, $2, …. When this returns the caretaker is ready: what it is
  // to put in order is to be put out of order only then. Throws Failure.
  Caretaker(const char* script, std::vector<std::string> arguments);

  // One that makes `directory` and removes it with all that is in it. It makes it itself, as we may
  // be killed at any moment, and keeps it locked (flock) as long as it lives: by a descriptor of
  // ours it would be in every fork's table. `error` is errno of a directory that cannot be made,
  // or 0.
  Caretaker(const std::string& directory, int& error);

  ~Caretaker();  // returns when the script is done
  Caretaker(const Caretaker&) = delete;
  Caretaker& operator=(const Caretaker&) = delete;

 private:
  void start(const char* script, std::vector<std::string> arguments, const char* directory,
             int* error);
  void wait_for_end();

  FileDescriptor alive_;  // our end of the line: its closing tells the process that we are gone
  pid_t pid_ = -1;
};

}  // namespace forkcost
