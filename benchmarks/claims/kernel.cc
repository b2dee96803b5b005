// What the MMU and the kernel do.
#include <unistd.h>

#include "benchmarks/claims/forked.h"
#include "benchmarks/claims/observe.h"
#include "benchmarks/image.h"
#include "harness/error.h"
#include "harness/size.h"

namespace forkcost {
namespace {

uint64_t shared_heap_bytes(pid_t pid, const Pages& heap) {
  return shared_bytes(mapping_at(pid, heap.address()));
}

// Parent and child before and after the child writes all: where is the heap, in which frames?
void observe_addresses(Measurement& m) {
  const Pages heap = pages_of(m.arena());
  const Step write = [&](int64_t) { return touch(heap, Access::kWrite).minor; };
  while (m.next_sample()) {
    const Sample sample(m);
    Forked child(m, write);
    const auto equal = [&] {
      return equal_frames(frames_of(getpid(), heap), frames_of(child.pid(), heap));
    };
    record_count(m, "pages", heap.count);
    record_count(m, "equal_addresses",
                 mapping_at(getpid(), heap.address()).begin ==
                     mapping_at(child.pid(), heap.address()).begin);
    record_count(m, "equal_frames_before", equal());
    record_bytes(m, "shared_bytes_before", shared_heap_bytes(child.pid(), heap));
    child.ask();
    record_count(m, "equal_frames_after", equal());
    record_bytes(m, "shared_bytes_after", shared_heap_bytes(child.pid(), heap));
    child.end();
  }
}

// The child that shared the heap has ended. What does it take to write, once per base page?
void observe_last_owner(Measurement& m) {
  const Pages heap = pages_of(m.arena());
  const Step nothing = [](int64_t) -> int64_t { return 0; };
  while (m.next_sample()) {
    const Sample sample(m);
    Forked child(m, nothing);
    child.ask();
    child.end();
    const Frames before = frames_of(getpid(), heap);
    const uint64_t began = clock_ticks();
    const Faults faults = touch(heap, Access::kWrite);
    const uint64_t took = clock_ticks() - began;
    record_count(m, "pages", heap.count);
    record_count(m, "faults", faults.minor);
    record_count(m, "new_frames", new_frames(before, frames_of(getpid(), heap)));
    m.record("write_ns", ticks_to_ns(static_cast<double>(took)) / static_cast<double>(heap.count));
  }
}

// The child execs. Who maps the heap's frames before and after that, and what does it take the
// parent to write them?
void observe_exec(Measurement& m) {
  const Pages heap = pages_of(m.arena());
  const Image image("nolibc", m.timeline());
  while (m.next_sample()) {
    const Sample sample(m);
    ImageChannel channel(WorkerIs::kProgram);
    give_order(m.timeline(), FORKCOST_WAIT, channel);
    const Step become_image = [&](int64_t) -> int64_t { exec_image(m.timeline(), image); };
    Forked child(m, become_image);
    channel.become_master();
    record_count(m, "pages", heap.count);
    record_count(m, "mapped_twice_before", frames_mapped_twice(frames_of(getpid(), heap)));
    record_bytes(m, "shared_bytes_before", shared_heap_bytes(getpid(), heap));
    child.tell(0);
    if (!channel.hear()) {
      child.reap();  // says why
      throw Failure("the image ended before it could be looked at");
    }
    m.require_equal("program of the child", image.path(), read_mappings(child.pid()).front().path);
    const Frames before = frames_of(getpid(), heap);
    record_count(m, "mapped_twice_after", frames_mapped_twice(before));
    record_bytes(m, "shared_bytes_after", shared_heap_bytes(getpid(), heap));
    record_count(m, "parent_faults", touch(heap, Access::kWrite).minor);
    record_count(m, "new_frames", new_frames(before, frames_of(getpid(), heap)));
    channel.close();  // the image ends
    child.reap();
  }
}

}  // namespace

void add_kernel_claims(std::vector<Case>& cases) {
  cases.push_back(make_case(
      {.id = "same-va", .arena = kHeap, .needs = {.copies = 1}, .observe = observe_addresses}));
  for (const Backing backing : {Backing::kBasePages, Backing::kThp, Backing::kHugetlb}) {
    cases.push_back(
        make_case({.id = "last-owner",
                   .axes = {{"backing", backing_name(backing)}},
                   .preset = backing == Backing::kHugetlb ? Preset::kStandard : Preset::kQuick,
                   .arena = ArenaSpec{kHeap.bytes, backing},
                   .observe = observe_last_owner}));
  }
  cases.push_back(make_case({.id = "exec-ends-sharing", .arena = kHeap, .observe = observe_exec}));
}

}  // namespace forkcost
