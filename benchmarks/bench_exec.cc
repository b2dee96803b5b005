// What does exec cost, by what is exec'ed?
//
// Axes, each from the centre (a warm page cache, few arguments, no PATH, a parent without heap):
//   image         nolibc: the kernel's part alone. static, static-pie: libc without a loader.
//                 dynamic-nopie, dynamic: with one (dynamic is position-independent, as most
//                 programs are). script: its interpreter is nolibc; script-2: its interpreter is
//                 that script. memfd: nolibc, run from memory. text-*: nolibc with so much text
//                 that is never run.
//   page-cache    warm: the image's files were read. cold: they are put out before every sample,
//                 the script as well as its interpreter; libc and the loader stay, as every process
//                 maps them, and so do directories and inodes. It is this kernel's cache: in a
//                 virtual machine the host may have the disk's blocks in memory. A memfd has no
//                 other place.
//   args          bytes of arguments and environment together, half in each, in strings of 1 KiB;
//                 small: what is needed. The environment is ours, not the user's.
//   path-dirs     directories of PATH that are searched in vain before the right one.
//   heap          of the parent; it should not matter.
//
// All are started by posix_spawn (with PATH: posix_spawnp), but for memfd: posix_spawn knows only
// paths, so that is vfork and execveat, which is fexecve. Its like is
// spawn/path:vfork/image:nolibc.
//
// Quantities beside those of the timeline (nanoseconds from the call: image_start_ns, exec in the
// kernel; entry_start_ns, with the loader; main_start_ns, with libc's start):
//   child_read_bytes  what the child had read from a disk. A cold image need not have major faults:
//                     exec reads its header, which is no fault, and what the kernel reads ahead
//                     then may be all of it.
//   loader_ns         the loader's own account of its start (LD_DEBUG=statistics), from processes
//                     of their own.
#include <fcntl.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <optional>
#include <vector>

#include "benchmarks/cache_state.h"
#include "benchmarks/exec/target.h"
#include "benchmarks/loader_run.h"
#include "harness/answer_rows.h"
#include "harness/error.h"
#include "harness/measurement.h"
#include "harness/size.h"

namespace forkcost {
namespace {

// The loader's own account, from processes of its own, each with the stage set as for a sample.
std::vector<double> loader_times(const Target& target, CacheState& cache, Timeline& timeline) {
  constexpr int kProcesses = 5;
  std::vector<double> times;
  if (!target.kind().loaded) return times;
  const Target plain(target.kind(), 0, 0, timeline);
  LoaderAccount account(plain.image(), plain.environment(), timeline);
  for (int i = 0; i < kProcesses; ++i) {
    cache.before_sample();
    const LoadStatistics said = account.ask(target.image(), target.environment());
    if (const auto time = loader_ticks_to_ns(said.total_ticks)) times.push_back(*time);
  }
  return times;
}

struct Started {
  pid_t pid;
  int error;
};

template <typename Start>
void sample(Measurement& m, const Target& target, bool cold, Start start) {
  for (Check& check : target.verify(m.timeline())) m.verified(std::move(check));
  CacheState cache(target.files(), cold);
  std::vector<double> loader = loader_times(target, cache, m.timeline());
  while (m.next_sample()) {
    cache.before_sample();
    m.call();
    const Started started = start();
    m.resumed(started.error == 0 ? started.pid : -1, started.error);
    m.reap();
    cache.after_sample(m);
    if (!loader.empty() && !m.warming_up()) {  // one in each of the first samples
      m.record("loader_ns", loader.back());
      loader.pop_back();
    }
  }
  cache.verify(m);
}

Started spawn(const Target& target) {
  Started started{};
  started.error = posix_spawn(&started.pid, target.image().path(), nullptr, nullptr,
                              target.image().arguments(), target.environment());
  return started;
}

Started spawn_by_path(const Target& target) {
  Started started{};
  started.error = posix_spawnp(&started.pid, target.name().c_str(), nullptr, nullptr,
                               target.image().arguments(), target.environment());
  return started;
}

Started run_memory(const Target& target, Timeline& timeline) {
  const pid_t pid = vfork();
  if (pid == 0) {
    timeline.stamp(FORKCOST_CHILD);
    timeline.stamp(FORKCOST_EXEC);
    syscall(SYS_execveat, target.memfd(), "", target.image().arguments(), target.environment(),
            AT_EMPTY_PATH);
    fail_child(timeline, "execveat of the memfd", errno);
  }
  return {pid, pid < 0 ? errno : 0};
}

// One point of the design.
struct Point {
  const ImageKind& image;
  bool cold;
  const char* args;  // "small", or a size
  size_t path_directories;
  HeapSize heap;
  bool other_heap;  // than the centre's
};

void measure_exec(Measurement& m, const Point& point) {
  const bool small = std::string_view(point.args) == "small";
  const Target target(point.image, small ? 0 : parse_size(point.args), point.path_directories,
                      m.timeline());
  if (point.image.memfd) {
    sample(m, target, point.cold, [&] { return run_memory(target, m.timeline()); });
  } else if (point.path_directories > 0) {
    sample(m, target, point.cold, [&] { return spawn_by_path(target); });
  } else {
    sample(m, target, point.cold, [&] { return spawn(target); });
  }
}

bool makes_sense(const Point& point) {
  return !point.image.memfd || (!point.cold && point.path_directories == 0);
}

// How many axes have another value than at the centre.
int varied_axes(const Point& point) {
  return (point.cold ? 1 : 0) + (std::string_view(point.args) != "small" ? 1 : 0) +
         (point.path_directories > 0 ? 1 : 0) + (point.other_heap ? 1 : 0);
}

// standard: one axis varied at a time. quick: where that shows most.
Preset preset_of(const Point& point) {
  const std::string_view image = point.image.name;
  const std::string_view args = point.args;
  const bool typical = image == "nolibc" || image == "dynamic";
  const int varied = varied_axes(point);
  if (varied == 0) return typical ? Preset::kSmoke : Preset::kQuick;
  if (varied > 1) return Preset::kFull;
  if (point.other_heap) return std::max(point.heap.preset, Preset::kStandard);
  const bool shown = (typical && (point.cold || args == "1MiB")) ||
                     (image == "nolibc" && point.path_directories > 0);
  return shown ? Preset::kQuick : Preset::kStandard;
}

// The kernel alone, with a libc, and with a loader.
std::vector<std::string_view> core_of(const Point& point) {
  const std::string_view image = point.image.name;
  const bool core = varied_axes(point) == 0 && point.heap.bytes == 0 &&
                    (image == "nolibc" || image == "static" || image == "dynamic");
  return core ? std::vector<std::string_view>{"main_start_ns"} : std::vector<std::string_view>();
}

std::vector<forkcost_event> required_events(const ImageKind& image) {
  std::vector<forkcost_event> events = {FORKCOST_RESUMED, FORKCOST_MAIN, FORKCOST_EXIT,
                                        FORKCOST_REAPED};
  if (image.memfd) events.insert(events.end(), {FORKCOST_CHILD, FORKCOST_EXEC});
  // Those with libc read the CPU's counter at their entry point, and nothing where that is no
  // clock.
  if (!image.libc || clock_internal::use_counter) {
    events.push_back(FORKCOST_ENTRY);
    if (!image.loaded) events.push_back(FORKCOST_IMAGE);
  }
  return events;
}

Case make_case(const Point& point) {
  return {.benchmark = "exec",
          .axes = {{"image", point.image.name},
                   {"page-cache", point.cold ? "cold" : "warm"},
                   {"args", point.args},
                   {"path-dirs", std::to_string(point.path_directories)},
                   {"heap", format_size(point.heap.bytes)}},
          .preset = preset_of(point),
          .arena = ArenaSpec{point.heap.bytes, Backing::kBasePages},
          .required = required_events(point.image),
          .primary = "main_start_ns",
          .primary_cpu = "child_cpu_ns",
          .core = core_of(point),
          .body = [point](Measurement& m) { measure_exec(m, point); }};
}

// None and 1 GiB; all that the user asks for, who has no others in the list.
std::vector<HeapSize> choose_heaps(std::vector<HeapSize> heaps) {
  const bool users =
      std::ranges::all_of(heaps, [](const HeapSize& h) { return h.preset == Preset::kSmoke; });
  if (!users) {
    std::erase_if(heaps, [](const HeapSize& h) { return h.bytes != 0 && h.bytes != kGiB; });
  }
  return heaps;
}

}  // namespace

std::vector<Axis> program_axes() {
  return {{"args", "small", "size of the arguments and the environment of the program"},
          {"path-dirs", "0", "directories of PATH that are searched in vain first"}};
}

std::vector<AnswerSection> answer_sections() {
  const auto of = [](const char* image, const char* page_cache = "warm") -> AnswerFigure {
    return {.text = std::string("{} ") + image,
            .axes = {{"image", image}, {"page-cache", page_cache}}};
  };
  return {{.title = "exec",
           .place = 40,
           .benchmark = "exec",
           .axes = {{"args", "small"}, {"path-dirs", "0"}, {"heap", "0"}},
           .quantity = "main_start_ns",
           .rows = {{.title = "exec to main",
                     .figures = {of("nolibc"), of("static"), of("static-pie"), of("dynamic")}},
                    {.title = "  cold cache",
                     .figures = {of("nolibc", "cold"), of("static", "cold"),
                                 of("static-pie", "cold"), of("dynamic", "cold")}}}}};
}

std::vector<Case> register_cases(const std::vector<HeapSize>& available) {
  const std::vector<HeapSize> heaps = choose_heaps(available);
  std::vector<Case> cases;
  const auto add = [&](const Point& point) {
    if (makes_sense(point)) cases.push_back(make_case(point));
  };
  for (const ImageKind& image : image_kinds()) {
    for (const bool cold : {false, true}) {
      for (const char* const args : {"small", "128KiB", "1MiB"}) {
        for (const size_t directories : {size_t{0}, size_t{16}}) {
          for (const HeapSize& heap : heaps) {
            const bool other_heap = heap.bytes != heaps.front().bytes;
            add({image, cold, args, directories, heap, other_heap});
          }
        }
      }
    }
  }
  return cases;
}

}  // namespace forkcost
