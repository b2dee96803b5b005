// fork and the heap: what a creation does to a large parent, and what children cost.
#include <fcntl.h>
#include <fmt/format.h>
#include <linux/kcmp.h>
#include <pthread.h>
#include <sched.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <system_error>
#include <thread>

#include "benchmarks/claims/forked.h"
#include "benchmarks/claims/observe.h"
#include "benchmarks/claims/overcommit.h"
#include "benchmarks/image.h"
#include "harness/error.h"
#include "harness/size.h"

namespace forkcost {
namespace {

constexpr ArenaSpec kLargeHeap{64 * kMiB, Backing::kBasePages};
constexpr ArenaSpec kHeapOfMany{4 * kMiB, Backing::kBasePages};
constexpr size_t kChildren = 16;

enum class Path : uint8_t { kFork, kVfork, kPosixSpawn };
constexpr std::array<const char*, 3> kPathNames = {"fork", "vfork", "posix_spawn"};

// What a child sees of itself just before its exec; in shared memory.
struct BeforeExec {
  int64_t faults = 0;
  long other_memory = -1;  // than its parent's, by kcmp: 0 no, 1 or 2 yes, -1 not told
  std::array<char, 8192> status = {};
};

void look_at_oneself(BeforeExec& seen, pid_t parent) noexcept {
  seen.faults = thread_faults().minor;
  seen.other_memory = syscall(SYS_kcmp, parent, syscall(SYS_getpid), KCMP_VM, 0, 0);
  const int file = open("/proc/self/status", O_RDONLY | O_CLOEXEC);
  if (file < 0) return;
  const ssize_t got = read(file, seen.status.data(), seen.status.size() - 1);
  seen.status[static_cast<size_t>(std::max<ssize_t>(got, 0))] = '\0';
  close(file);
}

// The call alone: what lives across vfork is in the child's hands, so that is as little as can be,
// and GCC 14 can see that the child changes none of it.
pid_t call(Timeline& timeline, Path path, const Image& image, BeforeExec* seen, pid_t parent) {
  timeline.stamp(FORKCOST_CALL);
  const pid_t pid = path == Path::kVfork ? vfork() : fork();  // NOLINT: what this is about
  if (pid == 0) {
    if (seen != nullptr) look_at_oneself(*seen, parent);
    exec_image(timeline, image);
  }
  timeline.stamp(FORKCOST_RESUMED);
  return pid;
}

// fork or vfork, then exec of the image. `seen`: where the child is to look at itself, which takes
// time; null when it is to be timed.
void create(Measurement& m, Path path, const Image& image, BeforeExec* seen) {
  Timeline& timeline = m.timeline();
  timeline.reset();
  const pid_t parent = getpid();
  const int64_t cpu = thread_cpu_ns();
  const pid_t pid = call(timeline, path, image, seen, parent);
  const int64_t blocked = thread_cpu_ns() - cpu;
  if (pid < 0) throw_creation_failed(kPathNames.at(static_cast<size_t>(path)), errno);
  Child(pid).reap(timeline);
  if (seen != nullptr) return;
  m.record("blocked_cpu_ns",
           std::max(static_cast<double>(blocked) - clock_info().cpu_clock_cost_ns, 0.0));
  if (const auto ticks = ticks_between(timeline.page(), FORKCOST_CALL, FORKCOST_MAIN)) {
    m.record("main_start_ns", ticks_to_ns(static_cast<double>(*ticks)));
  }
}

// A creation that is timed, then one whose child looks at its page tables. What does the parent pay
// for writing its heap after the exec?
void observe_vfork(Measurement& m, Path path) {
  const Pages heap = pages_of(m.arena());
  const Image image("nolibc", m.timeline());
  SharedArray<BeforeExec> seen(1);
  while (m.next_sample()) {
    const Sample sample(m);
    create(m, path, image, nullptr);
    m.arena().restore();
    seen[0] = {};
    create(m, path, image, &seen[0]);
    record_count(m, "pages", heap.count);
    record_count(m, "parent_faults_after", touch(heap, Access::kWrite).minor);
    record_count(m, "child_faults_before_exec", seen[0].faults);
    const auto tables = find_field(seen[0].status.data(), "VmPTE");
    if (!tables) throw Failure("the child could not read /proc/self/status");
    if (seen[0].other_memory < 0) continue;  // whose tables these are is not told
    record_bytes(m, "table_bytes_copied", seen[0].other_memory != 0 ? *tables * kKiB : 0);
  }
}

// A parent with one large mapping of which nothing is there starts a small program. Is it allowed
// to? Only "no memory" is an answer: any other error would also stop a small parent.
void observe_large_parent(Measurement& m, Path path, int mode, double share) {
  const auto bytes = static_cast<uint64_t>(static_cast<double>(memory_bytes()) * share);
  const OvercommitMode in_force(mode, bytes);
  const PromisedMemory heap(bytes);
  m.require_equal("vm.overcommit_memory", std::to_string(mode), std::to_string(overcommit_mode()));
  m.require_equal("mapping bytes", std::to_string(bytes / 2 / page_size() * 2 * page_size()),
                  std::to_string(heap.mapping_bytes()));
  const Image image("nolibc", m.timeline());
  while (m.next_sample()) {
    const Sample sample(m);
    pid_t pid = -1;
    int error = 0;
    if (path == Path::kPosixSpawn) {
      error = posix_spawn(&pid, image.path(), nullptr, nullptr, image.arguments(), environ);
    } else {
      pid = path == Path::kVfork ? vfork() : fork();  // NOLINT: what this is about
      if (pid == 0) exec_image(m.timeline(), image);
      if (pid < 0) error = errno;
    }
    if (error != 0 && error != ENOMEM) {
      throw_creation_failed(kPathNames.at(static_cast<size_t>(path)), error);
    }
    record_bytes(m, "mapping_bytes", heap.mapping_bytes());
    record_count(m, "succeeded", error == 0);
    if (error != 0) record_count(m, "error", error);
    if (error == 0) Child(pid).reap(m.timeline());
  }
}

// A thread that writes one page of the heap after the other, for ever, and notes when it did and
// when it faulted.
class Writer {
 public:
  Writer(const Pages& heap, int other_than) : wrote_at_(heap.count), faulted_at_(heap.count) {
    try {
      thread_ = std::thread([this, heap, other_than] { run(heap, other_than); });
    } catch (const std::system_error& error) {
      throw_creation_failed("a thread", error.code().value());
    }
    while (rounds_ == 0) sched_yield();
  }
  ~Writer() { stop(); }
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;

  void stop() {
    stopped_ = true;
    if (thread_.joinable()) thread_.join();
  }
  // Of a stopped writer: pages that it wrote, and those that it faulted on, in a time shorter than
  // a round.
  uint64_t writes_between(uint64_t begin, uint64_t end) { return count(wrote_at_, begin, end); }
  uint64_t faults_between(uint64_t begin, uint64_t end) { return count(faulted_at_, begin, end); }

 private:
  static uint64_t count(SharedArray<uint64_t>& times, uint64_t begin, uint64_t end) {
    return static_cast<uint64_t>(std::ranges::count_if(
        times.span(), [&](uint64_t ticks) { return begin <= ticks && ticks <= end; }));
  }

  void run(const Pages& heap, int other_than) {
    cpu_set_t cpus;
    CPU_ZERO(&cpus);
    for (const int cpu : allowed_cpus()) {
      if (cpu != other_than || allowed_cpus().size() == 1) CPU_SET(static_cast<size_t>(cpu), &cpus);
    }
    pthread_setaffinity_np(pthread_self(), sizeof cpus, &cpus);
    int64_t before = thread_faults().minor;
    while (!stopped_) {
      for (size_t page = 0; page < heap.count && !stopped_; ++page) {
        *static_cast<volatile char*>(heap.base + page * page_size()) = 1;
        const int64_t now = thread_faults().minor;
        wrote_at_[page] = clock_ticks();
        if (now != before) faulted_at_[page] = wrote_at_[page];
        before = now;
      }
      ++rounds_;
    }
  }

  SharedArray<uint64_t> wrote_at_, faulted_at_;
  std::atomic<int> rounds_{0};
  std::atomic<bool> stopped_{false};
  std::thread thread_;
};

struct ShellOut {
  std::optional<uint64_t> copied;   // frames of the heap that are others now
  uint64_t writes = 0, faults = 0;  // of the writer, from the call to the image's start
  bool wrote_shared = false;        // before the child's exec
};

// Forks, and the child execs at once, beside a thread that writes or not. The heap's frames are
// compared from before the fork to after the child's end: a page of the parent can only have been
// copied while the child had its share, which is between fork and exec.
ShellOut shell_out(Measurement& m, const Image& image, bool writing, int64_t& child_faults) {
  const Pages heap = pages_of(m.arena());
  Timeline& timeline = m.timeline();
  timeline.reset();
  std::optional<Writer> writer;
  if (writing) writer.emplace(heap, m.cpu());
  const Frames before = frames_of(getpid(), heap);
  timeline.stamp(FORKCOST_CALL);
  const pid_t pid = fork();
  if (pid == 0) {
    child_faults = thread_faults().minor;
    exec_image(timeline, image);
  }
  if (pid < 0) throw_creation_failed("fork", errno);
  Child(pid).reap(timeline);
  if (writer) writer->stop();
  ShellOut result{.copied = new_frames(before, frames_of(getpid(), heap))};
  if (writer) {
    const uint64_t call = timeline.page().ticks[FORKCOST_CALL];
    const uint64_t start = timeline.page().ticks[FORKCOST_IMAGE];
    result.writes = writer->writes_between(call, start);
    result.faults = writer->faults_between(call, start);
    result.wrote_shared = writer->writes_between(call, timeline.page().ticks[FORKCOST_EXEC]) > 0;
  }
  return result;
}

// The writer's faults until the image starts are more than the parent's copies: some come after
// the exec and copy nothing. So are the child's faults until its exec: some bring in its code.
void observe_shell_out(Measurement& m, bool writing) {
  constexpr int kAttempts = 5;
  const Image image("nolibc", m.timeline());
  SharedArray<int64_t> child_faults(1);
  while (m.next_sample()) {
    const Sample sample(m);
    ShellOut seen;
    for (int attempt = 0; attempt == 0 || (writing && !seen.wrote_shared); ++attempt) {
      if (attempt == kAttempts) {
        throw Skip(
            "the writing thread never ran between fork and exec: it takes a second CPU that "
            "is idle",
            allowed_cpus().size() > 1 ? Skip::kByChance : Skip::kForGood);
      }
      seen = shell_out(m, image, writing, child_faults[0]);
    }
    record_count(m, "pages", pages_of(m.arena()).count);
    record_count(m, "parent_copied_pages", seen.copied);
    record_count(m, "child_faults_before_exec", child_faults[0]);
    if (!writing) continue;
    record_count(m, "parent_written_pages", seen.writes);
    record_count(m, "parent_faults", seen.faults);
  }
}

// Children that sleep, or that write all of the heap. What do all of them together hold?
void observe_children(Measurement& m, bool writing) {
  const Pages heap = pages_of(m.arena());
  const Step work = [&](int64_t) -> int64_t {
    return writing ? touch(heap, Access::kWrite).minor : 0;
  };
  while (m.next_sample()) {
    const Sample sample(m);
    const uint64_t began = clock_ticks();
    std::vector<std::unique_ptr<Forked>> children;
    while (children.size() < kChildren) children.push_back(std::make_unique<Forked>(m, work));
    for (const auto& child : children) child->ask();
    m.record("work_ns", ticks_to_ns(static_cast<double>(clock_ticks() - began)));
    MemoryUse all;
    for (const auto& child : children) {
      const MemoryUse use = read_memory_use(child->pid());
      all.pss += use.pss;
      all.private_dirty += use.private_dirty;
      all.page_tables += use.page_tables;
    }
    for (const auto& child : children) child->end();
    record_bytes(m, "private_dirty_bytes", all.private_dirty);
    record_bytes(m, "page_table_bytes", all.page_tables);
    record_bytes(m, "pss_bytes", all.pss);
  }
}

// The mode in force is for everybody; the others are skipped unless the user asks for them.
void add_large_parents(std::vector<Case>& cases) {
  const int in_force = overcommit_mode();
  for (const Path path : {Path::kFork, Path::kVfork, Path::kPosixSpawn}) {
    for (const int mode : {0, 1, 2}) {
      for (const auto& [name, share] : {std::pair{"half-of-memory", 0.5}, {"1.5-of-memory", 1.5}}) {
        cases.push_back(make_case({.id = "big-parent-enomem",
                                   .axes = {{"path", kPathNames.at(static_cast<size_t>(path))},
                                            {"overcommit", std::to_string(mode)},
                                            {"mapping", name}},
                                   .preset = mode == in_force ? Preset::kQuick : Preset::kFull,
                                   .observe = [path, mode, share = share](auto& m) {
                                     observe_large_parent(m, path, mode, share);
                                   }}));
      }
    }
  }
}

}  // namespace

void add_fork_claims(std::vector<Case>& cases) {
  for (const Path path : {Path::kFork, Path::kVfork}) {
    cases.push_back(make_case({.id = "vfork-why",
                               .axes = {{"path", kPathNames.at(static_cast<size_t>(path))}},
                               .arena = kLargeHeap,
                               .observe = [path](auto& m) { observe_vfork(m, path); }}));
  }
  add_large_parents(cases);
  for (const bool writing : {false, true}) {
    cases.push_back(make_case({.id = "shell-out-copies",
                               .axes = {{"writers", writing ? "1" : "0"}},
                               .arena = kLargeHeap,
                               .needs = {.copies = writing ? 1u : 0u},
                               .observe = [=](auto& m) { observe_shell_out(m, writing); }}));
  }
  for (const bool writing : {false, true}) {
    cases.push_back(make_case(
        {.id = "fork-bomb",
         .axes = {{"children", std::to_string(kChildren)}, {"does", writing ? "write" : "sleep"}},
         .arena = kHeapOfMany,
         .needs = {.copies = writing ? kChildren : 0, .processes = kChildren},
         .observe = [=](auto& m) { observe_children(m, writing); }}));
  }
}

}  // namespace forkcost
