// What does it cost to make a process, by the size of the process that makes it?
//
// The child ends at once, so this is the creation alone: blocked_ns (wall) and blocked_cpu_ns (CPU
// time of the caller) are what the caller pays, child_start_ns when the child runs, teardown_ns the
// page tables' way back, total_ns call to wait. Nanoseconds. vfork and clone-vm share the parent's
// memory and hold the caller until the child has ended: bench_spawn compares them fairly, with an
// exec.
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <string_view>
#include <vector>

#include "harness/answer_rows.h"
#include "harness/error.h"
#include "harness/measurement.h"
#include "harness/size.h"

// glibc 2.34 has it; weak, so that the program starts where it is missing.
extern "C" pid_t _Fork() __attribute__((weak));

namespace forkcost {
namespace {

void measure_fork(Measurement& m) {
  while (m.next_sample()) {
    m.call();
    const pid_t pid = fork();
    if (pid == 0) end_child(m.timeline());
    m.resumed(pid);
    m.reap();
  }
}

// fork without the atfork handlers and locks of libc.
void measure_underscore_fork(Measurement& m) {
  if (_Fork == nullptr) throw Skip("this libc has no _Fork (glibc has it since 2.34)");
  while (m.next_sample()) {
    m.call();
    const pid_t pid = _Fork();
    if (pid == 0) end_child(m.timeline());
    m.resumed(pid);
    m.reap();
  }
}

void measure_vfork(Measurement& m) {
  while (m.next_sample()) {
    m.call();
    const pid_t pid = vfork();
    if (pid == 0) end_child(m.timeline());
    m.resumed(pid);
    m.reap();
  }
}

// What posix_spawn does inside: shared memory like vfork, but on a stack of its own.
void measure_clone_vm(Measurement& m) {
  alignas(16) std::array<char, 64 * 1024> stack;
  const auto child = [](void* timeline) -> int { end_child(*static_cast<Timeline*>(timeline)); };
  while (m.next_sample()) {
    m.call();
    const pid_t pid =
        clone(child, stack.data() + stack.size(), CLONE_VM | CLONE_VFORK | SIGCHLD, &m.timeline());
    m.resumed(pid);
    m.reap();
  }
}

// The bare system call: a copy like fork's, without libc.
void measure_clone3(Measurement& m) {
  clone_args arguments{};
  arguments.exit_signal = SIGCHLD;
  while (m.next_sample()) {
    m.call();
    const auto pid = static_cast<pid_t>(syscall(SYS_clone3, &arguments, sizeof arguments));
    if (pid == 0) end_child(m.timeline());
    m.resumed(pid);
    m.reap();
  }
}

struct Path {
  const char* name;
  void (*body)(Measurement&);
};

constexpr std::array<Path, 5> kPaths = {{{"fork", measure_fork},
                                         {"_Fork", measure_underscore_fork},
                                         {"vfork", measure_vfork},
                                         {"clone-vm", measure_clone_vm},
                                         {"clone3", measure_clone3}}};

struct Point {
  Path path;
  HeapSize heap;
  Backing backing;
  Placement placement;
};

// fork on base pages on one CPU at every size is the backbone; the other axes are looked at where
// they matter first.
Preset preset_of(const Point& point) {
  const auto& [path, heap, backing, placement] = point;
  const bool plain = backing == Backing::kBasePages && placement == Placement::kSameCpu;
  const bool is_fork = std::string_view(path.name) == "fork";
  // Populating more takes longer than measuring: standard shows there that the lines go on.
  if (heap.bytes > kGiB && (!is_fork || placement != Placement::kSameCpu) &&
      !(plain && std::string_view(path.name) == "vfork")) {
    return Preset::kFull;
  }
  if (plain) return is_fork ? heap.preset : std::max(heap.preset, Preset::kQuick);
  const bool one_axis = backing == Backing::kBasePages || placement == Placement::kSameCpu;
  if (!is_fork || !one_axis) return Preset::kFull;
  const bool in_quick =
      backing != Backing::kBasePages ? heap.bytes >= 256 * kMiB : heap.bytes == 64 * kMiB;
  return std::max(heap.preset, in_quick ? Preset::kQuick : Preset::kStandard);
}

// fork by size, and its slope; huge pages; what there is beside it for an empty process; the page
// tables' way back.
std::vector<std::string_view> core_of(const Point& point) {
  const std::string_view name = point.path.name;
  if (point.placement != Placement::kSameCpu) return {};
  const std::vector<std::string_view> blocked = {"blocked_ns", "blocked_cpu_ns"};
  if (point.heap.bytes == 256 * kMiB && name == "fork") {
    if (point.backing == Backing::kThp) return blocked;
    if (point.backing == Backing::kBasePages)
      return {"blocked_ns", "blocked_cpu_ns", "teardown_ns"};
  }
  if (point.backing != Backing::kBasePages) return {};
  if (point.heap.bytes == 64 * kMiB && name == "fork") return blocked;
  const bool beside = name == "fork" || name == "vfork" || name == "clone3";
  return point.heap.bytes == 0 && beside ? blocked : std::vector<std::string_view>();
}

Case make_case(const Point& point) {
  return {.benchmark = "fork",
          .axes = {{"path", point.path.name},
                   {"heap", format_size(point.heap.bytes)},
                   {"backing", backing_name(point.backing)},
                   {"placement", placement_name(point.placement)}},
          .preset = preset_of(point),
          .arena = ArenaSpec{point.heap.bytes, point.backing},
          .placement = point.placement,
          .required = {FORKCOST_RESUMED, FORKCOST_CHILD, FORKCOST_EXIT, FORKCOST_REAPED},
          .call = point.path.name,
          .core = core_of(point),
          .body = point.path.body};
}

}  // namespace

std::vector<Axis> program_axes() {
  return {};  // all are shared
}

std::vector<AnswerSection> answer_sections() {
  const AnswerFigure empty{.text = "{} empty", .axes = {{"heap", "0"}}};
  const AnswerFigure largest{.text = "{} at {heap}", .axes = {{"heap", kLargest}}};
  const AnswerFigure per_gib{
      .text = "{} per GiB", .reduce = Reduce::kSlope, .over = "heap", .per = kGiB};
  const AnswerFigure millisecond{
      .text = "1 ms {}", .reduce = Reduce::kCrossing, .over = "heap", .at = 1e6};
  return {{.title = "fork",
           .place = 20,
           .benchmark = "fork",
           .axes = {{"path", "fork"},
                    {"placement", placement_name(Placement::kSameCpu)},
                    {"backing", backing_name(Backing::kBasePages)}},
           .quantity = "blocked_ns",
           .rows = {{.title = "fork, blocked", .figures = {empty, largest, per_gib, millisecond}},
                    {.title = "  on huge pages",
                     .axes = {{"backing", backing_name(Backing::kThp)}},
                     .figures = {largest, per_gib, millisecond}},
                    {.title = "  child's end",
                     .quantity = "teardown_ns",
                     .figures = {empty, largest, per_gib}}}}};
}

std::vector<Case> register_cases(const std::vector<HeapSize>& heaps) {
  std::vector<Case> cases;
  for (const Path& path : kPaths) {
    for (const HeapSize& heap : heaps) {
      for (const Backing backing : {Backing::kBasePages, Backing::kThp, Backing::kHugetlb}) {
        // Smaller than a huge page there is only one backing.
        if (backing != Backing::kBasePages && heap.bytes < huge_page_size()) continue;
        for (const Placement placement :
             {Placement::kSameCpu, Placement::kOtherCpu, Placement::kFree}) {
          cases.push_back(make_case({path, heap, backing, placement}));
        }
      }
    }
  }
  return cases;
}

}  // namespace forkcost
