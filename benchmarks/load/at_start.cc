// A program that is linked with generated libraries is started: the loader maps, relocates and
// binds them before main. Its axes are those of benchmarks/library_set.h, and page-cache: cold puts
// the program and its libraries out before every sample; libc, the loader, directories and inodes
// stay.
#include <spawn.h>

#include "benchmarks/cache_state.h"
#include "benchmarks/elf_file.h"
#include "benchmarks/load/groups.h"
#include "benchmarks/load/out_of_band.h"
#include "benchmarks/loader_run.h"
#include "harness/error.h"

namespace forkcost {
namespace {

// The libraries' relocations as their files say it, in the loader's terms.
struct Work {
  uint64_t relative = 0;  // but for those packed as RELR, of which the loader does not speak
  uint64_t lookups = 0;
};

Work work_of(const LoadPoint& point) {
  Work work;
  for (const std::filesystem::path& library : load_libraries(point)) {
    const ElfFile elf = read_elf_file(library);
    work.relative += elf.relocations.relative;
    work.lookups += elf.relocations.symbolic + (elf.bind_now ? elf.relocations.jump_slots : 0);
  }
  return work;
}

// A program of the design, with what it takes to start it.
class Program {
 public:
  Program(const LoadPoint& point, Timeline& timeline)
      : point_(point),
        timeline_(timeline),
        image_(load_program(point), timeline),
        environment_(plain_environment()) {}

  const LoadPoint& point() const { return point_; }
  const Image& image() const { return image_; }
  char* const* environment() const { return environment_.get(); }
  Timeline& timeline() const { return timeline_; }

 private:
  const LoadPoint& point_;
  Timeline& timeline_;
  Image image_;
  Words environment_;
};

// The loader counts exactly what the files say. Its and libc's own are those of a program without
// libraries.
void verify_counts(Measurement& m, const Program& program, const LoadStatistics& said,
                   LoaderAccount& account) {
  static const LoadPoint kNone{.libraries = 0};
  require_generated(kNone);
  const Program bare(kNone, program.timeline());
  const LoadStatistics own = account.ask(bare.image(), bare.environment());
  if (!said.relocations || !own.relocations) return;  // a loader that keeps no account
  const Work work = work_of(program.point());
  const auto expect = [&](const char* what, uint64_t expected, std::optional<uint64_t> observed,
                          std::optional<uint64_t> without) {
    const std::string wanted = std::to_string(expected);
    const std::string seen = std::to_string(observed.value_or(0) - without.value_or(0));
    m.verified({what, wanted, seen, wanted == seen});
  };
  expect("relative relocations counted by the loader", work.relative, said.relative, own.relative);
  expect("symbols looked up, counted by the loader", work.lookups, said.relocations,
         own.relocations);
  expect("lookups that it need not repeat", 0, said.from_cache, own.from_cache);
}

void ask_loader(Measurement& m, const Program& program, CacheState& cache, OutOfBand& out_of_band) {
  constexpr int kProcesses = 3;
  LoaderAccount account(program.image(), program.environment(), program.timeline());
  LoadStatistics said;
  for (int i = 0; i < kProcesses; ++i) {
    cache.before_sample();
    said = account.ask(program.image(), program.environment());
    const auto add = [&](const char* quantity, std::optional<uint64_t> ticks) {
      if (const auto time = loader_ticks_to_ns(ticks)) out_of_band.add(quantity, *time);
    };
    add("loader_ns", said.total_ticks);
    add("relocation_ns", said.relocation_ticks);
    add("load_ns", said.load_ticks);
  }
  verify_counts(m, program, said, account);
  const std::string searched =
      loader_says("libs", program.image(), program.environment(), program.timeline());
  if (const uint64_t found = count_searches(searched); found > 0) {
    out_of_band.add("failed_opens", static_cast<double>(count_tried_files(searched) - found));
  }
}

void look_at_memory(Measurement& m, const Program& program, OutOfBand& out_of_band) {
  constexpr int kProcesses = 3;
  for (int i = 0; i < kProcesses; ++i) {
    WaitingImage waiting(program.timeline(), program.image(), program.environment());
    const MemoryUse all = read_memory_use(waiting.pid());
    const LibraryUse use = read_library_use(waiting.pid(), program.point());
    waiting.end();
    const size_t wanted = program.point().libraries;
    if (i == 0 || use.libraries != wanted) {
      m.verified({"generated libraries mapped", std::to_string(wanted),
                  std::to_string(use.libraries), use.libraries == wanted});
    }
    out_of_band.add(all);
    out_of_band.add("library_private_dirty_bytes", static_cast<double>(use.private_dirty));
  }
}

void measure_start(Measurement& m, const LoadPoint& point, bool cold) {
  require_generated(point);
  for (Check& check : verify_load_point(point)) m.verified(std::move(check));
  std::vector<std::filesystem::path> files = load_libraries(point);
  files.push_back(load_program(point));
  CacheState cache(std::move(files), cold);
  const Program program(point, m.timeline());
  OutOfBand out_of_band;
  ask_loader(m, program, cache, out_of_band);
  look_at_memory(m, program, out_of_band);
  while (m.next_sample()) {
    cache.before_sample();
    pid_t pid = -1;
    m.call();
    const int error = posix_spawn(&pid, program.image().path(), nullptr, nullptr,
                                  program.image().arguments(), program.environment());
    m.resumed(error == 0 ? pid : -1, error);
    m.reap();
    cache.after_sample(m);
    out_of_band.record(m);
  }
  cache.verify(m);
}

// standard: the whole design warm, and the numbers of libraries cold. quick: where lines can be
// drawn through two points.
Preset preset_of(const LoadPoint& point, bool cold) {
  const size_t n = point.libraries;
  if (point == LoadPoint{.libraries = n}) {
    if (cold) return n == 16 || n == 64 ? Preset::kQuick : Preset::kStandard;
    if (n == 4) return Preset::kStandard;
    return n == 0 || n == 16 ? Preset::kSmoke : Preset::kQuick;
  }
  if (cold) return Preset::kFull;
  if (point.shape != "flat") return n == 4 ? Preset::kStandard : Preset::kQuick;
  const bool extremes = n == 4 && point.relocations != 1000;
  return extremes && point.binding != "now-relro" ? Preset::kQuick : Preset::kStandard;
}

// The loader, at a size at which it and not the kernel is what takes the time.
std::vector<std::string_view> core_of(const LoadPoint& point, bool cold) {
  const bool core = point == LoadPoint{.libraries = 64} && !cold;
  return core ? std::vector<std::string_view>{"main_start_ns"} : std::vector<std::string_view>();
}

std::vector<forkcost_event> required_events() {
  std::vector<forkcost_event> events = {FORKCOST_RESUMED, FORKCOST_MAIN, FORKCOST_EXIT,
                                        FORKCOST_REAPED};
  // The program reads the CPU's counter at its entry point, and nothing where that is no clock.
  if (clock_internal::use_counter) events.push_back(FORKCOST_ENTRY);
  return events;
}

}  // namespace

void add_start_cases(std::vector<Case>& cases) {
  for (const LoadPoint& point : load_points()) {
    for (const bool cold : {false, true}) {
      cases.push_back({.benchmark = "load",
                       .axes = {{"libraries", std::to_string(point.libraries)},
                                {"shape", point.shape},
                                {"relocations", std::to_string(point.relocations)},
                                {"kind", point.kind},
                                {"binding", point.binding},
                                {"hash", point.hash},
                                {"page-cache", cold ? "cold" : "warm"}},
                       .preset = preset_of(point, cold),
                       .required = required_events(),
                       .primary = "main_start_ns",
                       .primary_cpu = "child_cpu_ns",
                       .core = core_of(point, cold),
                       .body = [=](Measurement& m) { measure_start(m, point, cold); }});
    }
  }
}

}  // namespace forkcost
