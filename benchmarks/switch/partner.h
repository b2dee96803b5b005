// The other side of a hand-over: a thread, a forked process, or a program.
#pragma once

#include <signal.h>
#include <sys/types.h>

#include <array>
#include <memory>
#include <string>
#include <thread>

#include "benchmarks/image.h"
#include "benchmarks/switch/turns.h"
#include "harness/child.h"
#include "harness/file_descriptor.h"
#include "harness/timeline.h"

namespace forkcost {

enum class Between : uint8_t { kThreads, kForked, kExec };

const char* between_name(Between between);

struct TurnSpec {
  Between between;
  bool by_pipe;
  uint32_t pages;  // that each side reads in its turn
};

// What the kernel says of a thread that has had its turn and waits.
struct ThreadState {
  int64_t switches = 0;  // context switches away from it so far
  int cpu = -1;          // where it ran last
};
ThreadState read_thread_state(pid_t process, pid_t thread);

// While it is there, a signal has another handler.
class SignalHandler {
 public:
  SignalHandler(int signal, void (*handler)(int));
  ~SignalHandler();
  SignalHandler(const SignalHandler&) = delete;
  SignalHandler& operator=(const SignalHandler&) = delete;

 private:
  int signal_;
  struct sigaction before_ {};
};

// The memory of the turns, as an open file too.
class SharedTurns {
 public:
  explicit SharedTurns(const TurnSpec& spec);
  ~SharedTurns();
  SharedTurns(const SharedTurns&) = delete;
  SharedTurns& operator=(const SharedTurns&) = delete;

  forkcost_turns* get() const { return turns_; }
  int descriptor() const { return descriptor_.get(); }

 private:
  FileDescriptor descriptor_;
  forkcost_turns* turns_;
};

// Starts a partner, which waits for its turn. It ends with this, or when we die; should it end
// before, taking a turn fails.
class Partner {
 public:
  Partner(Timeline& timeline, const TurnSpec& spec);
  ~Partner();
  Partner(const Partner&) = delete;
  Partner& operator=(const Partner&) = delete;

  forkcost_turns& turns() { return *turns_.get(); }
  pid_t process() const;
  pid_t thread() const { return turns_.get()->partner_thread; }
  bool shares_our_memory() const;  // it has written a word of ours, and we see it
  void end();                      // throws Failure if it did not end well

 private:
  void open_pipes();
  void start_thread();
  void start_process(Between between);
  void stop();

  Timeline& timeline_;
  SharedTurns turns_;
  SignalHandler on_pipe_, on_child_;
  std::array<FileDescriptor, 4> pipes_;  // from us (read, write), to us (read, write)
  std::thread thread_;
  std::unique_ptr<Child> child_;
};

}  // namespace forkcost
