#include "harness/turns.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>

#include "harness/child.h"
#include "harness/clock.h"
#include "harness/error.h"
#include "harness/strings.h"

namespace forkcost {
namespace {

constexpr char kReady = 'r', kYours = 't';

// A sample of a large heap, or all of a small one's: between turns the other empties the caches.
constexpr double kTurnNs = 5e6;

FileDescriptor open_end(const std::string& path, int flags) {
  FileDescriptor fd(open(path.c_str(), flags | O_CLOEXEC));
  if (!fd) throw UsageError(describe_errno("--turns: opening " + path, errno, "name two pipes"));
  return fd;
}

}  // namespace

Turns::Turns(const std::string& text) {
  const auto words = split(text, ',');
  if (words.size() != 3 || (words[2] != "first" && words[2] != "second")) {
    throw UsageError(fmt::format("--turns {}: not FILE,FILE,first or FILE,FILE,second", text));
  }
  in_ = open_end(std::string(words[0]), O_RDONLY);
  out_ = open_end(std::string(words[1]), O_WRONLY);
  first_ = words[2] == "first";
}

void Turns::tell(char what) {
  if (write(out_.get(), &what, 1) != 1) throw_errno("telling the other process", errno);
}

void Turns::wait() {
  const uint64_t began = clock_ticks();
  char what = 0;
  ssize_t got = 0;
  // Who has left is beyond the time limit of its samples: the one who holds the pipes ends that.
  while ((left_ || !TimeLimit::expired()) && (got = read(in_.get(), &what, 1)) < 0) {
    if (errno != EINTR) throw_errno("waiting for the other process", errno);
  }
  alone_ = alone_ || (got == 1 && what == kTurnLeft);
  turn_began_ = clock_ticks();
  waited_ticks_ += turn_began_ - began;
}

void Turns::before_sample() {
  if (!met_) {
    met_ = true;
    tell(kReady);
    wait();
    if (!first_ && !alone_) wait();
    return;
  }
  const auto took = static_cast<double>(clock_ticks() - turn_began_);
  if (alone_ || ticks_to_ns(took) < kTurnNs) return;
  tell(kYours);
  wait();
}

void Turns::leave_and_wait() {
  tell(kTurnLeft);
  while (!alone_) wait();
}

void Turns::leave() noexcept {
  if (left_) return;
  left_ = true;
  try {
    leave_and_wait();
  } catch (const Failure&) {
    // Nobody is there to take turns with.
  }
  met_ = alone_ = true;
}

}  // namespace forkcost
