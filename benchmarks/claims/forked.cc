#include "benchmarks/claims/forked.h"

#include "harness/error.h"

namespace forkcost {

Forked::Forked(Measurement& m, const Step& step) : timeline_(m.timeline()) {
  channel_.heed_time_limit();  // there may be others, made later
  const pid_t parent = getpid();
  const pid_t pid = fork();
  if (pid == 0) obey(channel_, kEnd, timeline_, parent, step);
  if (pid < 0) throw_creation_failed("fork", errno);
  child_ = std::make_unique<Child>(pid);
  channel_.become_master();
}

void Forked::fail() {
  channel_.tell(kEnd);  // it may be a grandchild that is gone
  reap();               // says why
  throw Failure("a forked process closed its channel without an error");
}

int64_t Forked::ask(int64_t order) {
  const auto answer = channel_.ask(order);
  if (!answer) fail();
  return *answer;
}

void Forked::tell(int64_t order) {
  if (!channel_.tell(order)) fail();
}

void Forked::end() {
  channel_.tell(kEnd);
  reap();
}

void Forked::reap() {
  child_->reap(timeline_);
}

}  // namespace forkcost
