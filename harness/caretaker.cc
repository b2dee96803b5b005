#include "harness/caretaker.h"

#include <fcntl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>

#include "harness/error.h"

namespace forkcost {
namespace {

[[noreturn]] void become_caretaker(int input, char* const* words) noexcept {
  setsid();
  const int null = open("/dev/null", O_RDWR);
  // Whoever reads our output would wait for its end, too.
  const bool ready = dup2(input, 0) == 0 && dup2(null, 1) == 1 && dup2(null, 2) == 2;
  syscall(SYS_close_range, 3, ~0U, 0);  // what is not closed on exec; else they stay open, no harm
  if (ready) execv("/bin/sh", words);
  _exit(127);
}

}  // namespace

Caretaker::Caretaker(const char* script, std::vector<std::string> arguments) {
  std::array<int, 2> ends{};
  check(pipe2(ends.data(), O_CLOEXEC), "pipe2");
  const FileDescriptor input(ends[0]);
  alive_ = FileDescriptor(ends[1]);
  arguments.insert(arguments.begin(),
                   {"sh", "-c", std::string("trap '' INT TERM HUP; read -r _; ") + script,
                    "forkcost-caretaker"});
  std::vector<char*> words;
  for (std::string& argument : arguments) words.push_back(argument.data());
  words.push_back(nullptr);
  pid_ = fork();
  if (pid_ == 0) become_caretaker(input.get(), words.data());
  check(pid_, "fork of the process that puts things in order after us");
}

Caretaker::~Caretaker() {
  alive_.reset();
  while (waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
  }
}

}  // namespace forkcost
