#include "harness/caretaker.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <utility>

#include "harness/child.h"
#include "harness/error.h"
#include "harness/placement.h"
#include "harness/spawn.h"

namespace forkcost {
namespace {

// Says that signals no longer reach it, then waits for the end of the line; there is nobody to say
// it to (SIGPIPE) where we were killed meanwhile. The PATH of who started us may lack rm.
constexpr const char* kBegin =
    "trap '' INT TERM HUP PIPE; PATH=${PATH:+$PATH:}/usr/bin:/bin; echo >&0; read -r _; ";
// Not a last command, which a shell becomes in place of starting it: it would lose its name.
constexpr const char* kEnd = "; exit";

constexpr int kLine = STDIN_FILENO;
constexpr int kLock = 3;

// The directory, open and locked; -1 with errno.
int make_directory(const char* directory) noexcept {
  if (mkdir(directory, 0700) != 0) return -1;
  const int fd = open(directory, O_RDONLY | O_DIRECTORY);
  if (fd >= 0) flock(fd, LOCK_EX | LOCK_NB);  // where there are no locks nobody removes anything
  if (fd >= 0) return fd;
  const int error = errno;
  rmdir(directory);
  errno = error;
  return -1;
}

[[noreturn]] void become_caretaker(int line, const cpu_set_t& cpus, const char* directory,
                                   char* const* words) noexcept {
  setsid();
  // Until it is a program of its own, and has its command line, it is known by this.
  prctl(PR_SET_NAME, kCaretakerName);
  // Bound to one CPU with us it would first run when we wait for something.
  sched_setaffinity(0, sizeof cpus, &cpus);
  const int null = open("/dev/null", O_RDWR);
  // Whoever reads our output would wait for its end, too.
  bool ready = dup2(line, kLine) == kLine && dup2(null, 1) == 1 && dup2(null, 2) == 2;
  if (ready && directory != nullptr) {
    const int lock = make_directory(directory);
    const int error = errno;
    if (lock < 0) _exit(write(kLine, &error, sizeof error) == sizeof error ? 0 : 127);
    ready = dup2(lock, kLock) == kLock;
  }
  // What is not closed on exec; else it stays open, no harm.
  syscall(SYS_close_range, directory != nullptr ? kLock + 1 : kLock, ~0U, 0);
  if (ready) execv("/bin/sh", words);
  if (directory != nullptr) rmdir(directory);
  _exit(127);
}

// What comes through the line: one byte when it is ready, errno of a failure, nothing at its death.
struct Answer {
  bool ready = false;
  int error = 0;
};

Answer read_answer(int line) {
  std::array<char, sizeof(int)> bytes{};
  ssize_t got = 0;
  while ((got = read(line, bytes.data(), bytes.size())) < 0 && errno == EINTR) {
  }
  Answer answer{.ready = got == 1};
  if (got == sizeof answer.error) memcpy(&answer.error, bytes.data(), bytes.size());
  return answer;
}

}  // namespace

Caretaker::Caretaker(const char* script, std::vector<std::string> arguments) {
  start(script, std::move(arguments), nullptr, nullptr);
}

Caretaker::Caretaker(const std::string& directory, int& error) {
  error = 0;
  start("rm -rf -- \"$1\"", {directory}, directory.c_str(), &error);
}

void Caretaker::start(const char* script, std::vector<std::string> arguments, const char* directory,
                      int* error) {
  std::array<int, 2> ends{};
  check(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()), "socketpair",
        "raise ulimit -n");
  alive_ = FileDescriptor(ends[0]);
  FileDescriptor line(ends[1]);
  arguments.insert(arguments.begin(),
                   {"sh", "-c", std::string(kBegin) + script + kEnd, kCaretakerName});
  std::vector<char*> words;
  for (std::string& argument : arguments) words.push_back(argument.data());
  words.push_back(nullptr);
  cpu_set_t cpus;
  CPU_ZERO(&cpus);
  for (const int cpu : allowed_cpus()) CPU_SET(static_cast<size_t>(cpu), &cpus);
  pid_ = fork();
  if (pid_ == 0) become_caretaker(line.get(), cpus, directory, words.data());
  if (pid_ < 0) throw_creation_failed("fork of the clean-up process", errno);
  line.reset();  // else its death would go unnoticed
  const Answer answer = read_answer(alive_.get());
  if (answer.ready) return;
  wait_for_end();
  if (answer.error != 0) {
    *error = answer.error;
    return;
  }
  if (directory != nullptr) rmdir(directory);  // it may have come so far
  throw Failure("/bin/sh cannot be run: nothing would clean up after a kill");
}

void Caretaker::wait_for_end() {
  alive_.reset();
  if (pid_ <= 0) return;
  forkcost::wait_for_end(pid_);
  pid_ = -1;
}

Caretaker::~Caretaker() {
  wait_for_end();
}

}  // namespace forkcost
