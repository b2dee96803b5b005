#include "harness/caretaker.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>

#include "harness/child.h"
#include "harness/error.h"
#include "harness/placement.h"

namespace forkcost {
namespace {

// Says that signals no longer reach it, then waits for the end of the line.
constexpr const char* kBegin = "trap '' INT TERM HUP; echo >&0; read -r _; ";

[[noreturn]] void become_caretaker(int line, const cpu_set_t& cpus, char* const* words) noexcept {
  setsid();
  // Bound to one CPU with us it would first run when we wait for something.
  sched_setaffinity(0, sizeof cpus, &cpus);
  const int null = open("/dev/null", O_RDWR);
  // Whoever reads our output would wait for its end, too.
  const bool ready = dup2(line, 0) == 0 && dup2(null, 1) == 1 && dup2(null, 2) == 2;
  syscall(SYS_close_range, 3, ~0U, 0);  // what is not closed on exec; else they stay open, no harm
  if (ready) execv("/bin/sh", words);
  _exit(127);
}

}  // namespace

Caretaker::Caretaker(const char* script, std::vector<std::string> arguments) {
  std::array<int, 2> ends{};
  check(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()), "socketpair",
        "raise ulimit -n");
  alive_ = FileDescriptor(ends[0]);
  FileDescriptor line(ends[1]);
  arguments.insert(arguments.begin(),
                   {"sh", "-c", std::string(kBegin) + script, "forkcost-caretaker"});
  std::vector<char*> words;
  for (std::string& argument : arguments) words.push_back(argument.data());
  words.push_back(nullptr);
  cpu_set_t cpus;
  CPU_ZERO(&cpus);
  for (const int cpu : allowed_cpus()) CPU_SET(static_cast<size_t>(cpu), &cpus);
  pid_ = fork();
  if (pid_ == 0) become_caretaker(line.get(), cpus, words.data());
  if (pid_ < 0)
    throw_creation_failed("fork of the process that puts things in order after us", errno);
  line.reset();  // else its death would go unnoticed
  char ready = 0;
  ssize_t got = 0;
  while ((got = read(alive_.get(), &ready, 1)) < 0 && errno == EINTR) {
  }
  if (got == 1) return;
  wait_for_end();
  throw Failure("/bin/sh cannot be run, and nobody would put things in order after us");
}

void Caretaker::wait_for_end() {
  alive_.reset();
  while (waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
  }
}

Caretaker::~Caretaker() {
  wait_for_end();
}

}  // namespace forkcost
