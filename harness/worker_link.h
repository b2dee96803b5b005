// The line between a process and a forked worker that does what it is told: one order, one answer.
#pragma once

#include <cstdint>
#include <optional>

#include "harness/touch.h"

namespace forkcost {

enum class Order : uint8_t {
  kWrite,          // write every page, untimed
  kTimeWrite,      // write every page, each timed
  kTimeRead,       // read every page, each timed
  kRehearseWrite,  // the same of a scratch page (TouchTarget)
  kRehearseRead,   // the same of a scratch page (TouchTarget)
  kFork,           // make a worker of its own
  kEnd             // leave
};

class WorkerLink {
 public:
  WorkerLink();
  ~WorkerLink();
  WorkerLink(const WorkerLink&) = delete;
  WorkerLink& operator=(const WorkerLink&) = delete;

  // To be called right after the fork, in the process that gives orders and in the one that takes
  // them. While both ends are open in one process, the other's death would go unnoticed.
  void become_master() { close_end(worker_); }
  void become_worker() { close_end(master_); }

  void close() {
    close_end(master_);
    close_end(worker_);
  }

  // Sends an order and waits for its answer; none when the worker is gone.
  std::optional<TouchResult> ask(Order order);
  // Like ask(kEnd), which has no answer.
  void send_end();

  // In the worker; async-signal-safe. kEnd also when the master is gone.
  Order wait_for_order();
  void answer(const TouchResult& result);

 private:
  static void close_end(int& end);

  int master_ = -1;
  int worker_ = -1;
};

}  // namespace forkcost
